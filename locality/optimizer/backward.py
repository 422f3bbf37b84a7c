"""Semi and anti joins of few rows with many: the few are indexed, and the many looked up (``Join.backward``)."""

from __future__ import annotations

from dataclasses import replace

from locality.optimizer.estimate import Estimator
from locality.optimizer.statistics import Statistics
from locality.plan.nodes import Join, Node, Shared, inputs_of, with_inputs

#: How many times as many rows the right side must have: what stands above can't go on in the left side's own scan.
_TIMES = 4


def turn_semi_joins(root: Node, statistics: Statistics) -> Node:
    """The plan with each such join turned; its output columns stay as they are."""
    return _turned(root, Estimator(statistics))


def _turned(node: Node, estimator: Estimator) -> Node:
    if isinstance(node, Shared):
        definition = _turned(node.definition, estimator)
        known = replace(estimator, shared={**estimator.shared, node.number: estimator.estimate(definition)})
        return Shared(definition, _turned(node.child, known), node.number)
    node = with_inputs(node, [_turned(child, estimator) for child in inputs_of(node)])
    if not isinstance(node, Join) or node.kind not in ("semi", "anti") or not node.keys or node.residual is not None:
        return node
    few, many = (estimator.estimate(side).rows for side in (node.left, node.right))
    return replace(node, backward=_TIMES * few < many)
