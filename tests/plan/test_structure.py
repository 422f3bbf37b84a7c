"""Keys of expressions: equal for what computes the same, and for nothing else."""

from __future__ import annotations

import math

from locality.plan.expressions import AggregateCall, Call, Case, Cast, ColumnRef, Constant, Lookup, SortKey
from locality.plan.structure import structure, structure_of_call, structure_of_sort_key
from locality.types import BIGINT, BOOLEAN, DataType

DOUBLE = DataType("DOUBLE")
A, B = ColumnRef(0, BIGINT), ColumnRef(1, BIGINT)


def test_floats_are_told_apart_by_their_bits() -> None:
    zero, negative, nan = (structure(Constant(value, DOUBLE)) for value in (0.0, -0.0, math.nan))
    assert zero != negative
    assert nan == structure(Constant(float("nan"), DOUBLE))


def test_different_expressions_have_different_keys() -> None:
    less = Call("<", (A, Constant(3, BIGINT)), BOOLEAN)
    expressions = [
        A,
        B,
        ColumnRef(0, DOUBLE),
        Constant(0, BIGINT),
        Constant(False, BOOLEAN),
        Constant("0", DataType("VARCHAR")),
        Constant(None, BIGINT),
        less,
        Call("<", (Constant(3, BIGINT), A), BOOLEAN),
        Call("<=", less.args, BOOLEAN),
        Cast(A, DOUBLE),
        Cast(A, DOUBLE, lenient=True),
        Case(((less, A),), B, BIGINT),
        Case(((less, B),), A, BIGINT),
        Lookup(0, less, BOOLEAN),
        Lookup(1, less, BOOLEAN),
        Lookup(0, less, BOOLEAN, ranked=True),
    ]
    assert len({structure(expression) for expression in expressions}) == len(expressions)
    assert structure(Call("<", (ColumnRef(0, BIGINT), Constant(3, BIGINT)), BOOLEAN)) == structure(less)


def test_calls_and_sort_keys_are_told_apart_by_all_that_they_say() -> None:
    calls = [
        AggregateCall("sum", (A,), BIGINT),
        AggregateCall("sum", (B,), BIGINT),
        AggregateCall("min", (A,), BIGINT),
        AggregateCall("sum", (A,), BIGINT, distinct=True),
        AggregateCall("sum", (A,), BIGINT, filter=Call("is null", (B,), BOOLEAN)),
        AggregateCall("sum", (A,), BIGINT, keys=(SortKey(B),)),
    ]
    assert len({structure_of_call(call) for call in calls}) == len(calls)
    keys = [SortKey(A), SortKey(A, descending=True), SortKey(A, nulls_first=True), SortKey(B)]
    assert len({structure_of_sort_key(key) for key in keys}) == len(keys)
