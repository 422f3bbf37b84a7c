"""What decoded plans mean: as SQL again, over rows, they give DuckDB's answer to the query."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from locality.sql.planner import Planner
from tests.properties.oracle import compare
from tests.sql.golden_queries import QUERIES
from tests.sql.plan_sql import answer
from tests.sql.tables import TABLES, rows
from tests.tpch import standard


@pytest.fixture(scope="module")
def filled() -> Iterator[duckdb.DuckDBPyConnection]:
    """The planner's tables, with rows; what the rows lack is NULL."""
    connection = duckdb.connect(config={"threads": 2})
    connection.register("given", rows())
    for name in ("t", "u"):
        columns = ", ".join(f'"{column}" {dtype}' for column, dtype in TABLES[name])
        connection.execute(f"create table {name} ({columns})")
    connection.execute("insert into t by name select * from given")
    connection.execute("insert into t by name select a, s, b + 1 as b, d from given where a > 0")
    connection.execute("insert into u by name select a, b, s, d from given where a is null or a <> 3")
    connection.execute("insert into u by name select a + 5 as a, b, 'x' as s from given where a = 3")
    yield connection
    connection.close()


#: The frames of windows have their bounds computed, which SQL can't say; times with a zone depend on the session.
UNSAYABLE = {
    *("filter_timestamp", "window", "window_functions", "window_frames", "qualify", "lateral", "distinct_on"),
    *("asof", "positional"),
}


@pytest.mark.parametrize("name", sorted(set(QUERIES) - UNSAYABLE))
def test_plans_mean_what_the_query_says(name: str, planner: Planner, filled: duckdb.DuckDBPyConnection) -> None:
    query = planner.plan(QUERIES[name])
    try:
        wanted = filled.sql(QUERIES[name]).to_arrow_table()
    except duckdb.Error as error:
        with pytest.raises(type(error)):
            answer(filled, query.root)
        return
    got = answer(filled, query.root).rename_columns([str(i) for i in range(len(query.names))])
    assert not compare(got, wanted.rename_columns(got.column_names), ordered=False)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[standard.Benchmark]:
    with standard.Benchmark(tmp_path_factory.mktemp("data")) as opened:
        yield opened


def test_tpch_has_22_queries() -> None:
    assert list(standard.QUERIES) == [f"q{number:02}" for number in range(1, 23)]


@pytest.mark.parametrize("name", standard.QUERIES)
def test_plans_of_tpch_mean_what_the_query_says(name: str, benchmark: standard.Benchmark) -> None:
    query = benchmark.planner.plan(standard.QUERIES[name])
    relation = benchmark.duckdb.sql(standard.QUERIES[name])
    assert [str(dtype) for dtype in query.types] == [str(dtype) for dtype in relation.types]
    wanted = relation.to_arrow_table()
    assert wanted.num_rows
    got = answer(benchmark.duckdb, query.root).rename_columns(wanted.column_names)
    assert not compare(got, wanted, ordered=False)
