"""Semi and anti joins from the other side: the right rows mark the left ones that they match.

Where few rows ask whether any of many match them, the few are indexed, and one pass over the many looks each of them up
and marks what it finds. The many are neither collected nor indexed.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel.ir import Array, Scalar, Var
from locality.operators.byvalues import Conjuncts, Values
from locality.operators.codegen.block import Block
from locality.operators.collect import collect_rows
from locality.operators.collection import Collection
from locality.operators.filters.conditions import Conditions
from locality.operators.joins.ranks import check_keys
from locality.operators.joins.runs import left_runs
from locality.operators.morsels import Morsel
from locality.operators.physical import Execution, Explanation, Traffic
from locality.operators.pipeline import MORSEL_ROWS, Pipeline
from locality.operators.relations.keyindex import KeyIndex, index_rows
from locality.operators.relations.links import Link
from locality.operators.relations.relation import ColumnsSegment, Relation
from locality.operators.scan import run_pipeline
from locality.operators.source import Preparation, Source, explain_source
from locality.plan.expressions import ColumnRef, Expression
from locality.types import BOOLEAN

Marks = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class MarkSink:
    """Marks the match of every active row; ``match`` is the first column of the link."""

    match: ColumnRef

    @property
    def reads(self) -> Sequence[Expression]:
        return (self.match,)

    @property
    def state(self) -> Sequence[Array]:
        return (Array(Scalar.U8),)

    @property
    def morsel_rows(self) -> int:
        return MORSEL_ROWS

    def prefers_selection(self, selectivity: float) -> bool:
        return True

    def emit(self, block: Block, state: Sequence[Var]) -> None:
        (marks,) = state
        with block.rows(()) as row:
            # several workers may mark a row at a time: they all write the same
            block.builder.store(marks, row.match_of(self.match.index), b.const(1, Scalar.U8))


class Marking:
    """The pass over the right rows of one relation, prepared to run."""

    def __init__(self, relation: Relation, conjuncts: Sequence[Expression]) -> None:
        """``relation``: with the link to the left rows as its last one."""
        match = ColumnRef(relation.links[-1].first, BOOLEAN)
        self._conditions = Conditions(relation, conjuncts)
        self.pipeline = Pipeline(relation, self._conditions.tests, MarkSink(match), None, "mark")

    def over(self, relation: Relation) -> Marking:
        """The same pass over other rows of the same form."""
        other = copy(self)
        other.pipeline = self.pipeline.over(relation)
        return other

    def under(self, relation: Relation, values: Values) -> Marking:
        """The same pass over rows of the same form that pass other values' tests."""
        other = copy(self)
        other._conditions = self._conditions.under(relation, values)
        other.pipeline = self.pipeline.under(relation, other._conditions.tests)
        return other

    def execute(self, ranks: int, execution: Execution, traffic: Traffic) -> Marks:
        """For each rank of the left keys 1 if a row has it, else 0."""
        marks = memory.zeros(max(ranks, 1), np.uint8, "the marks of a join")

        def work(worker: int, morsel: Morsel) -> int:
            return self.pipeline.call(morsel, (marks,))

        run_pipeline(self.pipeline, execution, traffic, work)
        traffic.state += 2 * ranks
        return marks


class MarkedSource:
    """The left rows that have a match on the right, or for ``anti`` those that have none."""

    relation = None

    def __init__(
        self,
        left: Source,
        right: Source,
        conjuncts: Conjuncts,
        keys: Sequence[tuple[Expression, Expression]],
        null_safe: Sequence[bool],
        *,
        anti: bool,
    ) -> None:
        """``conjuncts``: of the right rows. keys: pairs over the left source's columns, and over the right one's."""
        self._left, self._right, self._anti = left, right, anti
        self._ours, self._theirs = tuple(ours for ours, _ in keys), tuple(theirs for _, theirs in keys)
        self._null_safe = tuple(null_safe)
        self._prepared = Preparation(None, conjuncts, self._theirs, Marking)
        self._collected: Preparation[Collection] | None = None

    @property
    def width(self) -> int:
        return self._left.width

    def read(self, execution: Execution, conjuncts: Conjuncts) -> tuple[Relation, Conjuncts]:
        """The left rows that are left."""
        relation, pending = self._left.read(execution, conjuncts)
        with execution.measure("collect") as traffic:
            own = [ColumnRef(i, dtype) for i, dtype in enumerate(relation.types[: self.width])]
            outputs = (*own, *self._ours)
            if self._collected is None:  # whoever reads always asks for the same
                self._collected = Preparation(
                    None, conjuncts, self._ours, lambda relation, left: Collection(relation, left, outputs)
                )
            left = collect_rows(relation, pending, outputs, execution, traffic, prepared=self._collected)
        columns = range(self.width, len(left.columns))
        with execution.measure("join") as traffic:
            keys = [left.column(i) for i in columns]
            looks = 0 if self._right.relation is None else self._right.relation.row_count
            index = index_rows(keys, [left.intervals[i] for i in columns], self._null_safe, execution, looks)
            traffic.state += 2 * index.nbytes
        marks = self._mark(index, execution)
        with execution.measure("join") as traffic:
            ranks = index.ranks_of(keys, execution)
            found = (marks[np.maximum(ranks, 0)] == 1) & (ranks >= 0)
            kept = left.select(range(self.width)).take(np.flatnonzero(found != self._anti))
            traffic.rows = kept.row_count
        return kept.as_relation(), ()

    def _mark(self, index: KeyIndex, execution: Execution) -> Marks:
        if index.ranks == 0:  # nobody asks
            return np.zeros(1, np.uint8)
        relation, conjuncts = self._right.read(execution, self._prepared.conjuncts_in(execution))
        with execution.measure("mark") as traffic:
            try:
                marking = self._prepared.get(_linked(relation, self._theirs, index, execution), conjuncts, execution)
            except Unsupported:  # keys that kernels do not read, or compute: they are collected first
                rows = collect_rows(relation, conjuncts, self._theirs, execution, traffic)
                ranks = index.ranks_of([rows.column(i) for i in range(len(rows.columns))], execution)
                marks = memory.zeros(max(index.ranks, 1), np.uint8, "the marks of a join")
                marks[ranks[ranks >= 0]] = 1
                return marks
            return marking.execute(index.ranks, execution, traffic)

    def children(self) -> tuple[Explanation, ...]:
        kind = "anti" if self._anti else "semi"
        return (
            Explanation(
                f"{kind} join on {len(self._ours)} keys",
                ("the right rows mark their matches",),
                (*explain_source(self._left), *explain_source(self._right)),
            ),
        )


def _linked(relation: Relation, keys: tuple[Expression, ...], index: KeyIndex, execution: Execution) -> Relation:
    """The right rows with a link to the left keys, whose ranks stand for rows; Unsupported if kernels lack the keys."""
    check_keys(relation, keys, index)
    nothing = EncodedColumn(BOOLEAN, "constant", 1, all_null=True)
    target = Relation("", (BOOLEAN,), (None,), (ColumnsSegment((nothing,), 1),), 0.0)
    ranked, runs = replace(index, rows=None, starts=None), left_runs(relation, keys, index, execution)
    return relation.linked(Link(len(relation.types), keys, ranked, target, "inner", runs=runs))
