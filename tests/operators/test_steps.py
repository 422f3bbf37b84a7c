"""The order in which rows are narrowed, and that rows are collected before what takes them one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from locality.operators.collection import Collection
from locality.operators.filters.conditions import plan_tests
from locality.operators.filters.filter import CodeTest
from locality.operators.relations.relation import Relation
from locality.operators.steps import plan_steps
from locality.plan.expressions import Call, ColumnRef, Constant, Expression
from locality.types import BIGINT, BOOLEAN
from tests.operators.relations import relation
from tests.properties.oracle import Pair

ROWS = 70_000
TABLE = pa.table({"a": np.arange(ROWS) * 7 % 40, "b": np.arange(ROWS) * 11 % 101, "c": np.arange(ROWS)})


def test_sets_of_many_codes_are_looked_up_for_few_rows() -> None:
    scattered = tuple(Constant(value, BIGINT) for value in range(0, 100, 4))
    terms = [
        Call("in", (ColumnRef(1, BIGINT), *scattered), BOOLEAN),
        Call("=", (ColumnRef(0, BIGINT), Constant(3, BIGINT)), BOOLEAN),
    ]
    given = relation([TABLE], lambda _, candidates: next(c for c in candidates if c.encoding == "frame"))
    steps = plan_steps(given, plan_tests(given, terms), ())
    forms = [step.action.form.how for step in steps if isinstance(step.action, CodeTest)]
    assert forms == ["compare", "bits"]
    assert [step.few for step in steps] == [False, True]


def test_their_rows_are_those_of_duckdb() -> None:
    values = ", ".join(map(str, range(0, 100, 4)))
    with Pair() as pair:
        pair.load("t", [TABLE])
        pair.check(f"select count(*), sum(c) from t where b in ({values}) and a = 3")
        pair.check(f"select b, sum(c) from t where b not in ({values}) and a between 1 and 3 group by b")


def test_blocks_without_a_rare_value_are_left_before_the_next_test() -> None:
    terms = [
        Call("=", (ColumnRef(2, BIGINT), Constant(40_000, BIGINT)), BOOLEAN),
        Call("<", (ColumnRef(1, BIGINT), Constant(90, BIGINT)), BOOLEAN),
    ]
    given = relation([TABLE], lambda _, candidates: next(c for c in candidates if c.encoding == "frame"))
    assert [step.last for step in plan_steps(given, plan_tests(given, terms), ())] == [True, False]
    assert [step.last for step in plan_steps(given, plan_tests(given, terms[1:]), ())] == [False]
    with Pair() as pair:
        pair.load("t", [TABLE])
        for number in (0, 40_000, 69_999, 70_000):
            pair.check(f"select a, b, c from t where c = {number} and b < 90 and a >= 0 order by c limit 3")
            pair.check(f"select count(*), sum(a + b) from t where c in ({number}, 17, 65536) and b between 1 and 99")


def test_rows_that_lie_far_apart_are_asked_for_once_they_are_known() -> None:
    terms = [
        Call("=", (ColumnRef(1, BIGINT), Constant(3, BIGINT)), BOOLEAN),
        Call("in", (ColumnRef(0, BIGINT), *(Constant(value, BIGINT) for value in range(0, 40, 4))), BOOLEAN),
    ]
    given = relation([TABLE], lambda _, candidates: next(c for c in candidates if c.encoding == "frame"))
    assert [step.strewn for step in plan_steps(given, plan_tests(given, terms), ())] == [False, True]
    assert "prefetch(" in _kernel(given, terms)
    assert "prefetch(" not in _kernel(given, terms[1:])
    with Pair() as pair:
        pair.load("t", [TABLE])
        pair.check("select a, count(*), sum(c) from t where b = 3 and a in (0, 5, 8, 16, 24, 33) group by a")
        pair.check("select c, a + b from t where b = 3 and c > 1000 order by c")


def test_columns_read_of_all_rows_are_asked_for_a_block_ahead() -> None:
    given = relation([TABLE], lambda _, candidates: next(c for c in candidates if c.encoding == "frame"))
    term = Call("=", (ColumnRef(1, BIGINT), Constant(3, BIGINT)), BOOLEAN)
    text = _kernel(given, [term])
    assert text.count("prefetch_lines(") == 1  # not for what is read of the rows that are left


def _kernel(given: Relation, terms: Sequence[Expression]) -> str:
    """The text of a kernel that collects rows."""
    pipeline = Collection(given, terms, [ColumnRef(2, BIGINT)]).pipeline
    assert pipeline is not None
    return pipeline.kernels[0].kernel.source
