"""What a pipeline reads: a stored table or an intermediate result, both as segments of encoded columns."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, overload

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, concat, stored_width, take
from locality.operators.relations.links import Link
from locality.operators.relations.memo import Memo
from locality.plan.intervals import Interval
from locality.storage.lookups import Lookup
from locality.types import DataType, Domain

Positions = npt.NDArray[np.int64]

#: Segments up to which comparing each row with the first row of each one takes less than a search.
_FEW_SEGMENTS = 32


class ZoneBounds(Protocol):
    """Bounds of each zone of a column, of codes or of raw strings; see :class:`locality.storage.zones.Zones`."""

    @property
    def nulls(self) -> npt.NDArray[np.int64]: ...
    @property
    def minimum(self) -> npt.NDArray[np.int64] | None: ...
    @property
    def maximum(self) -> npt.NDArray[np.int64] | None: ...
    @property
    def prefix_minimum(self) -> tuple[bytes | None, ...] | None: ...
    @property
    def prefix_maximum(self) -> tuple[bytes | None, ...] | None: ...
    @property
    def sums(self) -> npt.NDArray[np.int64] | None: ...
    @property
    def blocks(self) -> ZoneBounds | None: ...
    @property
    def lookup(self) -> Lookup | None: ...


class Segment(Protocol):
    """A horizontal part of a relation."""

    @property
    def row_count(self) -> int:
        """Rows of the segment."""

    @property
    def zone_rows(self) -> int:
        """Rows of a zone."""

    def column(self, index: int) -> EncodedColumn:
        """One column, all its rows."""

    def take(self, index: int, rows: Positions) -> EncodedColumn:
        """One column at ``rows`` of the segment, in any order."""

    def width(self, index: int) -> float:
        """Bytes of one column a row, as it is kept."""

    def zones(self, index: int) -> ZoneBounds | None:
        """Statistics of the column's zones, or None for an intermediate result."""

    def is_ready(self, index: int) -> bool:
        """Whether a column can be had at once, without being decompressed, gathered or computed first."""

    def origin(self, index: int) -> Origin | None:
        """Where a column's values are gathered from when they are first read; None if they lie here."""


#: Rows of a column of another relation; None for all rows.
Origin = tuple["Relation", int, Positions | None]


@dataclass(frozen=True, eq=False)
class Relation:
    """Rows in a fixed order, column by column.

    intervals: what the INTEGER values of a column can be; None for other columns.
    naive_row_bytes: bytes of a whole row as a row store would keep it.
    distinct: about how many values each column has; no entry where that is not known.
    links: rows of other relations that go with each row; their columns follow its own, link by link.
    unlinked: the rows without the last link, None for rows without any: they are as many, in the same segments.
    stored: what the ledger calls each column, ``table.column``; none for an intermediate result.
    prepared: what was prepared for rows with links like these, which those with further links share; None if the
        rows are an intermediate result, which is another the next time.
    memo: what was derived from the rows and may be derived again, by a key of whoever derived it.
    """

    name: str
    types: tuple[DataType, ...]
    intervals: tuple[Interval | None, ...]
    segments: Sequence[Segment]
    naive_row_bytes: float
    distinct: Mapping[int, int] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    stored: tuple[str, ...] = ()
    prepared: Memo | None = None
    unlinked: Relation | None = None
    memo: Memo = field(init=False, default_factory=Memo)

    @cached_property
    def starts(self) -> Positions:
        """The number of the first row of each segment, then how many rows there are."""
        if self.unlinked is not None:
            return self.unlinked.starts
        return np.array(list(itertools.accumulate((s.row_count for s in self.segments), initial=0)), dtype=np.int64)

    @cached_property
    def row_count(self) -> int:
        if self.unlinked is not None:
            return self.unlinked.row_count
        return sum([segment.row_count for segment in self.segments])

    def stored_name(self, index: int) -> str:
        """What the ledger calls a column of its own; '' for one of an intermediate result."""
        return self.stored[index] if index < len(self.stored) else ""

    def link_of(self, index: int) -> Link | None:
        """The link that column ``index`` belongs to; None for the relation's own columns."""
        return next((link for link in reversed(self.links) if link.first <= index), None)

    def linked(self, link: Link) -> Relation:
        """The same rows with the columns of one more link."""
        target = link.target
        number = len(self.links)
        return Relation(
            self.name,
            self.types + target.types,
            self.intervals + target.intervals,
            _LinkedSegments(self.segments, link, number),
            self.naive_row_bytes,
            {**self.distinct, **{link.first + i: count for i, count in target.distinct.items()}},
            (*self.links, link),
            self.stored,
            self.prepared,
            self,
        )

    def gather(self, index: int, positions: Positions | None) -> EncodedColumn:
        """The values of a column at ``positions`` (rows of the relation, any order), or of all rows for None."""
        if not self.segments:
            return _nothing(self.types[index])
        if positions is None:
            return concat([segment.column(index) for segment in self.segments])
        if len(self.segments) == 1:
            return self.segments[0].take(index, positions)
        if self.comes_together(positions):
            return take(concat([segment.column(index) for segment in self.segments]), positions)
        located = self._locate(positions)
        gathered = concat([self.segments[number].take(index, rows) for number, rows in located.parts])
        return gathered if located.inverse is None else take(gathered, located.inverse)

    def comes_together(self, positions: Positions) -> bool:
        """Whether joining all segments costs less than bringing the rows of each back into the order asked for."""
        return 4 * len(positions) > self.row_count and not _ascending(positions)

    def _locate(self, positions: Positions) -> Located:
        """Where the rows lie; remembered while the positions live, because all columns of a result have the same."""
        last: tuple[weakref.ref[Positions], Located] | None = self.memo.get("located")
        if last is not None and last[0]() is positions:
            return last[1]
        memo, located = self.memo, _locate(self.starts, positions)

        def forget(dead: weakref.ref[Positions]) -> None:
            if (kept := memo.get("located")) is not None and kept[0] is dead:
                memo.pop("located")

        memo.keep("located", (weakref.ref(positions, forget), located))
        return located


#: No rows and no columns.
NOTHING = Relation("", (), (), (), 0.0)


@dataclass(frozen=True, eq=False)
class Located:
    """Positions by segment: the rows to take of each, and what brings them back to the order that was asked for."""

    parts: list[tuple[int, Positions]]
    inverse: Positions | None


def _ascending(values: npt.NDArray[np.integer[Any]]) -> bool:
    return bool(np.all(values[1:] >= values[:-1]))


def _locate(starts: Positions, positions: Positions) -> Located:
    if len(positions) and _ascending(positions):  # as rows that passed a scan are
        return Located(_cut(starts, positions, positions.searchsorted(starts).tolist(), 0), None)
    owner = _owners(starts, positions)
    first = int(owner[0]) if len(owner) else 0
    if (owner == first).all():
        return Located([(first, positions - starts[first])], None)
    inverse = None
    ordered = positions
    if not _ascending(owner):
        order = np.argsort(owner, kind="stable")
        ordered, owner = positions[order], owner[order]
        inverse = np.empty(len(order), dtype=np.int64)
        inverse[order] = np.arange(len(order))
    first, last = int(owner[0]), int(owner[-1])
    cuts = np.searchsorted(owner, np.arange(first, last + 2)).tolist()
    return Located(_cut(starts, ordered, cuts, first), inverse)


def _owners(starts: Positions, positions: Positions) -> npt.NDArray[np.unsignedinteger[Any]]:
    """The number of each row's segment, in as few bytes as hold it: numpy sorts narrow ones in one or two passes."""
    if len(starts) > _FEW_SEGMENTS:
        return (starts.searchsorted(positions, side="right") - 1).astype(np.min_scalar_type(len(starts)))
    owner = np.zeros(len(positions), np.uint8)
    for start in starts[1:-1].tolist():
        owner += positions >= start
    return owner


def _cut(starts: Positions, ordered: Positions, cuts: list[int], first: int) -> list[tuple[int, Positions]]:
    """The rows of each segment from number ``first`` on that has some, given where theirs begin among all."""
    return [
        (number, ordered[start:stop] - starts[number])
        for number, (start, stop) in enumerate(itertools.pairwise(cuts), first)
        if stop > start
    ]


def _nothing(dtype: DataType) -> EncodedColumn:
    return EncodedColumn(dtype, "constant", 0, all_null=True)


@dataclass(frozen=True, eq=False)
class ColumnsSegment:
    """An intermediate result as the one segment of a relation."""

    columns: tuple[EncodedColumn, ...]
    row_count: int

    @property
    def zone_rows(self) -> int:
        return max(self.row_count, 1)

    def column(self, index: int) -> EncodedColumn:
        return self.columns[index]

    def take(self, index: int, rows: Positions) -> EncodedColumn:
        return take(self.columns[index], rows)

    def width(self, index: int) -> float:
        return stored_width(self.columns[index])

    def zones(self, index: int) -> ZoneBounds | None:
        return None

    def is_ready(self, index: int) -> bool:
        return True

    def origin(self, index: int) -> Origin | None:
        return None


@dataclass(frozen=True, eq=False)
class LinkedSegment:
    """A segment with the columns of a link after its own: all rows of the target, not one for each row here.

    number: the link's position among the relation's links.
    """

    base: Segment
    link: Link
    number: int

    @property
    def target(self) -> Segment:
        return self.link.target.segments[0]

    @property
    def first(self) -> int:
        return self.link.first

    @property
    def row_count(self) -> int:
        return self.base.row_count

    @property
    def zone_rows(self) -> int:
        return self.base.zone_rows

    def column(self, index: int) -> EncodedColumn:
        return self.base.column(index) if index < self.first else self.target.column(index - self.first)

    def take(self, index: int, rows: Positions) -> EncodedColumn:
        assert index < self.first, "a link's columns are gathered from its target"
        return self.base.take(index, rows)

    def width(self, index: int) -> float:
        return self.base.width(index) if index < self.first else self.target.width(index - self.first)

    def zones(self, index: int) -> ZoneBounds | None:
        return self.base.zones(index) if index < self.first else None

    def is_ready(self, index: int) -> bool:
        return self.base.is_ready(index) if index < self.first else self.target.is_ready(index - self.first)

    def origin(self, index: int) -> Origin | None:
        return self.base.origin(index) if index < self.first else self.target.origin(index - self.first)


class _LinkedSegments(Sequence[Segment]):
    """The segments of rows with a link, each made when somebody asks for it: a table has more than a query reads."""

    def __init__(self, base: Sequence[Segment], link: Link, number: int) -> None:
        self._base, self._link, self._number = base, link, number
        self._made: dict[int, Segment] = {}

    def __len__(self) -> int:
        return len(self._base)

    @overload
    def __getitem__(self, index: int) -> Segment: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Segment]: ...

    def __getitem__(self, index: int | slice) -> Segment | Sequence[Segment]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]  # counted from the start
        made = self._made.get(index)
        if made is None:
            made = self._made.setdefault(index, LinkedSegment(self._base[index], self._link, self._number))
        return made


def link_at(segment: Segment, number: int) -> Link:
    """The link at a position among the links of a segment's relation."""
    while isinstance(segment, LinkedSegment):
        if segment.number == number:
            return segment.link
        segment = segment.base
    raise IndexError(number)


def is_integer(dtype: DataType) -> bool:
    """Whether kernels may hold values of the type as one int64; for 128-bit types, where the column's codes are so."""
    return dtype.domain is Domain.INTEGER or dtype.name in ("HUGEINT", "UHUGEINT")
