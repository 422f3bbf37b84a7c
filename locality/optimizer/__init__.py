"""Rewrites of logical plans: an ordered tuple of passes, each a plain function from node to node."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from locality.optimizer.backward import turn_semi_joins
from locality.optimizer.carried import use_carried_columns
from locality.optimizer.copies import unite_copies
from locality.optimizer.decorrelate import decorrelate
from locality.optimizer.defer import defer_filters
from locality.optimizer.deleted import leave_out_deleted
from locality.optimizer.determined import leave_out_determined
from locality.optimizer.eager import aggregate_early
from locality.optimizer.extremes import compare_with_extremes
from locality.optimizer.joins import order_joins
from locality.optimizer.late import group_by_keys
from locality.optimizer.narrow import narrow_shared
from locality.optimizer.outer import read_outer_rows
from locality.optimizer.pairs import aggregate_pairs
from locality.optimizer.positions import group_by_positions
from locality.optimizer.prune import prune_columns
from locality.optimizer.regroup import regroup_sets
from locality.optimizer.repeated import share_equal
from locality.optimizer.repeats import forget_repeats
from locality.optimizer.rollups import answer_from_rollups
from locality.optimizer.route import route_scans
from locality.optimizer.separate import separate_aggregates
from locality.optimizer.setops import group_set_operations
from locality.optimizer.shared import inline_shared, lift_shared
from locality.optimizer.sortkeys import compare_by_sort_keys
from locality.optimizer.statistics import Statistics
from locality.optimizer.totals import total_partitions
from locality.optimizer.unite import unite_groups
from locality.plan.nodes import Node, Recursive, inputs_of, with_inputs

Rewrite = Callable[[Node, Statistics], Node]


@dataclass(frozen=True)
class Pass:
    """A rewrite by its name. required: no plan can be built without it."""

    name: str
    rewrite: Rewrite
    required: bool = False


def _by_itself(rewrite: Callable[[Node], Node]) -> Rewrite:
    """A rewrite that asks nothing about the stored tables."""
    return lambda root, statistics: rewrite(root)


#: The passes that ask nothing about how tables lie.
BEFORE_LAYOUTS: tuple[Pass, ...] = (
    Pass("leave_out_deleted", leave_out_deleted, required=True),
    Pass("regroup_sets", _by_itself(regroup_sets)),
    Pass("lift_shared", _by_itself(lift_shared), required=True),
    Pass("decorrelate", decorrelate, required=True),
    Pass("read_outer_rows", read_outer_rows),
    Pass("inline_shared", _by_itself(inline_shared)),
    Pass("narrow_shared", narrow_shared),
    Pass("answer_from_rollups", answer_from_rollups),
    Pass("aggregate_early", aggregate_early),
    Pass("group_by_keys", group_by_keys),
    Pass("leave_out_determined", _by_itself(leave_out_determined)),
)
#: Those that may.
BY_LAYOUTS: tuple[Pass, ...] = (
    Pass("use_carried_columns", use_carried_columns),
    Pass("unite_copies", _by_itself(unite_copies)),
    Pass("order_joins", order_joins),
    Pass("forget_repeats", forget_repeats),
    Pass("aggregate_pairs", aggregate_pairs),
    Pass("compare_with_extremes", compare_with_extremes),
    Pass("defer_filters", defer_filters),
    Pass("group_set_operations", _by_itself(group_set_operations), required=True),
    Pass("share_equal", share_equal),
    Pass("total_partitions", total_partitions),
    Pass("unite_groups", unite_groups),
    Pass("separate_aggregates", separate_aggregates),
    Pass("compare_by_sort_keys", _by_itself(compare_by_sort_keys), required=True),
    Pass("group_by_positions", group_by_positions),
    Pass("prune_columns", _by_itself(prune_columns)),
    Pass("turn_semi_joins", turn_semi_joins),
    Pass("route_scans", route_scans),
)
PASSES = BEFORE_LAYOUTS + BY_LAYOUTS


def optimize(
    root: Node, statistics: Statistics, disabled: Collection[str] = (), passes: Sequence[Pass] = PASSES
) -> Node:
    """The plan after every pass in order but those disabled by name; its output columns stay the same.

    The parts of a recursion are plans of their own.
    """
    root = _with_recursions(root, lambda part: optimize(part, statistics, disabled, passes))
    for each in passes:
        if each.required or each.name not in disabled:
            root = each.rewrite(root, statistics)
    return root


def _with_recursions(node: Node, change: Callable[[Node], Node]) -> Node:
    """``node`` with the parts of every recursion changed."""
    if isinstance(node, Recursive):
        return replace(node, initial=change(node.initial), step=change(node.step))
    inputs = inputs_of(node)
    changed = [_with_recursions(child, change) for child in inputs]
    return node if all(a is b for a, b in zip(inputs, changed, strict=True)) else with_inputs(node, changed)
