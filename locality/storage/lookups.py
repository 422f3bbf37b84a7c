"""In which blocks of a segment each value of a column lies, for columns whose order the rows of a table have left.

Bounds of zones and blocks find a key while rows lie in about its order. Once a table was put in another order, its keys
are everywhere, and a lookup of one of them would read all. Such a column gets a list of its values in ascending order,
each with the number of its block: an inverted index down to blocks, which tells of any range where it may be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings import EncodedColumn, bitmaps
from locality.encodings.numbers import to_numpy
from locality.storage.files import FileEntry, write_batch
from locality.storage.zones import BLOCK_ROWS, BLOCKS, Zones

Bits = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Bytes of an entry, about.
ENTRY_BYTES = 3.5
#: Entries that have one value in full; the others tell how far theirs are from it.
_GROUP = 16
#: A lookup of a value must leave at least this many times fewer blocks than there are.
_LEAST_GAIN = 8
#: Blocks that bounds may leave for a value where nothing finer is kept.
_FEW_BLOCKS = 4
#: Entries that a lookup may go through; beyond them, nearly all blocks have some of the values anyway.
_MOST_ENTRIES = 1 << 14
#: Bits of a block's number; what may be above it in the numbers that are sorted.
_BLOCK_BITS, _MOST_BITS = 8, 62


@dataclass(frozen=True, eq=False)
class Lookup:
    """Entries in ascending order of their values, codes as zones have them, and of blocks; each pair once; no NULLs.

    firsts: int64, the value of every 16th entry. offsets: how far each entry's value is from the last of these.
    blocks: uint8, the block of 4,096 rows in which each entry's value lies.
    """

    firsts: Ints
    offsets: npt.NDArray[Any]
    blocks: npt.NDArray[np.uint8]

    def equals(self, other: Lookup | None) -> bool:
        """Whether all entries are the same."""
        parts = ("firsts", "offsets", "blocks")
        return other is not None and all(np.array_equal(getattr(self, p), getattr(other, p)) for p in parts)

    def blocks_with(self, low: Ints, high: Ints, count: int) -> Bits | None:
        """Which of ``count`` blocks have values between any ``low`` and its ``high``; None if that takes too long."""
        start = np.maximum(self.firsts.searchsorted(low) - 1, 0)
        groups = np.maximum(self.firsts.searchsorted(high, side="right") - start, 0)
        total = int(groups.sum())
        found = np.zeros(count, np.bool_)
        if total <= 0:
            return found
        if total * _GROUP > _MOST_ENTRIES:
            return None
        before = np.cumsum(groups) - groups
        numbers = np.arange(total) + np.repeat(start - before, groups)
        entries = np.minimum((numbers * _GROUP)[:, None] + np.arange(_GROUP), len(self.offsets) - 1)
        values = self.firsts[entries >> 4] + self.offsets[entries]
        inside = (values >= np.repeat(low, groups)[:, None]) & (values <= np.repeat(high, groups)[:, None])
        found[self.blocks[entries[inside]]] = True
        return found


def lookup_of(column: EncodedColumn, zones: Zones) -> Lookup | None:
    """The lookup of a column of a segment; None if it would be of no use, or its values are no codes.

    It is of no use where bounds tell as much, and where a value lies in many blocks.
    """
    codes = column.codes
    if (
        codes is None
        or zones.minimum is None
        or _tells(zones)
        or codes.ndim != 1
        or codes.dtype.kind not in "iu"
        or column.run_ends is not None
    ):
        return None
    low, high = int(codes.min()), int(codes.max())
    if high >= 1 << _MOST_BITS or high - low >= 1 << (_MOST_BITS - _BLOCK_BITS):
        return None
    numbers = (codes.astype(np.int64) - low << _BLOCK_BITS) | (np.arange(len(codes)) // BLOCK_ROWS)
    is_new = np.append(True, numbers[1:] != numbers[:-1])
    if column.validity is not None:
        is_new &= bitmaps.to_mask(column.validity, column.length)
    numbers = np.sort(numbers[is_new])
    if not len(numbers):
        return None
    numbers = numbers[np.append(True, numbers[1:] != numbers[:-1])]
    values = numbers >> _BLOCK_BITS
    distinct = int(np.count_nonzero(values[1:] != values[:-1])) + 1
    if len(values) * _LEAST_GAIN > distinct * -(-len(codes) // BLOCK_ROWS):
        return None
    firsts = values[::_GROUP]
    offsets = values - np.repeat(firsts, _GROUP)[: len(values)]
    return Lookup(firsts + low, offsets.astype(np.min_scalar_type(int(offsets.max()))), numbers.astype(np.uint8))


def _tells(zones: Zones) -> bool:
    """Whether the bounds of zones and blocks leave few blocks for a value."""
    parts, rows = (zones, BLOCKS) if zones.blocks is None else (zones.blocks, 1)
    assert parts.minimum is not None
    assert parts.maximum is not None
    filled = parts.minimum <= parts.maximum
    low, high = parts.minimum[filled].astype(np.float64), parts.maximum[filled].astype(np.float64)
    return not len(low) or float((high - low + 1).sum()) * rows <= _FEW_BLOCKS * (high.max() - low.min() + 1)


def write_lookups(directory: Path, name: str, lookups: dict[int, Lookup]) -> FileEntry:
    """Writes ``name.lookups.arrow``, one row of lists, by columns' numbers; raises as :func:`write_batch`."""
    lists = {
        f"{index}.{part}": pa.array([getattr(lookup, part)])
        for index, lookup in lookups.items()
        for part in ("firsts", "offsets", "blocks")
    }
    return write_batch(directory, f"{name}.lookups.arrow", pa.record_batch(lists))


def read_lookup(batch: pa.RecordBatch, index: int) -> Lookup | None:
    """The lookup of column ``index``, if it has one; raises ValueError or KeyError where it is damaged."""
    if f"{index}.firsts" not in batch.schema.names:
        return None
    firsts, offsets, blocks = (
        to_numpy(batch.column(f"{index}.{part}").flatten()) for part in ("firsts", "offsets", "blocks")
    )
    if firsts.dtype != np.int64 or offsets.dtype.kind != "u" or blocks.dtype != np.uint8:
        raise ValueError("its lookup has parts of other types")
    if len(offsets) != len(blocks) or len(firsts) != -(-len(offsets) // _GROUP):
        raise ValueError("the parts of its lookup do not fit each other")
    return Lookup(firsts, offsets, blocks)


def bounds_of_intervals(intervals: Sequence[tuple[int, int]]) -> tuple[Ints, Ints]:
    """The first and the last value of each interval, as far as 64 bits hold them."""
    least, most = -(2**63), 2**63 - 1
    pairs = np.array([(max(low, least), min(high, most)) for low, high in intervals if low <= most], np.int64)
    low, high = pairs.reshape(-1, 2).T
    return low, high
