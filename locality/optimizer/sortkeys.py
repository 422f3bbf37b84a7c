"""Structs, maps and lists as keys of orders and joins: by DuckDB's sort key, a BLOB that compares as they do."""

from __future__ import annotations

from dataclasses import replace

from locality.plan.expressions import AggregateCall, Call, Case, Constant, Expression, SortKey
from locality.plan.nodes import Aggregate, AsofJoin, Join, JoinKey, Node, Sort, Window, inputs_of, with_inputs
from locality.plan.windows import WindowCall
from locality.types import BLOB, BOOLEAN, VARCHAR, Domain

#: Aggregates of one value by the order of another.
_BY_ANOTHER = frozenset({"arg_min", "arg_max"})


def compare_by_sort_keys(root: Node) -> Node:
    """The plan with a BLOB for every nested value by which rows are put in order, partitioned or joined."""
    inputs = inputs_of(root)
    changed = [compare_by_sort_keys(child) for child in inputs]
    if any(a is not b for a, b in zip(inputs, changed, strict=True)):
        root = with_inputs(root, changed)
    match root:
        case Sort(child, keys) if any(map(_is_nested_key, keys)):
            return Sort(child, _ordered(keys))
        case Join(keys=keys) | AsofJoin(keys=keys) if any(_is_nested(key.left) for key in keys):
            return replace(root, keys=tuple(map(_joined, keys)))
        case Aggregate(aggregates=calls) if any(map(_has_nested_order, calls)):
            return replace(root, aggregates=tuple(map(_collected, calls)))
        case Window(child, windows) if any(map(_has_nested_key, windows)):
            return Window(child, tuple(map(_over, windows)))
        case _:
            return root


def _is_nested(expression: Expression) -> bool:
    return expression.type.domain is Domain.NESTED


def _is_nested_key(key: SortKey) -> bool:
    return _is_nested(key.expression)


def _has_nested_key(call: WindowCall) -> bool:
    return any(map(_is_nested_key, call.keys)) or any(map(_is_nested, call.partitions))


def _comparable(expression: Expression) -> Expression:
    """NULL for NULL, of which the sort key is a value."""
    if not _is_nested(expression):
        return expression
    key = Call("create_sort_key", (expression, Constant("ASC NULLS LAST", VARCHAR)), BLOB)
    return Case(((Call("is null", (expression,), BOOLEAN), Constant(None, BLOB)),), key, BLOB)


def _ordered(keys: tuple[SortKey, ...]) -> tuple[SortKey, ...]:
    return tuple(replace(key, expression=_comparable(key.expression)) for key in keys)


def _joined(key: JoinKey) -> JoinKey:
    return key.mapped(_comparable)


def _has_nested_order(call: AggregateCall) -> bool:
    by = call.args[1:2] if call.name in _BY_ANOTHER else ()
    return any(map(_is_nested_key, call.keys)) or any(map(_is_nested, by))


def _collected(call: AggregateCall) -> AggregateCall:
    args = (call.args[0], *map(_comparable, call.args[1:])) if call.name in _BY_ANOTHER else call.args
    return replace(call, args=args, keys=_ordered(call.keys))


def _over(call: WindowCall) -> WindowCall:
    return replace(call, partitions=tuple(map(_comparable, call.partitions)), keys=_ordered(call.keys))
