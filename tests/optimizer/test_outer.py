"""Subqueries whose rows are among the outer rows: the same answer, from these."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from locality.optimizer import optimize
from locality.optimizer.decorrelate import decorrelate
from locality.optimizer.outer import read_outer_rows
from locality.optimizer.shared import lift_shared
from locality.plan.nodes import Node, Scan, walk_nodes
from locality.sql.planner import Planner
from tests.optimizer.known import Counted, planner_of, tables_in_duckdb
from tests.properties.oracle import compare
from tests.sql.plan_sql import answer
from tests.versions import IS_2

#: ``p`` and ``q`` are told apart by ``a``, NULL included; ``t`` has several rows of most keys, and keys that are NULL.
TABLES = {
    "t": [
        (a, b, number)
        for number, (a, b) in enumerate([(1, 5), (1, 6), (1, 6), (2, 1), (2, 2), (2, None), (3, 9), (3, 2)])
    ]
    + [(None, 4, 8), (None, 8, 9), (4, 0, 10)],
    "p": [(1, 0, 2), (2, 1, 3), (3, 0, 2), (None, 0, 2), (5, 0, 0)],
    "q": [(2, 7, 7), (3, 8, 8)],
}
SAME = [
    "select t.c from t, p where t.a = p.a and p.b = 0 and t.b > (select avg(b) from t u where u.a = p.a)",
    "select t.c from t, p where t.a = p.a and p.b = 0 and t.b > (select avg(b) from t u where u.a = t.a)",
    (
        "select t.c from t, p, q where t.a = p.a and p.c = q.a and q.b = 7 "
        "and t.b = (select min(b) from t u where u.a = t.a)"
    ),
    "select t.c from t, p where t.a = p.a and t.b > 1 and t.b < (select max(b) from t u where u.b > 1 and u.a = t.a)",
    (
        "select t.c from t, p, q where t.a = p.a and p.c = q.a and p.b = 0 "
        "and t.b >= (select avg(u.b) from t u, p v where u.a = v.a and v.b = 0 and u.a = t.a)"
    ),
]
#: The outer rows lack some of the subquery's, or have them several times.
OTHER = [
    "select t.c from t, p where t.a = p.a and t.b = p.a and t.b > (select avg(b) from t u where u.a = t.a)",
    "select t.c from t, p where t.a = p.a and t.c > 0 and t.b > (select avg(b) from t u where u.a = t.a)",
    "select t.c from t, p where t.a = p.a and t.b > (select avg(b) from t u where u.a = t.a and u.c > 0)",
    "select t.c from t, p where t.a = p.a and t.b > p.c and t.b >= (select avg(b) from t u where u.a = t.a)",
    "select t.c from t, p where p.c > t.a and t.b <= (select sum(b) from t u where u.a = t.a)",
    "select t.c from t, t w where t.a = w.a and w.b > 1 and t.b < (select sum(b) from t u where u.a = t.a)",
    "select t.c from t, p where t.a = p.a and t.b >= (select avg(b) from t u where u.b = t.b)",
    "select t.c from t, p where t.a = p.a and t.b >= (select avg(b) from p u where u.a = t.a)",
    "select t.c from t, p where t.a is not distinct from p.a and t.b = (select max(b) from t u where u.a = t.a)",
]


@pytest.fixture(scope="module")
def filled() -> Iterator[duckdb.DuckDBPyConnection]:
    with tables_in_duckdb(TABLES) as connection:
        yield connection


@pytest.fixture(scope="module")
def planner() -> Iterator[Planner]:
    with planner_of(TABLES) as made:
        yield made


def scans(root: Node) -> int:
    return sum(isinstance(node, Scan) for node in walk_nodes(root))


@pytest.mark.parametrize(("sql", "is_same"), [(sql, True) for sql in SAME] + [(sql, False) for sql in OTHER])
def test_tables_are_read_once_where_the_rows_are_the_same(
    sql: str, is_same: bool, planner: Planner, filled: duckdb.DuckDBPyConnection
) -> None:
    wanted = filled.sql(sql).to_arrow_table()
    assert wanted.num_rows
    statistics = Counted(TABLES)
    plan = planner.plan(sql).root
    before = decorrelate(lift_shared(plan), statistics)
    after = read_outer_rows(before, statistics)
    assert (scans(after) < scans(before)) == (is_same and IS_2)  # plans of DuckDB 1.5 collect values first
    for rewritten in (after, optimize(plan, statistics)):
        got = answer(filled, rewritten).rename_columns(wanted.column_names)
        assert not compare(got, wanted, ordered=False)
