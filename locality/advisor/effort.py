"""The work of a plan beside reading stored columns, in bytes that could be read in a row meanwhile.

Two plans that read as many bytes differ in what they do for each row: a lookup goes to a place of its own, in the cache
or beyond it; a group's state is updated where it lies. Where rows come in the order of a key, both stay where they are.
The plan's rows are estimated as the optimizer does it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from locality.operators.ordering.order import SORT_BYTES
from locality.optimizer.estimate import Estimator, domain_of
from locality.optimizer.lineage import is_whole
from locality.plan import nodes
from locality.plan.expressions import ColumnRef, Expression, conjuncts
from locality.plan.nodes import PRIMARY, Scan, inputs_of
from locality.plan.virtual import ROW_ID
from locality.types import DataType

#: Bytes of state that stay in a core's cache.
_CACHE = 1 << 20
#: A value that is computed, tested or added to state at hand; one that lies anywhere in a cache; and beyond it.
_STEP, _CACHED, _SCATTERED = 6.0, 16.0, 64.0
#: Bytes of a key or a cell of state, of a position, and of the slots in which an index has a key.
_WORD, _POSITION, _SLOT_BYTES = 8, 4, 24
#: Groups of a value that rows follow, up to which it is taken to tell them.
_EACH = 4
#: How many times fewer rows of a semi-join's left side must be to be looked up instead of looking up.
_FEWER = 4
#: Keys that there can be up to which every worker has state for all of them and keeps no records.
_FEW_GROUPS = 65536
#: Rows of a block, which joins leave out as a whole.
_BLOCK = 1024


@dataclass(frozen=True)
class _Rows:
    """Rows on their way: how many, and of each column which of the scan's that leads them it is, None if it is none.

    joined: whether a join has found matches for them, by which they may be grouped, in whatever order they lie.
    matched: rows of the other side of a join, by the column of the leading scan whose values are its key.
    """

    count: float
    lead: Scan | None
    columns: tuple[int | None, ...]
    joined: bool = False
    matched: Mapping[int, float] = field(default_factory=dict)


@dataclass
class Effort:
    """estimator: of the plan's tables. threads: that run it. total: so far.

    state: bytes of indexes, groups and sorted rows among it, as the ledger counts them.
    shares: of a scan's blocks, by its ``id``, those in which there may be a key of what its rows are joined with.
    """

    estimator: Estimator
    threads: int = 1
    total: float = 0.0
    state: float = 0.0
    shares: dict[int, float] = field(default_factory=dict)
    shared: dict[int, _Rows] = field(default_factory=dict)

    def walk(self, node: nodes.Node) -> _Rows:
        """Adds the work of a node and all below it; its rows."""
        estimator = self.estimator
        count = estimator.estimate(node).rows
        match node:
            case Scan(columns=columns):
                return _Rows(count, node, columns)
            case nodes.Filter(child, predicate):
                below = self.walk(child)
                if not isinstance(child, Scan):
                    self.total += below.count * _STEP * len(conjuncts(predicate))
                return replace(below, count=count)
            case nodes.Project(child, expressions):
                below = self.walk(child)
                self.total += below.count * _STEP * sum(not isinstance(e, ColumnRef) for e in expressions)
                return replace(below, columns=tuple(_column(e, below) for e in expressions))
            case nodes.Join():
                return self._join(node, count)
            case nodes.Aggregate():
                return self._aggregate(node, count)
            case nodes.Shared(definition, child, number):
                self.shared[number] = self.walk(definition)
                self.state += 2 * _POSITION * self.shared[number].count
                known = {**estimator.shared, number: estimator.estimate(definition)}
                self.estimator = replace(estimator, shared=known)
                return self.walk(child)
            case nodes.SharedScan(types=types):
                return self._result(count, types)
            case nodes.Sort() | nodes.Window():
                below = self.walk(node.child)
                self.state += 2 * SORT_BYTES * below.count
                self.total += below.count * (_CACHED + _STEP * math.log2(max(below.count, 2)))
                return self._result(count, node.types)
            case nodes.Limit(nodes.Sort(child)):
                below = self.walk(child)
                self.total += below.count * _STEP
                return self._result(count, node.types)
            case _:
                for child in inputs_of(node):
                    self.total += self.walk(child).count * _CACHED
                return self._result(count, node.types)

    def _result(self, count: float, types: Sequence[DataType]) -> _Rows:
        return _Rows(count, None, (None,) * len(types))

    def _join(self, node: nodes.Join, count: float) -> _Rows:
        left, right = self.walk(node.left), self.walk(node.right)
        reads = node.kind not in ("semi", "anti", "mark")
        widths = [dtype.row_bytes for dtype in node.right.types] if reads else []
        follows = any(self._follows(left, _column(key.left, left)) for key in node.keys)
        base = self.estimator.estimate(node.right)
        domain = math.prod(domain_of(key.right, base) for key in node.keys)
        theirs = [_column(key.right, right) for key in node.keys]
        bits = self._values(right, theirs, domain) * 3 / 16
        if not is_whole(node.right):
            self.total += right.count * (_CACHED + 2 * (_WORD + sum(widths)))
            # few rows that ask whether there is a match are marked by the many, not the other way round
            indexed = left.count if node.kind in ("semi", "anti") and _FEWER * left.count < right.count else right.count
            self.state += 2 * min(bits, indexed * _SLOT_BYTES) + 2 * _POSITION * indexed
        if follows and left.lead is not None and node.kind in ("inner", "semi"):
            rows = float(self.estimator.statistics.rows(left.lead.table))
            share = min(right.count * (_BLOCK / max(rows, 1) + 1 / domain), 1.0)
            self.shares[id(left.lead)] = min(self.shares.get(id(left.lead), 1.0), share)
        self.total += left.count * (_CACHED if follows else _place(bits))
        # positions of the matches, then their columns
        found = min(left.count, count)
        if reads:
            if not self._is_ordered(right, theirs):
                self.total += found * (_CACHED if follows else _place(right.count * _POSITION))
            self.total += found * sum(_CACHED if follows else _place(base.base * width / 2) for width in widths)
        if node.residual is not None:
            self.total += found * _STEP
        if node.kind in ("right", "full"):
            return self._result(count, node.types)
        nothing = (None,) * (len(node.types) - len(left.columns))
        ours = [_column(key.left, left) for key in node.keys]
        matched = {**left.matched, ours[0]: right.count} if len(ours) == 1 and ours[0] is not None else left.matched
        return _Rows(count, left.lead, (*left.columns, *nothing), True, matched)

    def _values(self, rows: _Rows, columns: Sequence[int | None], domain: float) -> float:
        """How many values there are from the least to the greatest key; as many as are different if that is unknown."""
        if rows.lead is None or len(columns) != 1 or columns[0] is None:
            return domain
        greatest = self.estimator.statistics.magnitude(rows.lead.table, columns[0])
        return domain if greatest is None else float(greatest)

    def _aggregate(self, node: nodes.Aggregate, count: float) -> _Rows:
        below = self.walk(node.child)
        cells = 1 + len(node.aggregates)
        state = count * _WORD * (len(node.groups) + cells)
        followed = [group for group in node.groups if self._follows(below, _column(group, below))]
        each = _CACHED if followed else _place(state)
        self.total += below.count * (each + _STEP * cells + (_CACHED if len(node.groups) > 1 and state > _CACHE else 0))
        self.total += 2 * state
        base = self.estimator.estimate(node.child)
        grouped = {_column(group, below) for group in node.groups}
        matches = [rows for column, rows in below.matched.items() if column in grouped]
        if not any(_EACH * domain_of(group, base) >= count for group in followed):
            if matches:  # a place for each row that there may be a match with
                self.state += 2 * min(matches) * _WORD * cells * self.threads
            else:
                is_dense = math.prod(domain_of(group, base) for group in node.groups) <= _FEW_GROUPS
                records = 0.0 if is_dense else below.count * _WORD * (1 + cells)
                self.state += 2 * (state + records)
        distinct = sum(call.distinct for call in node.aggregates)
        self.total += below.count * distinct * _SCATTERED
        self.state += 2 * below.count * distinct * _WORD * (1 + len(node.groups))
        return self._result(count, node.types)

    def _follows(self, rows: _Rows, column: int | None) -> bool:
        """Whether rows come in about the order of a column of their scan."""
        return (
            column is not None
            and rows.lead is not None
            and column not in (ROW_ID,)
            and self.estimator.statistics.follows(rows.lead.table, rows.lead.layout, column)
        ) or (column == ROW_ID and rows.lead is not None and rows.lead.layout == PRIMARY)

    def _is_ordered(self, rows: _Rows, columns: Sequence[int | None]) -> bool:
        return len(columns) == 1 and self._follows(rows, columns[0])


def _place(size: float) -> float:
    """What it takes to go to any place of so many bytes."""
    if size <= _CACHE:
        return _CACHED
    return _CACHED + (_SCATTERED - _CACHED) * (1 - _CACHE / size)


def _column(expression: Expression, rows: _Rows) -> int | None:
    return rows.columns[expression.index] if isinstance(expression, ColumnRef) else None
