"""What share of rows a filter is expected to pass, which EXPLAIN tells: of NULLs, and of raw strings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pytest

import locality
from locality.connection import Connection

_ROWS = 2000


@pytest.fixture(scope="module")
def con() -> Iterator[Connection]:
    texts = [f"text number {i}" for i in range(_ROWS)]
    table = pa.table({"n": pa.array(range(_ROWS), mask=[i % 4 == 0 for i in range(_ROWS)]), "s": texts})
    with locality.connect() as connection:
        connection.ingest("t", table)
        yield connection


@pytest.mark.parametrize(
    ("condition", "least", "most"),
    [
        ("n is null", 0.25, 0.25),
        ("n is not null", 0.75, 0.75),
        ("n < 1000", 0.37, 0.38),
        ("n < 1000 or n is null", 0.62, 0.63),
        ("s = 'text number 7'", 0.0004, 0.0006),
        ("s in ('text number 7', 'text number 8', 'text number 9', 'text number 1')", 0.0018, 0.0022),
        ("s <> 'text number 7'", 0.99, 1.0),
        ("s = 'text number 8' or s = 'text number 9'", 0.0008, 0.0012),
        ("s like '%ber 7%'", 0.05, 0.2),
        ("s not like '%ber 7%'", 0.8, 0.95),
    ],
)
def test_expected_shares(con: Connection, condition: str, least: float, most: float) -> None:
    explained = str(con.explain(f"select count(n + 0) from t where {condition}"))
    found = re.search(r"([0-9.]+)% expected to pass", explained)
    assert found is not None, explained
    assert least <= float(found[1]) / 100 <= most
