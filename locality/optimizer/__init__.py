"""Rewrites of logical plans: an ordered tuple of passes, each a plain function from node to node."""

from __future__ import annotations

from collections.abc import Callable

from locality.optimizer.extremes import compare_with_extremes
from locality.optimizer.prune import prune_columns
from locality.optimizer.setops import group_set_operations
from locality.plan.nodes import Node

PASSES: tuple[Callable[[Node], Node], ...] = (group_set_operations, compare_with_extremes, prune_columns)


def optimize(root: Node) -> Node:
    """The plan after every pass, in order; its output columns stay the same."""
    for rewrite in PASSES:
        root = rewrite(root)
    return root
