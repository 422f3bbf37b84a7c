"""Correlated subqueries: the same answer without the detour, and no shared result left where none is needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import duckdb
import pytest

from locality.optimizer import optimize
from locality.optimizer.decorrelate import decorrelate
from locality.optimizer.shared import inline_shared, lift_shared
from locality.plan.nodes import Join, Node, Shared, walk_nodes
from locality.sql.planner import Planner
from tests.optimizer.known import Counted, planner_of, tables_in_duckdb
from tests.properties.oracle import compare
from tests.sql.plan_sql import answer

_VALUES = (None, 0, 1, 2)
TABLES = {
    "t": [(*row, number) for number, row in enumerate(itertools.product(_VALUES, repeat=2))],
    "u": [(1, 2, 0), (1, None, 1), (2, 0, None), (None, 1, 2), (2, 2, 2), (0, 0, 0)],
    "v": [(1, 1, 1), (2, None, 2), (None, None, None)],
}
#: Subqueries that need no shared result.
DIRECT = [
    "select c from t where exists (select 1 from u where u.a = t.a)",
    "select c from t where not exists (select 1 from u where u.a = t.a)",
    "select c from t where exists (select 1 from u where u.a = t.a and u.b <> t.b)",
    "select c from t where not exists (select 1 from u where u.a = t.a and u.b <> t.b)",
    "select c from t where exists (select 1 from u where u.a > t.a)",
    "select c from t where not exists (select 1 from u where u.a > t.a or u.b = t.b)",
    "select c from t where not exists (select 1 from u, v where u.a = v.a and u.b < t.b and v.b = t.a)",
    "select c from t where exists (select 1 from u left join v on u.a = v.a where u.b = t.b and v.c > t.a)",
    "select c from t where exists (select 1 from u where u.a is not distinct from t.a and u.c >= t.b)",
    "select c from t where t.a in (select u.a from u where u.b > t.b)",
    "select c from t where exists (select 1 from u where u.a = t.a and exists (select 1 from v where v.b = t.b))",
    "select t.c, u.c from t join u on t.a = u.a where not exists (select 1 from v where v.a = t.b and v.c <> u.c)",
    "select t.c, u.c from t join u on t.b = u.b where exists (select 1 from v where v.a = t.a) and t.c < 14",
    "select t.c, u.c from t join u on t.b = u.b where not exists (select 1 from v where v.a = t.a) and t.c < 14",
    "select t.c, u.c from t join u on t.b = u.b where not exists (select 1 from v where v.a = t.a and v.b > t.c)",
]
#: Subqueries that are computed for the distinct values of the outer rows.
INDIRECT = [
    "select c from t where t.b > (select min(u.b) from u where u.a < t.a)",
    "select c, (select count(*) from u where u.a > t.a) from t",
    "select c, (select max(u.b) from u where u.a = t.a and u.c <= t.b) from t",
    "select c from t where t.a not in (select u.a from u where u.b = t.b)",
    "select c, exists (select 1 from u where u.a < t.a) from t",
]


@pytest.fixture(scope="module")
def filled() -> Iterator[duckdb.DuckDBPyConnection]:
    with tables_in_duckdb(TABLES) as connection:
        yield connection


@pytest.fixture(scope="module")
def planner() -> Iterator[Planner]:
    with planner_of(TABLES) as made:
        yield made


def has(node: Node, kind: type) -> bool:
    return any(isinstance(each, kind) for each in walk_nodes(node))


@pytest.mark.parametrize("sql", DIRECT + INDIRECT)
def test_the_answer_stays(sql: str, planner: Planner, filled: duckdb.DuckDBPyConnection) -> None:
    wanted = filled.sql(sql).to_arrow_table()
    assert wanted.num_rows
    plan = planner.plan(sql).root
    lifted = lift_shared(plan)
    for rewritten in (lifted, decorrelate(lifted, Counted(TABLES)), optimize(plan, Counted(TABLES))):
        got = answer(filled, rewritten).rename_columns(wanted.column_names)
        assert not compare(got, wanted, ordered=False)


@pytest.mark.parametrize("sql", DIRECT)
def test_outer_rows_are_joined_directly(sql: str, planner: Planner) -> None:
    plan = inline_shared(decorrelate(lift_shared(planner.plan(sql).root), Counted(TABLES)))
    assert has(plan, Join)
    assert not has(plan, Shared)


def test_plans_without_shared_results_stay_as_they_are(planner: Planner) -> None:
    plan = planner.plan("select t.c from t join u on t.a = u.a").root
    assert decorrelate(plan, Counted(TABLES)) is plan
