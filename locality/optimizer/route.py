"""Routing: of a table with several layouts, each scan reads the one that moves the fewest bytes.

Every layout holds the same rows, so which one a scan reads decides about nothing but the order of its rows.
"""

from __future__ import annotations

from dataclasses import replace

from locality.optimizer.statistics import Statistics
from locality.plan.expressions import Expression, conjuncts
from locality.plan.nodes import Filter, Node, Scan, inputs_of, walk_nodes, with_inputs


def route_scans(root: Node, statistics: Statistics) -> Node:
    """The plan with a layout for each scan; it is left alone where no table has several."""
    scans = (node for node in walk_nodes(root) if isinstance(node, Scan))
    return _routed(root, statistics) if any(len(statistics.layouts(scan.table)) > 1 for scan in scans) else root


def _routed(node: Node, statistics: Statistics) -> Node:
    match node:
        case Filter(Scan() as scan, predicate):
            return replace(node, child=cheapest(scan, conjuncts(predicate), statistics))
        case Scan():
            return cheapest(node, (), statistics)
        case _:
            return with_inputs(node, [_routed(child, statistics) for child in inputs_of(node)])


def cheapest(scan: Scan, terms: tuple[Expression, ...], statistics: Statistics) -> Scan:
    """The scan over the layout with the fewest bytes; of several such the first, which is the primary one."""
    choices = [replace(scan, layout=name) for name in statistics.layouts(scan.table)]
    if len(choices) == 1:
        return scan
    costs = [statistics.scan_bytes(choice, terms) for choice in choices]
    return min(zip(costs, range(len(choices)), choices, strict=True))[2]
