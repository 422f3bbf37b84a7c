"""TPC-H's queries, optimized: the plans are those that were read and kept, and they mean what the queries say.

``LOCALITY_UPDATE_GOLDEN=1 pytest tests/optimizer/test_standard.py`` keeps the plans as they are now; read the
difference before you commit it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from locality.optimizer import optimize
from tests.optimizer.standard import Standard
from tests.properties.oracle import compare
from tests.sql.notation import plan_text
from tests.sql.plan_sql import answer
from tests.tpch.standard import QUERIES, Benchmark
from tests.versions import since_2

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Benchmark]:
    with Benchmark(tmp_path_factory.mktemp("data")) as opened:
        yield opened


@pytest.fixture(scope="module")
def statistics(benchmark: Benchmark) -> Standard:
    return Standard({name: benchmark.duckdb.table(name).columns for name in benchmark.files})


@since_2("plans otherwise")
@pytest.mark.parametrize("name", QUERIES)
def test_plans_are_as_they_were(name: str, benchmark: Benchmark, statistics: Standard) -> None:
    plan = plan_text(optimize(benchmark.planner.plan(QUERIES[name]).root, statistics)) + "\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("LOCALITY_UPDATE_GOLDEN"):
        path.write_text(plan, encoding="utf-8")
    assert plan == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", QUERIES)
def test_plans_mean_what_the_query_says(name: str, benchmark: Benchmark, statistics: Standard) -> None:
    wanted = benchmark.duckdb.sql(QUERIES[name]).to_arrow_table()
    optimized = optimize(benchmark.planner.plan(QUERIES[name]).root, statistics)
    got = answer(benchmark.duckdb, optimized).rename_columns(wanted.column_names)
    assert not compare(got, wanted, ordered=False)
