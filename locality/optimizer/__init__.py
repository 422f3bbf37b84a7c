"""Rewrites of logical plans: an ordered tuple of passes, each a plain function from node to node."""

from __future__ import annotations

from collections.abc import Callable

from locality.optimizer.backward import turn_semi_joins
from locality.optimizer.decorrelate import decorrelate
from locality.optimizer.defer import defer_filters
from locality.optimizer.eager import aggregate_early
from locality.optimizer.extremes import compare_with_extremes
from locality.optimizer.joins import order_joins
from locality.optimizer.late import group_by_keys
from locality.optimizer.prune import prune_columns
from locality.optimizer.setops import group_set_operations
from locality.optimizer.shared import inline_shared, lift_shared
from locality.optimizer.statistics import Statistics
from locality.plan.nodes import Node

Pass = Callable[[Node, Statistics], Node]


def _by_itself(rewrite: Callable[[Node], Node]) -> Pass:
    """A pass that asks nothing about the stored tables."""
    return lambda root, statistics: rewrite(root)


PASSES: tuple[Pass, ...] = (
    _by_itself(lift_shared),
    decorrelate,
    _by_itself(inline_shared),
    aggregate_early,
    group_by_keys,
    order_joins,
    compare_with_extremes,
    defer_filters,
    _by_itself(group_set_operations),
    _by_itself(prune_columns),
    turn_semi_joins,
)


def optimize(root: Node, statistics: Statistics) -> Node:
    """The plan after every pass, in order; its output columns stay the same."""
    for rewrite in PASSES:
        root = rewrite(root, statistics)
    return root
