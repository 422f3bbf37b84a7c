"""Random plans over small tables: joins of every kind, nested, with filters, projections and groups between them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression
from locality.plan.nodes import (
    Aggregate,
    Filter,
    Join,
    JoinKey,
    JoinKind,
    Limit,
    Node,
    Project,
    Scan,
    SetOperation,
    Shared,
    SharedScan,
    Union,
)
from locality.types import BIGINT, BOOLEAN

NAMES = ("a", "b", "c")
_WIDTH = 3
_VALUES = st.none() | st.integers(0, 3)
_KINDS: tuple[JoinKind, ...] = ("inner", "inner", "inner", "left", "right", "full", "semi", "anti", "mark", "single")

Tables = dict[str, list[tuple[Any, ...]]]


@st.composite
def tables(draw: st.DrawFn) -> Tables:
    """Few rows of few values; some first columns are keys, so that the facts of keys are met."""
    made: Tables = {}
    for name in NAMES:
        rows = draw(st.lists(st.tuples(*[_VALUES] * _WIDTH), max_size=5))
        if draw(st.booleans()):
            rows = [(i, *row[1:]) for i, row in enumerate(rows)]
        made[name] = rows
    return made


@st.composite
def plans(draw: st.DrawFn, depth: int = 4) -> Node:
    """A plan; BIGINT and BOOLEAN columns only."""
    if depth > 2 and draw(st.integers(0, 5)) == 0:
        definition = draw(plans(2))
        return Shared(definition, draw(_nodes(depth - 1, SharedScan(depth, definition.types))), depth)
    return draw(_nodes(depth, None))


@st.composite
def _nodes(draw: st.DrawFn, depth: int, shared: SharedScan | None) -> Node:
    if depth == 0:
        if shared is not None and draw(st.booleans()):
            return shared
        columns = draw(st.permutations(range(_WIDTH)))
        return Scan(draw(st.sampled_from(NAMES)), tuple(columns), (BIGINT,) * _WIDTH)
    below = _nodes(depth - 1, shared)
    match draw(st.integers(0, 9)):
        case 0 | 1:
            child = draw(below)
            return Filter(child, draw(conditions(child)))
        case 2:
            child = draw(below)
            return Project(child, tuple(draw(st.lists(_projected(child), min_size=1, max_size=4))))
        case 3:
            return draw(_aggregates(draw(below)))
        case 4:
            left = draw(below)
            return draw(
                st.sampled_from([Union((left, left)), Limit(left, None), SetOperation(left, left, "except", all=True)])
            )
        case _:
            return draw(_joins(draw(below), draw(_nodes(draw(st.integers(0, depth - 1)), shared))))


@st.composite
def _joins(draw: st.DrawFn, left: Node, right: Node) -> Node:
    kind = draw(st.sampled_from(_KINDS))
    keys = tuple(
        JoinKey(mine, theirs, draw(st.booleans()))
        for mine, theirs in draw(st.lists(st.tuples(_columns(left), _columns(right)), max_size=2))
        if mine.type == theirs.type
    )
    both = Join(left, right, "inner", ())
    residual = draw(st.none() | conditions(both)) if not keys or draw(st.booleans()) else None
    return Join(left, right, kind, keys, residual)


@st.composite
def _aggregates(draw: st.DrawFn, child: Node) -> Node:
    groups = tuple(draw(st.lists(_columns(child), max_size=2)))
    numbers = [c for c in _all(child) if c.type == BIGINT]
    calls = [AggregateCall("count_star", (), BIGINT)]
    if numbers:
        calls += [AggregateCall(name, (draw(st.sampled_from(numbers)),), BIGINT) for name in ("max", "count")]
    return Aggregate(child, groups, tuple(calls))


def _all(node: Node) -> list[ColumnRef]:
    return [ColumnRef(i, dtype) for i, dtype in enumerate(node.types)]


def _columns(node: Node) -> st.SearchStrategy[ColumnRef]:
    return st.sampled_from(_all(node)) if node.types else st.nothing()


def _projected(node: Node) -> st.SearchStrategy[Expression]:
    plus = [Call("+", (c, Constant(1, BIGINT)), BIGINT) for c in _all(node) if c.type == BIGINT]
    return _columns(node) | st.sampled_from([*plus, Constant(2, BIGINT)])


@st.composite
def conditions(draw: st.DrawFn, node: Node, depth: int = 2) -> Expression:
    """A BOOLEAN over the columns of ``node``."""
    if depth and draw(st.booleans()):
        parts = draw(st.lists(conditions(node, depth - 1), min_size=2, max_size=3))
        name = draw(st.sampled_from(["and", "or", "not"]))
        return Call(name, tuple(parts[:1] if name == "not" else parts), BOOLEAN)
    columns = _all(node)
    if not columns:
        return Constant(draw(st.booleans()), BOOLEAN)
    column = draw(st.sampled_from(columns))
    if column.type == BOOLEAN:
        return draw(st.sampled_from([column, Call("not", (column,), BOOLEAN), Call("is null", (column,), BOOLEAN)]))
    others: list[Expression] = [c for c in columns if c.type == BIGINT]
    other = draw(st.sampled_from([*others, Constant(draw(_VALUES), BIGINT), Constant(1, BIGINT)]))
    match draw(st.sampled_from(["=", "=", "=", "<", ">=", "<>", "null", "in", "is not distinct from"])):
        case "null":
            return Call(draw(st.sampled_from(["is null", "is not null"])), (column,), BOOLEAN)
        case "in":
            return Call("in", (column, Constant(1, BIGINT), Constant(2, BIGINT)), BOOLEAN)
        case name:
            return Call(name, (column, other), BOOLEAN)
