"""Nodes: their types, what they read, and how their inputs are exchanged."""

from __future__ import annotations

from typing import get_args

import pytest

from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import (
    Aggregate,
    AsofJoin,
    ComputedLimit,
    Filter,
    Join,
    JoinKey,
    JoinKind,
    Limit,
    Node,
    Project,
    Recursive,
    RecursiveScan,
    Scan,
    SetOperation,
    Shared,
    SharedScan,
    Sort,
    Union,
    Unnest,
    Values,
    Window,
    inputs_of,
    walk_nodes,
    with_inputs,
)
from locality.plan.reads import expressions_of, with_expressions
from locality.plan.windows import Bound, Frame, WindowCall
from locality.types import BIGINT, BOOLEAN, DOUBLE, VARCHAR, list_of

A, B = Scan("a", (0, 1), (BIGINT, VARCHAR)), Scan("b", (0,), (BIGINT,))
X, Y = ColumnRef(0, BIGINT), ColumnRef(2, BIGINT)
LESS = Call("<", (X, Y), BOOLEAN)
FRAME = Frame("rows", Bound("preceding", Constant(3, BIGINT)), Bound("current row"))
CALL = WindowCall("avg", (X,), DOUBLE, (ColumnRef(1, VARCHAR),), (SortKey(Y),), FRAME, filter=LESS)

#: Nodes, their inputs and their own expressions.
NODES: list[tuple[Node, tuple[Node, ...], list[Expression]]] = [
    (A, (), []),
    (SharedScan(1, (BIGINT,)), (), []),
    (Values(((1,),), (BIGINT,)), (), []),
    (Filter(A, LESS), (A,), [LESS]),
    (Project(A, (X, LESS)), (A,), [X, LESS]),
    (Aggregate(A, (X,), (AggregateCall("sum", (Y,), BIGINT, filter=LESS),)), (A,), [X, Y, LESS]),
    (Sort(A, (SortKey(X),)), (A,), [X]),
    (Limit(A, 1), (A,), []),
    (ComputedLimit(A, X, None, 0), (A,), [X]),
    (Unnest(A, (ColumnRef(0, list_of(BIGINT)),)), (A,), [ColumnRef(0, list_of(BIGINT))]),
    (Recursive(A, RecursiveScan(1, A.types), 1, distinct=True), (), []),
    (RecursiveScan(1, A.types), (), []),
    (Join(A, B, "inner", (JoinKey(X, Y),), LESS), (A, B), [X, Y, LESS]),
    (AsofJoin(A, B, "left", (JoinKey(X, Y),), ">=", JoinKey(Y, X)), (A, B), [X, Y, Y, X]),
    (Shared(A, B, 1), (A, B), []),
    (Union((A, B, A)), (A, B, A), []),
    (SetOperation(A, B, "except", all=True), (A, B), []),
    (Window(A, (CALL,)), (A,), [X, ColumnRef(1, VARCHAR), Y, Constant(3, BIGINT), LESS]),
]


@pytest.mark.parametrize(("node", "inputs", "expressions"), NODES)
def test_inputs_and_expressions(node: Node, inputs: tuple[Node, ...], expressions: list[Expression]) -> None:
    assert inputs_of(node) == inputs
    assert list(expressions_of(node)) == expressions

    assert with_inputs(node, inputs) == node
    others = [Filter(each, LESS) for each in inputs]
    assert inputs_of(with_inputs(node, others)) == tuple(others)
    assert list(walk_nodes(node)) == [node, *inputs]


@pytest.mark.parametrize("node", [node for node, _, _ in NODES])
def test_every_expression_is_exchanged(node: Node) -> None:
    other = Constant(7, BIGINT)
    changed = with_expressions(node, lambda e: other)
    assert list(expressions_of(changed)) == [other for _ in expressions_of(node)]
    assert (type(changed), inputs_of(changed)) == (type(node), inputs_of(node))


def test_every_kind_of_node_is_here() -> None:
    assert {type(node) for node, _, _ in NODES} == set(get_args(Node))


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        *((kind, (BIGINT, VARCHAR, BIGINT)) for kind in ("inner", "left", "right", "full", "single")),
        *((kind, (BIGINT, VARCHAR)) for kind in ("semi", "anti")),
        ("mark", (BIGINT, VARCHAR, BOOLEAN)),
    ],
)
def test_columns_of_joins(kind: JoinKind, types: tuple[object, ...]) -> None:
    assert Join(A, B, kind, ()).types == types


def test_columns_of_other_nodes() -> None:
    assert Shared(A, B, 1).types == B.types
    assert Union((A, A)).types == A.types
    assert SetOperation(A, A, "intersect", all=False).types == A.types
    assert Window(A, (CALL,)).types == (BIGINT, VARCHAR, DOUBLE)


def test_a_window_call_is_changed_everywhere() -> None:
    changed = CALL.mapped(lambda e: Call("-", (e,), e.type))
    assert list(changed.expressions()) == [Call("-", (e,), e.type) for e in CALL.expressions()]
    assert (changed.name, changed.type, changed.frame.end) == (CALL.name, CALL.type, CALL.frame.end)
