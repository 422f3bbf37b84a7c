"""EXISTS with one inequality, by the extremes of each group: some value of a group differs from x, or is above x, if
its least or its greatest one does.

A semi or anti join whose rows may have many matches becomes one with one match at most: the right side is grouped by
the keys, and the condition reads the group's minimum and maximum. NULLs are no matter: they neither meet a condition
nor count as extremes. Where few left rows ask, only the groups of their keys are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from locality.optimizer.estimate import Estimator
from locality.optimizer.statistics import Statistics
from locality.plan.columns import shifted
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Expression, columns_of
from locality.plan.nodes import (
    Aggregate,
    Join,
    JoinKey,
    Node,
    Shared,
    SharedScan,
    inputs_of,
    walk_nodes,
    with_inputs,
)
from locality.types import BOOLEAN

#: An inequality's name, its left side over the left columns alone, its right side over the right ones alone.
_Compared = tuple[str, Expression, Expression]

#: For ``x op y``: which extremes of y tell whether the comparison holds for some y.
_EXTREMES = {"<": ("max",), "<=": ("max",), ">": ("min",), ">=": ("min",), "<>": ("min", "max")}
#: How many times as many rows the right side must have for its groups to be made only of keys that are asked for.
_TIMES = 8
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "<>": "<>"}


def compare_with_extremes(root: Node, statistics: Statistics) -> Node:
    """The plan with every such join rewritten; its output columns stay as they are."""
    taken = [node.number for node in walk_nodes(root) if isinstance(node, Shared)]
    return _Rewriter(count(max(taken, default=-1) + 1)).rewritten(root, Estimator(statistics))


@dataclass(frozen=True)
class _Rewriter:
    """numbers: of shared results that are new."""

    numbers: Iterator[int]

    def rewritten(self, node: Node, estimator: Estimator) -> Node:
        if isinstance(node, Shared):
            definition = self.rewritten(node.definition, estimator)
            known = replace(estimator, shared={**estimator.shared, node.number: estimator.estimate(definition)})
            return Shared(definition, self.rewritten(node.child, known), node.number)
        node = with_inputs(node, [self.rewritten(child, estimator) for child in inputs_of(node)])
        if not isinstance(node, Join) or node.kind not in ("semi", "anti") or not node.keys or node.residual is None:
            return node
        compared = _sides(node.residual, len(node.left.types))
        if compared is None:
            return node
        few, many = (estimator.estimate(side).rows for side in (node.left, node.right))
        if _TIMES * few >= many:
            return _with_extremes(node, *compared)
        return self._among_few(node, compared)

    def _among_few(self, join: Join, compared: _Compared) -> Node:
        """The left rows are computed once; the right rows that have none of their keys are dropped first."""
        number = next(self.numbers)
        left = SharedScan(number, join.left.types)
        turned = tuple(JoinKey(key.right, key.left, key.null_safe) for key in join.keys)
        right = Join(join.right, left, "semi", turned)
        return Shared(join.left, _with_extremes(replace(join, left=left, right=right), *compared), number)


def _with_extremes(join: Join, name: str, ours: Expression, theirs: Expression) -> Join:
    width = len(join.left.types)
    value = shifted(theirs, -width)
    extremes = tuple(AggregateCall(extreme, (value,), value.type) for extreme in _EXTREMES[name])
    groups = Aggregate(join.right, tuple(key.right for key in join.keys), extremes)
    keys = tuple(replace(key, right=ColumnRef(i, key.right.type)) for i, key in enumerate(join.keys))
    first = width + len(keys)
    tests = tuple(Call(name, (ours, ColumnRef(first + i, value.type)), BOOLEAN) for i in range(len(extremes)))
    condition = tests[0] if len(tests) == 1 else Call("or", tests, BOOLEAN)
    return Join(join.left, groups, join.kind, keys, condition)


def _sides(residual: Expression, width: int) -> _Compared | None:
    """The inequality that a condition is; None if it is another condition."""
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
