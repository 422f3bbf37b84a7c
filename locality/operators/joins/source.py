"""The rows of a join, as a source for the pipeline above it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from locality.encodings import EncodedColumn, counted, expand, stored_width, take, without_rows
from locality.encodings.arrow import to_dictionary
from locality.encodings.bitmaps import to_mask
from locality.errors import Unsupported
from locality.operators.byvalues import Conjuncts
from locality.operators.codegen.probe import probe
from locality.operators.collect import collect_rows
from locality.operators.joins.membership import MARKS, marked, marked_rows
from locality.operators.joins.pairs import Matching, joined_rows
from locality.operators.joins.ranks import check_keys
from locality.operators.joins.rounds import MOST_ROUNDS
from locality.operators.joins.runs import left_runs
from locality.operators.physical import Execution, Explanation, Physical, Traffic
from locality.operators.relations.kept import KEPT, deletions_of, stored_columns
from locality.operators.relations.keyindex import KeyIndex, index_rows
from locality.operators.relations.links import Link, LinkKind
from locality.operators.relations.relation import ColumnsSegment, Origin, Positions, Relation, is_integer
from locality.operators.relations.signature import signature
from locality.operators.relations.traffic import gathered_reads
from locality.operators.source import Source, explain_source
from locality.plan.expressions import ColumnRef, Expression, columns_of
from locality.plan.intervals import Interval
from locality.plan.nodes import JoinKind

#: How a join whose right side has at most one match for each row is linked; others need pairs.
_LINKS: dict[JoinKind, LinkKind] = {
    "inner": "inner",
    "semi": "inner",
    "left": "left",
    "single": "left",
    "anti": "anti",
}

#: The kinds of joins that put out no right row without a match, nor tell whether there is one.
MATCHING = frozenset(_LINKS)


@dataclass(frozen=True, eq=False)
class JoinSource:
    """The rows of ``left`` with their matches in ``right``: the columns of the left source, then those of the join.

    keys: over the left source's columns. positions: the columns of ``right`` that they are compared with.
    null_safe: for each key, whether NULL equals NULL. outputs: how many of the right columns the join puts out, from
    the first. condition: what else makes a match, over the left source's columns, then the first columns of the right.
    links: whether rows of an inner join may be linked to their matches.
    live: the column of ``right`` that is NULL in rows that were deleted; None if it has none. Those match nothing.
    Whether kernels can compute matches of rows is kept for the next ones of the same form.
    """

    left: Source
    right: Physical
    kind: JoinKind
    keys: tuple[Expression, ...]
    positions: tuple[int, ...]
    null_safe: tuple[bool, ...]
    outputs: int
    condition: Expression | None
    links: bool = True
    live: int | None = None
    _computed: dict[Hashable, bool] = field(init=False, default_factory=dict)
    relation = None

    @property
    def width(self) -> int:
        return self.left.width + (MARKS if self.kind == "mark" else self.outputs)

    def read(self, execution: Execution, conjuncts: Conjuncts) -> tuple[Relation, Conjuncts]:
        """The left rows with a link to their matches; or the joined rows themselves, where a row may have several."""
        own = tuple(c for c in conjuncts if max(columns_of(c), default=0) < self.left.width)
        rest = tuple(c for c in conjuncts if c not in own)
        relation, pending = self.left.read(execution, own)
        if self.kind in MATCHING and (not relation.row_count or any(link.finds_nothing for link in relation.links)):
            return self._nothing(relation), (*pending, *rest)
        right = self.right.execute(execution).as_relation()
        with execution.measure("join") as traffic:
            index = self._index(right, relation.row_count, execution, traffic)
            traffic.rows = right.row_count
        if self.kind == "mark" and index is not None and any(part.is_bytes for part in index.parts):
            return self._marked_rows(relation, pending, index, right, execution), rest
        if self.kind == "mark":
            marks = marked(relation, self.keys, self.null_safe, index, right, self.positions, execution)
            return marks, (*pending, *rest)
        target = _first(right, self.outputs, execution.memory_limit)
        linked = None
        if self._can_link(index, right):
            linked = self._linked(relation, index, right, target, execution)
        if linked is not None:
            return linked, (*pending, *rest)
        matching = Matching(self.kind, self.keys, index, self.condition, rest if self.kind == "inner" else ())
        joined, settled = joined_rows(relation, pending, matching, target, execution)
        return joined, tuple(c for c in rest if c not in settled)

    def _nothing(self, relation: Relation) -> Relation:
        """No rows: nobody asks for a match, so that the right ones need not be there."""
        types = (*relation.types, *self.right.types[: self.outputs])
        columns = tuple(EncodedColumn(dtype, "constant", 0, all_null=True) for dtype in types)
        intervals = tuple(Interval(0, 0) if is_integer(dtype) else None for dtype in types)
        return Relation("", types, intervals, (ColumnsSegment(columns, 0),), 0.0)

    def _marked_rows(
        self, relation: Relation, pending: Conjuncts, index: KeyIndex, right: Relation, execution: Execution
    ) -> Relation:
        """The left rows that pass, with marks, where kernels do not read the keys."""
        with execution.measure("join") as traffic:
            own = [ColumnRef(i, dtype) for i, dtype in enumerate(relation.types)]
            rows = collect_rows(relation, pending, (*own, *self.keys), execution, traffic)
            return marked_rows(rows, self.null_safe, index, right, self.positions, execution).as_relation()

    def _index(self, right: Relation, looks: int, execution: Execution, traffic: Traffic) -> KeyIndex | None:
        """The right rows by their keys; what is of a whole stored table is kept for other queries too."""
        if not self.keys:
            return None
        intervals = tuple(right.intervals[position] for position in self.positions)

        def build(looks: int = 0) -> KeyIndex:
            columns = [self._keyed(right, position) for position in self.positions]
            index = index_rows(columns, intervals, self.null_safe, execution, looks)
            traffic.add_reads(gathered_reads([(right, position, None) for position in self.positions]))
            traffic.state += 2 * index.nbytes
            return index

        stored = stored_columns(right, self.positions)
        if stored is None:
            return build(looks)
        segments, columns = stored
        version = (intervals, () if self.live is None else deletions_of(right, self.live))
        return KEPT.get(segments, (columns, self.null_safe), version, execution.memory_limit, build)

    def _keyed(self, right: Relation, position: int) -> EncodedColumn:
        """A column of keys, NULL in rows that were deleted."""
        column = right.gather(position, None)
        if self.live is None:
            return column
        there = right.gather(self.live, None)
        return column if there.validity is None else without_rows(column, to_mask(there.validity, there.length))

    def _can_link(self, index: KeyIndex | None, right: Relation) -> bool:
        if self.kind not in _LINKS or (self.kind == "inner" and not self.links):
            return False
        if index is None:
            return right.row_count == 1
        if index.is_unique:
            return True
        return self.kind in ("semi", "anti") and (self.condition is None or index.most <= MOST_ROUNDS)

    def _linked(
        self, relation: Relation, index: KeyIndex | None, right: Relation, target: Relation, execution: Execution
    ) -> Relation | None:
        """The left rows with a link to their matches; None if kernels can't compute what makes a match."""
        ranked = None
        if self.kind in ("semi", "anti") and self.condition is None and index is not None:
            ranked = index
            index = replace(index, rows=None, starts=None)  # that there is a match is all that matters
        columns = tuple(position if position < self.outputs else None for position in self.positions)
        kind, whole = _LINKS[self.kind], stored_columns(right, self.positions) is not None
        runs = None
        if self.kind in ("inner", "semi") and self.condition is None and index is not None:
            runs = left_runs(relation, self.keys, index, execution)
        link = Link(
            len(relation.types), self.keys, index, _padded(target), kind, self.condition, columns, ranked, whole, runs
        )
        linked = relation.linked(link)
        reads = [*self.keys, *(() if self.condition is None else (self.condition,))]
        form = signature(linked, {column for e in reads for column in columns_of(e)})
        can = self._computed.get(form)
        if can is None:
            can = self._can_compute(relation, linked, index)
            self._computed.clear()
            self._computed[form] = can
        return linked if can else None

    def _can_compute(self, relation: Relation, linked: Relation, index: KeyIndex | None) -> bool:
        """Whether kernels can compute what makes a match."""
        try:
            if index is not None:
                check_keys(relation, self.keys, index)
            if self.condition is not None:
                probe(linked, self.condition)
        except Unsupported:
            return False
        return True

    def children(self) -> tuple[Explanation, ...]:
        how = f"{self.kind} join on {len(self.keys)} keys" if self.keys else f"{self.kind} join"
        return (Explanation(how, (), (*explain_source(self.left), self.right.explain())),)


@dataclass(frozen=True, eq=False)
class TargetSegment:
    """The rows of an intermediate result as one segment, each value in its place, and its strings with a dictionary.

    That is for kernels, which reach rows in any order; who takes rows, as results do, gets raw strings as they are.
    """

    relation: Relation
    memory_limit: int
    _columns: dict[int, EncodedColumn] = field(default_factory=dict)

    @property
    def row_count(self) -> int:
        return self.relation.row_count

    @property
    def zone_rows(self) -> int:
        return max(self.row_count, 1)

    def column(self, index: int) -> EncodedColumn:
        if index not in self._columns:
            column = KEPT.column(self.relation, index, self.memory_limit)
            column = counted(to_dictionary(column)) if column.encoding == "text" else column
            self._columns[index] = expand(column) if column.encoding == "rle" else column
        return self._columns[index]

    def is_ready(self, index: int) -> bool:
        return index in self._columns

    def origin(self, index: int) -> Origin | None:
        return self.relation, index, None

    def take(self, index: int, rows: Positions) -> EncodedColumn:
        return take(self._columns[index], rows) if index in self._columns else self.relation.gather(index, rows)

    def width(self, index: int) -> float:
        kept = self._columns.get(index)
        return self.relation.segments[0].width(index) if kept is None else stored_width(kept)

    def zones(self, index: int) -> None:
        return None


def _first(relation: Relation, count: int, memory_limit: int) -> Relation:
    """The first columns of an intermediate result, as one segment."""
    distinct = {index: values for index, values in relation.distinct.items() if index < count}
    segments = (TargetSegment(relation, memory_limit),)
    return Relation("", relation.types[:count], relation.intervals[:count], segments, 0.0, distinct)


def _padded(target: Relation) -> Relation:
    """The target of a link; one row of NULLs if it has none, so that there is something to load."""
    if target.row_count:
        return target
    nothing = tuple(EncodedColumn(dtype, "constant", 1, all_null=True) for dtype in target.types)
    return replace(target, segments=(ColumnsSegment(nothing, 1),))
