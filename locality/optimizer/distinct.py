"""``count(DISTINCT x)`` as two groupings: by the keys and x, then by the keys.

This is the other plan for an aggregation whose values are too many to be marked as they are met.

The inner grouping makes x unique within each group, so the outer one only counts. Other aggregates beside it are split
in two where they can be: a sum of sums, a minimum of minima. Of strings and lists the inner grouping counts those that
are not NULL, so that the outer one need not see them.
"""

from __future__ import annotations

from dataclasses import replace

from locality.plan.expressions import AggregateCall, Call, Cast, ColumnRef, Constant, Expression
from locality.plan.nodes import Aggregate, Node, Project, inputs_of, with_inputs
from locality.types import BIGINT, BOOLEAN, HUGEINT, DataType, Domain

#: Aggregates of which the aggregate of parts is the aggregate of the whole, and what combines the parts.
_COMBINED = {"count": "sum", "count_star": "sum", "sum": "sum", "min": "min", "max": "max"}
#: Aggregates for which repeated values do not matter.
_IDEMPOTENT = frozenset({"min", "max", "bool_and", "bool_or"})


def split_distinct_aggregates(node: Node) -> Node:
    """Rewrites every aggregation of the plan whose DISTINCT aggregates have one argument in common."""
    node = with_inputs(node, [split_distinct_aggregates(child) for child in inputs_of(node)])
    if not isinstance(node, Aggregate):
        return node
    calls = tuple(replace(a, distinct=a.distinct and a.name not in _IDEMPOTENT) for a in node.aggregates)
    return _split(replace(node, aggregates=calls))


def _split(node: Aggregate) -> Node:
    arguments = {a.args for a in node.aggregates if a.distinct}
    if len(arguments) != 1 or any(a.distinct and a.filter is not None for a in node.aggregates):
        return node
    others = [a for a in node.aggregates if not a.distinct]
    if any(a.name not in _COMBINED or a.type.is_float for a in others):
        return node
    (distinct_args,) = arguments
    if len(distinct_args) != 1:
        return node
    inner_groups = (*node.groups, distinct_args[0])
    present = AggregateCall("count", distinct_args, BIGINT)
    counted = _is_wide(distinct_args[0].type)
    inner = Aggregate(node.child, inner_groups, (*others, present) if counted else tuple(others))
    there = Call(">", (ColumnRef(len(inner_groups) + len(others), BIGINT), Constant(0, BIGINT)), BOOLEAN)
    keys: tuple[Expression, ...] = tuple(ColumnRef(i, g.type) for i, g in enumerate(node.groups))
    value = ColumnRef(len(node.groups), distinct_args[0].type)
    outer = []
    for call in node.aggregates:
        if call.distinct and call.name == "count" and counted:
            outer.append(AggregateCall("count_star", (), call.type, filter=there))
        elif call.distinct:
            outer.append(AggregateCall(call.name, (value,), call.type))
        else:
            part = ColumnRef(len(inner_groups) + others.index(call), call.type)
            dtype = HUGEINT if call.name.startswith("count") else call.type
            outer.append(AggregateCall(_COMBINED[call.name], (part,), dtype))
    return _restore_types(Aggregate(inner, keys, tuple(outer)), node)


def _is_wide(dtype: DataType) -> bool:
    """Whether a value is dear to put out: whether it is NULL is then told by a number beside it."""
    return dtype.domain in (Domain.STRING, Domain.NESTED)


def _restore_types(outer: Aggregate, original: Aggregate) -> Node:
    """Counts that became sums are BIGINT again, and 0 rather than NULL over no rows."""
    outputs: list[Expression] = []
    changed = False
    for i, (mine, wanted) in enumerate(zip(outer.types, original.types, strict=True)):
        column: Expression = ColumnRef(i, mine)
        if mine != wanted:
            changed = True
            column = Cast(Call("coalesce", (column, Constant(0, mine)), mine), wanted)
        outputs.append(column)
    return Project(outer, tuple(outputs)) if changed else outer
