"""Rows that were deleted: scans meet them, so each scan gets a filter that leaves them out, and then is as any other.

A table's keys hold for the rows that are there. A bare scan of one with deletions has none, see
:mod:`locality.optimizer.facts`.
"""

from __future__ import annotations

from locality.optimizer.statistics import Statistics
from locality.plan.expressions import Call, ColumnRef, Expression, conjunction, conjuncts
from locality.plan.nodes import Filter, Node, Project, Scan, inputs_of, with_inputs
from locality.plan.virtual import LIVE
from locality.types import BOOLEAN


def leave_out_deleted(root: Node, statistics: Statistics) -> Node:
    """The plan over the rows that are there; its output columns stay as they are."""
    match root:
        case Filter(Scan() as scan, predicate):
            return live_rows(scan, statistics, conjuncts(predicate))
        case Scan():
            return live_rows(root, statistics)
        case _:
            return with_inputs(root, [leave_out_deleted(child, statistics) for child in inputs_of(root)])


def live_rows(scan: Scan, statistics: Statistics, terms: tuple[Expression, ...] = ()) -> Node:
    """The rows of a scan that are there and for which all ``terms`` are true."""
    if not statistics.has_deletions(scan.table):
        return Filter(scan, conjunction(terms)) if terms else scan
    width = len(scan.types)
    marked = Scan(scan.table, (*scan.columns, LIVE), (*scan.types, BOOLEAN))
    is_there = Call("is not null", (ColumnRef(width, BOOLEAN),), BOOLEAN)
    kept = Filter(marked, conjunction((*terms, is_there)))
    return Project(kept, tuple(ColumnRef(i, dtype) for i, dtype in enumerate(scan.types)))


def leaves_out_deleted(node: Filter) -> bool:
    """Whether a filter of a scan lets no deleted row through."""
    if not isinstance(node.child, Scan):
        return False
    columns = node.child.columns
    return any(
        isinstance(term, Call) and term.name == "is not null" and _reads_live(term.args[0], columns)
        for term in conjuncts(node.predicate)
    )


def _reads_live(argument: Expression, columns: tuple[int, ...]) -> bool:
    return isinstance(argument, ColumnRef) and columns[argument.index] == LIVE
