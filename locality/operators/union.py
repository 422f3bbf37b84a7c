"""UNION ALL: the rows of several inputs, one after another."""

from __future__ import annotations

from collections.abc import Sequence

from locality.encodings import concat, stored_bytes
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.relation import Relation
from locality.plan.intervals import Interval, enclosing
from locality.types import DataType, Domain

#: Rows that are put together at once, so that what reads them has one segment.
FEW_ROWS = 262_144


class Union:
    """The rows of ``children``, which have the same column types, in order.

    Few rows are put together at once. Many stay where they are, as segments of one relation, each under its own
    encodings.
    """

    def __init__(self, children: Sequence[Physical]) -> None:
        self._children = tuple(children)

    @property
    def types(self) -> tuple[DataType, ...]:
        return self._children[0].types

    def execute(self, execution: Execution) -> Batch:
        batches = [child.execute(execution) for child in self._children]
        with execution.measure("union") as traffic:
            traffic.rows = sum(batch.row_count for batch in batches)
            filled = [batch for batch in batches if batch.row_count] or batches[:1]
            if len(filled) == 1:
                return filled[0]
            intervals = tuple(enclosing([batch.intervals[i] for batch in filled]) for i in range(len(self.types)))
            if traffic.rows > FEW_ROWS and not any(self._mixes(filled, i) for i in range(len(self.types))):
                return _as_segments(filled, intervals)
            for batch in filled:
                traffic.add_reads(batch.reads())
            columns = tuple(concat([batch.column(i) for batch in filled]) for i in range(len(self.types)))
            nbytes = sum(stored_bytes(column) for column in columns)
            traffic.written = nbytes
            return Batch(columns, traffic.rows, intervals)

    def _mixes(self, batches: Sequence[Batch], index: int) -> bool:
        """Whether a column has raw strings in one part and a dictionary's in another, which no kernel reads."""
        if self.types[index].domain is not Domain.STRING:
            return False
        return len({batch.column(index).encoding == "text" for batch in batches}) > 1

    def explain(self) -> Explanation:
        return Explanation("union", (f"{len(self._children)} inputs",), tuple(c.explain() for c in self._children))


def _as_segments(batches: Sequence[Batch], intervals: tuple[Interval | None, ...]) -> Batch:
    parts = [batch.as_relation() for batch in batches]
    types = parts[0].types
    segments = tuple(segment for part in parts for segment in part.segments)
    whole = Relation("", types, intervals, segments, parts[0].naive_row_bytes)
    return Batch(tuple(Deferred(whole, i, None) for i in range(len(types))), whole.row_count, intervals)
