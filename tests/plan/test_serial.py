"""Groupings written as JSON and read again."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.plan.expressions import AggregateCall, Call, Case, Cast, ColumnRef, Constant, Expression, Lookup
from locality.plan.rollups import Grouping
from locality.plan.serial import expression_from_json, expression_to_json, grouping_from_json, grouping_to_json
from locality.types import BIGINT, BOOLEAN, DOUBLE, INTEGER, VARCHAR, DataType, decimal

TYPES = st.sampled_from([INTEGER, VARCHAR, DOUBLE, decimal(12, 2), DataType("ENUM('a', 'b,c')"), DataType("INTERVAL")])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**127), 2**127),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
    st.tuples(*[st.integers(-(2**31), 2**31)] * 3),
)
LEAVES = st.one_of(st.builds(ColumnRef, st.integers(0, 99), TYPES), st.builds(Constant, VALUES, TYPES))


def larger(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    some = st.lists(parts, max_size=3).map(tuple)
    branches = st.lists(st.tuples(parts, parts), min_size=1, max_size=2).map(tuple)
    return st.one_of(
        st.builds(Call, st.sampled_from(["+", "date_trunc"]), some, TYPES),
        st.builds(Cast, parts, TYPES, st.booleans()),
        st.builds(Case, branches, parts, TYPES),
    )


EXPRESSIONS = st.recursive(LEAVES, larger, max_leaves=6)


@settings(max_examples=40)
@given(expression=EXPRESSIONS)
def test_expressions_come_back(expression: Expression) -> None:
    assert expression_from_json(json.loads(json.dumps(expression_to_json(expression)))) == expression


@settings(max_examples=40)
@given(expressions=st.lists(EXPRESSIONS, min_size=3, max_size=3))
def test_groupings_come_back(expressions: list[Expression]) -> None:
    term, group, argument = expressions
    calls = (AggregateCall("count_star", (), BIGINT), AggregateCall("sum", (argument,), decimal(38, 2)))
    grouping = Grouping("t", (Call("=", (term, term), BOOLEAN),), (group,), calls)
    assert grouping_from_json(json.loads(json.dumps(grouping_to_json(grouping))), "t") == grouping


def test_not_a_number_comes_back() -> None:
    read = expression_from_json(expression_to_json(Constant(math.nan, DOUBLE)))
    assert isinstance(read, Constant)
    assert isinstance(read.value, float)
    assert math.isnan(read.value)


def test_what_operators_make_is_no_part_of_a_plan_that_is_kept() -> None:
    with pytest.raises(TypeError, match="Lookup"):
        expression_to_json(Lookup(0, ColumnRef(0, INTEGER), INTEGER))


@pytest.mark.parametrize("wrong", [[], ["column"], ["constant", {"other": 1}, "INTEGER"]])
def test_what_is_no_expression_is_said(wrong: object) -> None:
    with pytest.raises(ValueError, match="no (expression|constant)"):
        expression_from_json(wrong)
