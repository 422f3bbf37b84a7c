"""What is made of whole stored columns, kept from query to query: it is true as long as their segments are.

That is indexes of keys, columns whose segments were brought together for a link, which reaches rows in any order, and
where runs of sorted columns begin.
They are forgotten with the segments, when nobody reads their snapshot any more, and those that were asked for longest
ago as soon as all together would take more than a share of the memory limit.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from locality.encodings import EncodedColumn, stored_bytes
from locality.operators.relations.keyindex import KeyIndex
from locality.operators.relations.relation import Relation
from locality.operators.relations.runs import RunIndex
from locality.operators.relations.tables import ScannedSegment
from locality.plan.virtual import LIVE, TYPES
from locality.storage.table import Segment
from locality.storage.virtual import Live

Made = TypeVar("Made", KeyIndex, EncodedColumn, RunIndex)

#: The part of the memory limit that all may take.
_SHARE = 8


@dataclass(eq=False)
class _Entry:
    version: Hashable
    made: Any  # of the type that the key tells
    used: int

    @property
    def nbytes(self) -> int:
        return stored_bytes(self.made) if isinstance(self.made, EncodedColumn) else int(self.made.nbytes)


@dataclass(eq=False)
class KeptResults:
    """Indexes, columns and runs by what they are of; of each the last, as tables change. Threads may share them."""

    _entries: weakref.WeakKeyDictionary[Segment, dict[Hashable, _Entry]] = field(
        default_factory=weakref.WeakKeyDictionary
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _clock: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that they take now."""
        return sum(entry.nbytes for kept in list(self._entries.values()) for entry in list(kept.values()))

    def get(
        self,
        segments: Sequence[Segment],
        key: Hashable,
        version: Hashable,
        memory_limit: int,
        build: Callable[[], Made],
    ) -> Made:
        """What ``key`` describes of these segments, built now if it was not kept.

        version: what else it depends on that changes with the table.
        """
        version = (tuple(weakref.ref(segment) for segment in segments), version)
        with self._lock:
            entry = self._entries.get(segments[0], {}).get(key)
            if entry is not None and entry.version == version:
                entry.used = next(self._clock)
                kept: Made = entry.made
                return kept
        made = build()
        if not _holds_text(made):
            with self._lock:
                self._entries.setdefault(segments[0], {})[key] = _Entry(version, made, next(self._clock))
                self._shrink(memory_limit // _SHARE)
        return made

    def column(self, relation: Relation, index: int, memory_limit: int) -> EncodedColumn:
        """All rows of a column; kept if it is a stored one in several segments."""
        stored = stored_columns(relation, (index,))
        if stored is None or len(stored[0]) == 1 or stored[1][0] in TYPES:
            return relation.gather(index, None)
        segments, columns = stored
        return self.get(segments, columns, (), memory_limit, lambda: relation.gather(index, None))

    def _shrink(self, most: int) -> None:
        """Forgets what was asked for longest ago while all take more than ``most`` bytes."""
        entries = [(kept, key, entry) for kept in self._entries.values() for key, entry in kept.items()]
        total = sum(entry.nbytes for _, _, entry in entries)
        for kept, key, entry in sorted(entries, key=lambda each: each[2].used):
            if total <= most:
                return
            total -= entry.nbytes
            del kept[key]


def _holds_text(made: KeyIndex | EncodedColumn | RunIndex) -> bool:
    """Whether it holds on to the strings of a column themselves."""
    if isinstance(made, EncodedColumn):
        return made.encoding == "text"
    return isinstance(made, KeyIndex) and any(part.raw is not None for part in made.parts)


#: Those of this process.
KEPT = KeptResults()


def stored_columns(relation: Relation, indices: Sequence[int]) -> tuple[tuple[Segment, ...], tuple[int, ...]] | None:
    """The segments of a table and the positions of its columns, if these columns are all its rows; else None."""
    found = [_stored_column(relation, index) for index in indices]
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found) or any(segments != known[0][0] for segments, _ in known):
        return None
    return known[0][0], tuple(column for _, column in known)


def deletions_of(relation: Relation, index: int) -> Hashable:
    """What tells the deleted rows of a table from those of another version of it; ``index``: of its column of them."""
    while (origin := relation.segments[0].origin(index)) is not None:
        relation, index, _ = origin
    virtual = [segment.virtual[LIVE] for segment in relation.segments if isinstance(segment, ScannedSegment)]
    found = [made.deletions for made in virtual if isinstance(made, Live)]
    return tuple(None if deletions is None else weakref.ref(deletions) for deletions in found)


def _stored_column(relation: Relation, index: int) -> tuple[tuple[Segment, ...], int] | None:
    while len(relation.segments) == 1 and (origin := relation.segments[0].origin(index)) is not None:
        relation, index, positions = origin
        if positions is not None:
            return None
    scanned = [segment for segment in relation.segments if isinstance(segment, ScannedSegment)]
    if not scanned or len(scanned) < len(relation.segments):
        return None
    return tuple(segment.segment for segment in scanned), scanned[0].columns[index]
