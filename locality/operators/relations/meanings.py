"""What the codes of a column mean in the segments of a relation, and the bounds of all their zones side by side.

A table has many segments and few meanings, mostly one: a predicate is turned into a set of codes once for each meaning,
and one comparison tells of all zones with it. Both are kept with the relation.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.operators.relations.domain import code_key
from locality.operators.relations.memo import Memo
from locality.operators.relations.relation import Relation, ZoneBounds
from locality.storage.lookups import Lookup
from locality.storage.zones import BLOCKS, Zones

#: What codes mean, and their type.
SetKey = tuple[Hashable, "np.dtype[Any] | None"]
#: Zones of a relation, counted over all of its segments.
Places = slice | npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Meaning:
    """Segments in which codes mean the same: ``column`` is that of one of them."""

    key: SetKey
    column: EncodedColumn
    segments: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Bounds:
    """Statistics of zones at ``places``, whose codes have one meaning; blocks: of their blocks, if some have any.

    lookups: those of segments that have one, with the segments' numbers.
    """

    meaning: Meaning
    places: Places
    zones: Zones
    blocks: Zones | None
    lookups: tuple[tuple[int, Lookup], ...]


def memo_of(relation: Relation, index: int) -> Memo:
    """Where what is told of a column is kept: rows with links share what is of the table's own columns."""
    return relation.memo if relation.prepared is None or is_linked(relation, index) else relation.prepared


def is_linked(relation: Relation, index: int) -> bool:
    """Whether a column is one of a link's, which has the same rows of another relation for all segments."""
    return bool(relation.links) and index >= relation.links[0].first


def meanings_of(relation: Relation, index: int) -> tuple[Meaning, ...]:
    """The meanings of a column's codes, in the order in which segments have them first; each segment has one."""
    return memo_of(relation, index).once(("meanings", index), lambda: _meanings(relation, index))


def bounds_of(relation: Relation, index: int) -> tuple[Bounds, ...]:
    """The bounds of all zones that have some, by meaning."""
    return memo_of(relation, index).once(("bounds", index), lambda: _bounds(relation, index))


def has_dictionaries(relation: Relation, index: int) -> bool:
    """Whether a column has one in every segment; the first without ends the search, which might read raw strings."""

    def check() -> bool:
        return all(segment.column(index).dictionary is not None for segment in relation.segments)

    return memo_of(relation, index).once(("has dictionaries", index), check)


def first_zones(relation: Relation) -> npt.NDArray[np.int64]:
    """The number of the first zone of each segment, then how many zones there are."""
    memo = relation.memo if relation.prepared is None else relation.prepared
    return memo.once("first zones", lambda: _first_zones(relation))


def set_key(column: EncodedColumn) -> SetKey:
    """Equal for columns with the same sets of codes, which end where the codes' own type does."""
    return code_key(column), None if column.codes is None else column.codes.dtype


def _meanings(relation: Relation, index: int) -> tuple[Meaning, ...]:
    if is_linked(relation, index) and len(relation.segments):
        column = relation.segments[0].column(index)
        return (Meaning(set_key(column), column, tuple(range(len(relation.segments)))),)
    columns = [segment.column(index) for segment in relation.segments]
    by_key: dict[SetKey, list[int]] = {}
    for number, column in enumerate(columns):
        by_key.setdefault(set_key(column), []).append(number)
    return tuple(Meaning(key, columns[numbers[0]], tuple(numbers)) for key, numbers in by_key.items())


def _bounds(relation: Relation, index: int) -> tuple[Bounds, ...]:
    if is_linked(relation, index):
        return ()
    found = []
    starts = first_zones(relation)
    for meaning in meanings_of(relation, index):
        known = [(number, relation.segments[number].zones(index)) for number in meaning.segments]
        told = [(number, z) for number, z in known if z is not None and z.minimum is not None and z.maximum is not None]
        if not told:
            continue
        blocks = [zones.blocks is not None for _, zones in told]
        places = [np.arange(starts[number], starts[number + 1]) for number, _ in told]
        is_all = len(told) == len(relation.segments)
        found.append(
            Bounds(
                meaning,
                slice(None) if is_all else np.concatenate(places),
                _together([zones for _, zones in told]),
                _together([_blocks_of(zones) for _, zones in told]) if any(blocks) else None,
                tuple((number, zones.lookup) for number, zones in told if zones.lookup is not None),
            )
        )
    return tuple(found)


def _blocks_of(zones: ZoneBounds) -> ZoneBounds:
    """The bounds of the zones' blocks; those of the zones, where they have none of their own."""
    if zones.blocks is not None:
        return zones.blocks
    assert zones.minimum is not None
    assert zones.maximum is not None
    return Zones(np.repeat(zones.nulls, BLOCKS), np.repeat(zones.minimum, BLOCKS), np.repeat(zones.maximum, BLOCKS))


def _together(parts: Sequence[ZoneBounds]) -> Zones:
    """The bounds of the zones of all parts."""
    names = "nulls", "minimum", "maximum"
    nulls, minimum, maximum = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return Zones(nulls, minimum, maximum)


def _first_zones(relation: Relation) -> npt.NDArray[np.int64]:
    counts = (-(-segment.row_count // segment.zone_rows) for segment in relation.segments)
    return np.array(list(itertools.accumulate(counts, initial=0)), dtype=np.int64)
