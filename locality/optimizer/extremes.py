"""EXISTS with one inequality, by the extremes of each group: some value of a group differs from x, or is above x, if
its least or its greatest one does.

A semi or anti join whose rows may have many matches becomes one with one match at most: the right side is grouped by
the keys, and the condition reads the group's minimum and maximum. NULLs are no matter: they neither meet a condition
nor count as extremes.
"""

from __future__ import annotations

from dataclasses import replace

from locality.plan.expressions import AggregateCall, Call, ColumnRef, Expression, columns_of, rewrite
from locality.plan.nodes import Aggregate, Join, Node, inputs_of, with_inputs
from locality.types import BOOLEAN

#: For ``x op y``: which extremes of y tell whether the comparison holds for some y.
_EXTREMES = {"<": ("max",), "<=": ("max",), ">": ("min",), ">=": ("min",), "<>": ("min", "max")}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "<>": "<>"}


def compare_with_extremes(node: Node) -> Node:
    """The plan with every such join rewritten; its output columns stay as they are."""
    node = with_inputs(node, [compare_with_extremes(child) for child in inputs_of(node)])
    if isinstance(node, Join) and node.kind in ("semi", "anti") and node.keys and node.residual is not None:
        return _rewritten(node, node.residual)
    return node


def _rewritten(join: Join, residual: Expression) -> Join:
    width = len(join.left.types)
    compared = _sides(residual, width)
    if compared is None:
        return join
    name, ours, theirs = compared
    value = rewrite(theirs, lambda e: ColumnRef(e.index - width, e.type) if isinstance(e, ColumnRef) else e)
    extremes = tuple(AggregateCall(extreme, (value,), value.type) for extreme in _EXTREMES[name])
    groups = Aggregate(join.right, tuple(key.right for key in join.keys), extremes)
    keys = tuple(replace(key, right=ColumnRef(i, key.right.type)) for i, key in enumerate(join.keys))
    first = width + len(keys)
    tests = tuple(Call(name, (ours, ColumnRef(first + i, value.type)), BOOLEAN) for i in range(len(extremes)))
    condition = tests[0] if len(tests) == 1 else Call("or", tests, BOOLEAN)
    return Join(join.left, groups, join.kind, keys, condition)


def _sides(residual: Expression, width: int) -> tuple[str, Expression, Expression] | None:
    """An inequality's name, its left side over the left columns alone, its right side over the right ones alone."""
    match residual:
        case Call(name, (first, second)) if name in _EXTREMES and first.type == second.type:
            sides = columns_of(first), columns_of(second)
            if not sides[0] or not sides[1]:
                return None
            if max(sides[0]) < width <= min(sides[1]):
                return name, first, second
            if max(sides[1]) < width <= min(sides[0]):
                return _MIRRORED[name], second, first
    return None
