"""Totals of whole partitions as an aggregation that is joined to its own input.

``sum(x) over (partition by k)`` is the same for all rows of a partition. A window would bring the rows into the order
of ``k`` and back; groups are made in one pass, and a second one looks each row's total up. It is the reverse of what
makes windows of correlated aggregates (Zuzarte et al., "WinMagic", SIGMOD 2003).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from locality.optimizer.estimate import Estimator, domain_of, grouped
from locality.optimizer.facts import Prover
from locality.optimizer.statistics import Statistics
from locality.plan.expressions import AggregateCall, ColumnRef, Expression
from locality.plan.nodes import (
    Aggregate,
    Filter,
    Join,
    JoinKey,
    Node,
    Project,
    Scan,
    Shared,
    SharedScan,
    Window,
    inputs_of,
    walk_nodes,
    with_inputs,
)
from locality.plan.windows import WindowCall

#: Aggregates to whose value the order of the rows makes no difference.
TOTALS = frozenset(
    {
        *("count", "count_star", "sum", "sum_no_overflow", "avg", "min", "max", "bool_and", "bool_or", "count_if"),
        *("stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop", "median", "quantile_cont"),
        *("quantile_disc", "bit_and", "bit_or", "bit_xor", "corr", "covar_pop", "covar_samp", "skewness", "kurtosis"),
    }
)
#: Aggregates that windows compute too; the others are always made groups of.
_WINDOWED = frozenset({"count", "count_star", "sum", "sum_no_overflow", "avg", "min", "max", "bool_and", "bool_or"})
#: The greatest share of groups among the rows for which making groups is less work than putting the rows in order.
_MOST_GROUPS = 0.5

_Partitions = tuple[Expression, ...]


def total_partitions(root: Node, statistics: Statistics) -> Node:
    """The plan in which totals of whole partitions are groups that are joined to the rows."""
    taken = [node.number for node in walk_nodes(root) if isinstance(node, Shared)]
    return _Totals(statistics, max(taken, default=-1) + 1).rewritten(root, Estimator(statistics), Prover(statistics))


@dataclass
class _Totals:
    statistics: Statistics
    next_number: int

    def rewritten(self, node: Node, known: Estimator, prover: Prover) -> Node:
        if isinstance(node, Shared):
            definition = self.rewritten(node.definition, known, prover)
            known = replace(known, shared={**known.shared, node.number: known.estimate(definition)})
            prover = replace(prover, shared={**prover.shared, node.number: prover.facts(definition)})
            return Shared(definition, self.rewritten(node.child, known, prover), node.number)
        node = with_inputs(node, [self.rewritten(child, known, prover) for child in inputs_of(node)])
        return self._of_window(node, known, prover) if isinstance(node, Window) else node

    def _of_window(self, node: Window, known: Estimator, prover: Prover) -> Node:
        totals = self._totals(node, known)
        if not totals:
            return node
        child, number = node.child, None
        if not is_cheap(child):
            number = self.next_number
            self.next_number += 1
            child = SharedScan(number, child.types)
        never_null = prover.facts(node.child).never_null
        rest = tuple(call for call in node.calls if not any(call in calls for calls in totals.values()))
        joined: Node = Window(child, rest) if rest else child
        places = {call: len(child.types) + i for i, call in enumerate(rest)}
        for partitions, calls in totals.items():
            first = len(joined.types) + len(partitions)
            places.update((call, first + i) for i, call in enumerate(calls))
            joined = _joined(joined, child, partitions, calls, never_null)
        own = [ColumnRef(i, dtype) for i, dtype in enumerate(child.types)]
        result: Node = Project(joined, (*own, *(ColumnRef(places[call], call.type) for call in node.calls)))
        return result if number is None else Shared(node.child, result, number)

    def _totals(self, node: Window, known: Estimator) -> dict[_Partitions, list[WindowCall]]:
        """The calls to take out, by their partitions: those of a partition that nothing else orders, if that pays."""
        rows = known.estimate(node.child)
        chosen: dict[_Partitions, list[WindowCall]] = {}
        for partitions in dict.fromkeys(call.partitions for call in node.calls):
            calls = list(dict.fromkeys(call for call in node.calls if call.partitions == partitions))
            groups = grouped(rows.rows, math.prod(domain_of(each, rows) for each in partitions))
            if not (groups <= _MOST_GROUPS * rows.rows and all(map(_is_total, calls))):
                calls = [call for call in calls if _is_total(call) and not _is_windowed(call)]
            if calls:
                chosen[partitions] = calls
        return chosen


def _joined(
    joined: Node, child: Node, partitions: _Partitions, calls: Sequence[WindowCall], never_null: frozenset[int]
) -> Node:
    aggregates = (AggregateCall(c.name, c.args, c.type, c.distinct, c.filter) for c in calls)
    groups = Aggregate(child, partitions, tuple(aggregates))
    keys = (
        JoinKey(each, ColumnRef(i, each.type), not (isinstance(each, ColumnRef) and each.index in never_null))
        for i, each in enumerate(partitions)
    )
    return Join(joined, groups, "inner", tuple(keys))


def _is_total(call: WindowCall) -> bool:
    """Whether the call has one value for all rows of a partition, in whichever order they are."""
    frame = call.frame
    whole = frame.start.kind == "unbounded preceding" and frame.end.kind == "unbounded following"
    peers = not call.keys and frame.unit != "rows" and "current row" in (frame.start.kind, frame.end.kind)
    whole = whole or (peers and {frame.start.kind, frame.end.kind} <= _ENDS)
    return call.name in TOTALS and whole and call.exclude == "no others"


_ENDS = frozenset({"unbounded preceding", "current row", "unbounded following"})


def _is_windowed(call: WindowCall) -> bool:
    return call.name in _WINDOWED and not call.distinct


def is_cheap(node: Node) -> bool:
    """Whether the rows are read in passing, so that reading them twice is no more than keeping them."""
    match node:
        case Scan() | SharedScan():
            return True
        case Filter(child) | Project(child):
            return is_cheap(child)
        case _:
            return False
