"""Locality's answers to our own sqllogictest files are the expected ones, and so are DuckDB's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.properties.interpreted import interpreted_kernels
from tests.slt.comparison import DIALECTS
from tests.slt.report import failures
from tests.slt.runner import PASSED, run_file
from tests.slt.session import SESSIONS
from tests.versions import IS_2, since_2

#: Files that expect rules, or errors, of DuckDB 2.0.
_OF_2 = frozenset({"dates", "decimals", "errors", "joins", "lambdas", "nested_keys", "structs"})
CORPUS = [
    pytest.param(path, id=path.stem, marks=since_2("follows other rules") if path.stem in _OF_2 else ())
    for path in sorted((Path(__file__).parent / "corpus").glob("*.test"))
]

#: How many queries of each file DuckDB may still answer: lower it as operators come, so that none is lost again.
LEFT_TO_DUCKDB: Mapping[str, int] = {
    "aggregates": 2,
    "ctes": 2,
    "decimals": 1,
    "join_keys": 3,
    "lambdas": 2,
    "lists": 1,
    "order_limit": 1,
    "settings": 1,
    "strings": 2,
    "subqueries": 1,
    "windows": 1,
}


@pytest.mark.parametrize("path", CORPUS)
def test_locality(path: Path) -> None:
    with interpreted_kernels():
        report = run_file(path, SESSIONS["locality"], DIALECTS["duckdb"])
    assert not list(failures(report)), "\n".join(failures(report))
    assert report.count(PASSED) == len(report.checks) > 10
    left = [f"{check.line}: {check.reason}" for check in report.checks if check.engine == "duckdb"]
    assert not IS_2 or len(left) <= LEFT_TO_DUCKDB.get(path.stem, 0), "\n".join(left)


@pytest.mark.parametrize("path", CORPUS)
def test_duckdb(path: Path) -> None:
    report = run_file(path, SESSIONS["duckdb"], DIALECTS["duckdb"])
    assert not list(failures(report)), "\n".join(failures(report))
