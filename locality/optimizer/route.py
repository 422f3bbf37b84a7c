"""Routing: of a table with several layouts, each scan reads the one that moves the fewest bytes.

Every layout holds the same rows, so which one a scan reads decides about nothing but the order of its rows.
"""

from __future__ import annotations

from dataclasses import replace

from locality.optimizer.statistics import Statistics
from locality.plan.expressions import ColumnRef, Expression, conjuncts
from locality.plan.nodes import Aggregate, Filter, Node, Project, Scan, inputs_of, walk_nodes, with_inputs

#: Groups from which on rows had better lie together by group, and bytes that a row otherwise writes and reads again.
_MANY_GROUPS = 65536
_GROUPED_ROW = 32


def route_scans(root: Node, statistics: Statistics) -> Node:
    """The plan with a layout for each scan; it is left alone where no table has several."""
    scans = (node for node in walk_nodes(root) if isinstance(node, Scan))
    return _routed(root, statistics) if any(len(statistics.layouts(scan.table)) > 1 for scan in scans) else root


def _routed(node: Node, statistics: Statistics, group: ColumnRef | None = None) -> Node:
    """``group``: the column of ``node`` by which its rows are grouped, if it is one."""
    match node:
        case Aggregate(groups=(ColumnRef() as only,)):
            return with_inputs(node, [_routed(child, statistics, only) for child in inputs_of(node)])
        case Filter(Scan() as scan, predicate):
            return replace(node, child=cheapest(scan, conjuncts(predicate), statistics, group))
        case Filter():
            return with_inputs(node, [_routed(child, statistics, group) for child in inputs_of(node)])
        case Project(child, expressions) if group is not None:
            below = expressions[group.index]
            return replace(node, child=_routed(child, statistics, below if isinstance(below, ColumnRef) else None))
        case Scan():
            return cheapest(node, (), statistics, group)
        case _:
            return with_inputs(node, [_routed(child, statistics) for child in inputs_of(node)])


def cheapest(scan: Scan, terms: tuple[Expression, ...], statistics: Statistics, group: ColumnRef | None = None) -> Scan:
    """The scan over the layout with the fewest bytes; of several such the first, which is the primary one.

    group: the scan's column by which the rows are grouped, if it is one.
    """
    choices = [replace(scan, layout=name) for name in statistics.layouts(scan.table)]
    if len(choices) == 1:
        return scan
    costs = [statistics.scan_bytes(choice, terms) for choice in choices]
    if group is not None and statistics.distinct(scan.table, column := scan.columns[group.index]) > _MANY_GROUPS:
        scattered = _GROUPED_ROW * statistics.rows(scan.table) * statistics.selectivity(scan, terms)
        follows = (statistics.follows(scan.table, choice.layout, column) for choice in choices)
        costs = [cost if lies else cost + scattered for cost, lies in zip(costs, follows, strict=True)]
    return min(zip(costs, range(len(choices)), choices, strict=True))[2]
