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


def split_live(node: Filter) -> tuple[Scan | Filter, tuple[Expression, ...]]:
    """The rows of a filtered scan that are there, or all if none was deleted; and the other terms of the filter."""
    assert isinstance(node.child, Scan)
    terms = conjuncts(node.predicate)
    live = tuple(term for term in terms if _tests_live(term, node.child))
    rows = Filter(node.child, conjunction(live)) if live else node.child
    return rows, tuple(term for term in terms if term not in live)


def whole_table(node: Node) -> Scan | None:
    """The scan whose rows ``node`` gives, all that are there; None if it gives others, or some only."""
    match node:
        case Scan():
            return node
        case Filter(Scan() as scan) if not split_live(node)[1]:
            return scan
        case _:
            return None


def leaves_out_deleted(node: Filter) -> bool:
    """Whether a filter of a scan lets no deleted row through."""
    child = node.child
    return isinstance(child, Scan) and any(_tests_live(term, child) for term in conjuncts(node.predicate))


def _tests_live(term: Expression, scan: Scan) -> bool:
    match term:
        case Call("is not null", (ColumnRef(index),)):
            return scan.columns[index] == LIVE
        case _:
            return False
