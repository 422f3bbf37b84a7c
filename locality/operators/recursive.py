"""Recursive common table expressions: a step over the rows that came last, until there are none."""

from __future__ import annotations

import numpy as np

from locality.encodings import concat
from locality.errors import Unsupported
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.recursion import LastRows, Step
from locality.operators.relations.batch import Batch, interval_of
from locality.operators.relations.keyindex import representatives
from locality.types import DataType

#: Steps that are taken: each is a query of its own, which DuckDB begins sooner where there are many small ones.
_MOST_STEPS = 64


class Recursive:
    """The rows of ``initial``, and of ``step`` over each other's; ``last`` is what the step reads them by."""

    def __init__(self, initial: Physical, step: Physical, last: LastRows, *, distinct: bool) -> None:
        self._initial, self._step, self._last, self._distinct = initial, step, last, distinct

    @property
    def types(self) -> tuple[DataType, ...]:
        return self._initial.types

    def execute(self, execution: Execution) -> Batch:
        """Raises Unsupported for a recursion of very many steps."""
        found = self._new(None, self._initial.execute(execution), execution)
        rows = found
        for _ in range(_MOST_STEPS):
            if not rows.row_count:
                return found
            came = self._step.execute(Step(execution, self._last, rows.as_relation()))
            rows = self._new(found, came, execution)
            found = _joined(found, rows)
        raise Unsupported(f"a recursion of more than {_MOST_STEPS} steps")

    def _new(self, known: Batch | None, came: Batch, execution: Execution) -> Batch:
        """The rows that came, gathered; if they are to be distinct, those that are not known, each once."""
        with execution.measure("recursion") as traffic:
            traffic.add_reads(came.reads())
            rows = _gathered(came)
            if self._distinct and rows.row_count:
                before = 0 if known is None else known.row_count
                whole = rows if known is None else _joined(known, rows)
                columns = [whole.column(i) for i in range(len(self.types))]
                groups = representatives(columns, [None] * len(columns), execution)
                fresh, first = np.unique(groups[before:], return_index=True)
                rows = rows.take(np.sort(first[~np.isin(fresh, groups[:before])]))
            traffic.rows = rows.row_count
            return rows

    def explain(self) -> Explanation:
        how = "distinct rows" if self._distinct else "all rows"
        return Explanation("recursion", (how,), (self._initial.explain(), self._step.explain()))


def _gathered(batch: Batch) -> Batch:
    columns = tuple(batch.column(i) for i in range(len(batch.columns)))
    return Batch(columns, batch.row_count, tuple(map(interval_of, columns)))


def _joined(one: Batch, other: Batch) -> Batch:
    if not (one.row_count and other.row_count):
        return one if one.row_count else other
    columns = tuple(concat([one.column(i), other.column(i)]) for i in range(len(one.columns)))
    return Batch(columns, one.row_count + other.row_count, tuple(map(interval_of, columns)))
