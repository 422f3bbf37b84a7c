"""Top-n over rows that follow its order or run against it: DuckDB's rows, and zones that come too late are not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from locality.operators.morsels import Morsel
from locality.operators.pipeline import Pipeline
from locality.storage.zones import ZONE_ROWS
from tests.properties.oracle import Pair

ROWS = 400_000


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """``day`` follows the rows, ``back`` runs against them, ``gaps`` has a zone of NULLs and others with some."""
    rng = np.random.default_rng(6)
    numbers = np.arange(ROWS)
    nulls = (numbers // ZONE_ROWS == 3) | (rng.random(ROWS) < 0.001) & (numbers < 150_000)
    table = pa.table(
        {
            "id": numbers,
            "day": pa.array((numbers // 37).astype("int32")).cast(pa.date32()),
            "back": pa.array(9_000_000 - 25 * (numbers // 3)).cast(pa.decimal128(19, 0)).cast(pa.decimal128(15, 2)),
            "gaps": pa.array(numbers // 2 - 100_000, mask=nulls),
            "mixed": rng.integers(0, 90, ROWS),
        }
    )
    with Pair(threads=2) as made:
        made.load("t", [table.slice(0, 300_000), table.slice(300_000)])
        yield made


@pytest.fixture
def run_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each morsel that is run."""
    found: list[int] = []
    call = Pipeline.call

    def recorded(self: Pipeline, morsel: Morsel, *rest: Any, **named: Any) -> int:
        found.append(morsel.rows)
        return call(self, morsel, *rest, **named)

    monkeypatch.setattr(Pipeline, "call", recorded)
    return found


@pytest.mark.parametrize(
    ("order", "zones"),
    [
        ("day desc, id", 2),
        ("back, id", 2),
        ("back desc, id", 2),
        ("gaps desc nulls last, id", 3),
        ("gaps nulls first, id", 7),
        ("gaps desc nulls first, id desc", 7),
        ("gaps, id", 3),
        ("mixed desc, id desc", 7),
    ],
)
def test_first_rows_are_those_of_duckdb(pair: Pair, run_rows: list[int], order: str, zones: int) -> None:
    profile = pair.check(f"select id from t order by {order} limit 20 offset 3", ordered=True)
    assert 0 < sum(run_rows) <= zones * ZONE_ROWS
    assert (profile.bytes_moved < 3 * ROWS) == (zones < 7)
    pair.check(f"select id from t where mixed = 7 order by {order} limit 5", ordered=True)


def test_without_zones_all_is_read(pair: Pair, run_rows: list[int]) -> None:
    pair.locality.settings.disabled_optimizers = frozenset({"zone_pruning"})
    pair.check("select id from t order by day desc, id limit 3", ordered=True)
    pair.locality.settings.disabled_optimizers = frozenset()
    assert sum(run_rows) == ROWS


def test_after_changes(pair: Pair) -> None:
    for engine in (pair.locality, pair.duckdb):
        engine.sql("delete from t where id > 390000 or id < 10")
        engine.sql("insert into t values (-5, date '1900-01-01', 9.5, null, 3), (-6, date '2900-01-01', -1, 1, 4)")
    for order in ("day desc, id", "day, id", "back, id", "gaps desc, id", "gaps nulls first, id"):
        pair.check(f"select * from t order by {order} limit 7", ordered=True)
