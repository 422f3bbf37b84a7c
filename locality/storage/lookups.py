"""Where in a segment each value of a column lies, for columns whose order the rows of a table have left.

Bounds of zones and blocks find a key while rows lie in about its order. Once a table was put in another order, its keys
are everywhere, and a lookup of one of them would read all. Such a column gets a list of its values in ascending order,
each with the number of the 64 rows in which it lies: an inverted index, which tells of any range where it may be found.
So few rows are read in about the time of one, and a range of keys whose rows lie in a thousand places is still found.
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
from locality.kernel.loader import primitive
from locality.storage.files import FileEntry, write_batch
from locality.storage.zones import BLOCKS, Zones

Bits = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Rows of a step, of which entries tell that a value lies in one.
STEP_ROWS = 64
#: Bytes of an entry, about.
ENTRY_BYTES = 4.5
#: Steps that a value lies in beyond which the column as a whole is read nearly as soon.
MOST_STEPS = 32
#: Entries that have one value in full; the others tell how far theirs are from it.
_GROUP = 16
#: A lookup of a value must leave at least this many times fewer steps than there are.
_LEAST_GAIN = 8
#: Blocks that bounds may leave for a value where nothing finer is kept.
_FEW_BLOCKS = 4
#: Bits of a step's number; what may be above it in the numbers that are sorted.
_STEP_BITS, _MOST_BITS = 14, 62


@dataclass(frozen=True, eq=False)
class Lookup:
    """Entries in ascending order of their values, codes as zones have them, and of steps; each pair once; no NULLs.

    firsts: int64, the value of every 16th entry. offsets: how far each entry's value is from the last of these.
    steps: uint16, the step of 64 rows in which each entry's value lies.
    """

    firsts: Ints
    offsets: npt.NDArray[Any]
    steps: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.offsets)

    def value(self, entry: int) -> int:
        """The value of an entry, as a code."""
        return int(self.firsts[entry // _GROUP]) + int(self.offsets[entry])

    def place(self, value: int) -> int:
        """How many entries have less than ``value``, a code or any other integer."""
        if value <= int(self.firsts[0]):
            return 0
        if value > self.value(len(self) - 1):
            return len(self)
        group = int(self.firsts.searchsorted(value)) - 1
        within = self.firsts[group] + self.offsets[group * _GROUP : (group + 1) * _GROUP]
        return group * _GROUP + int(np.count_nonzero(within < value))

    def equals(self, other: Lookup | None) -> bool:
        """Whether all entries are the same."""
        parts = ("firsts", "offsets", "steps")
        return other is not None and all(np.array_equal(getattr(self, p), getattr(other, p)) for p in parts)

    def steps_with(self, low: Ints, high: Ints, rows: int) -> Bits:
        """Which steps of so many ``rows`` have values from any ``low`` up to its ``high``."""
        found = np.zeros(-(-rows // STEP_ROWS), np.bool_)
        primitive("mark_steps")(self.firsts, self.offsets, self.steps, low, high, found)
        return found


def lookup_of(column: EncodedColumn, zones: Zones) -> Lookup | None:
    """The lookup of a column of a segment; None if it would be of no use, or its values are no codes.

    It is of no use where bounds tell as much, and where a value lies in many steps.
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
    if high >= 1 << _MOST_BITS or high - low >= 1 << (_MOST_BITS - _STEP_BITS):
        return None
    numbers = (codes.astype(np.int64) - low << _STEP_BITS) | (np.arange(len(codes)) // STEP_ROWS)
    if column.validity is not None:  # the code under a NULL is that of some value
        numbers = numbers[bitmaps.to_mask(column.validity, column.length)]
    if not len(numbers):
        return None
    numbers = _without_repeats(np.sort(_without_repeats(numbers)))
    values = numbers >> _STEP_BITS
    distinct = int(np.count_nonzero(values[1:] != values[:-1])) + 1
    if len(values) > distinct * min(-(-len(codes) // STEP_ROWS) // _LEAST_GAIN, MOST_STEPS):
        return None
    firsts = values[::_GROUP]
    offsets = values - np.repeat(firsts, _GROUP)[: len(values)]
    steps = (numbers & ((1 << _STEP_BITS) - 1)).astype(np.uint16)
    return Lookup(firsts + low, offsets.astype(np.min_scalar_type(int(offsets.max()))), steps)


def _without_repeats(numbers: Ints) -> Ints:
    """Numbers, at least one, without those that are the same as the one before."""
    return numbers[np.append(True, numbers[1:] != numbers[:-1])]


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
        for part in ("firsts", "offsets", "steps")
    }
    return write_batch(directory, f"{name}.lookups.arrow", pa.record_batch(lists))


def read_lookup(batch: pa.RecordBatch, index: int) -> Lookup | None:
    """The lookup of column ``index``, if it has one; raises ValueError or KeyError where it is damaged."""
    if f"{index}.steps" not in batch.schema.names:
        return None
    firsts, offsets, steps = (
        to_numpy(batch.column(f"{index}.{part}").flatten()) for part in ("firsts", "offsets", "steps")
    )
    if firsts.dtype != np.int64 or offsets.dtype.kind != "u" or steps.dtype != np.uint16:
        raise ValueError("its lookup has parts of other types")
    if len(offsets) != len(steps) or len(firsts) != -(-len(offsets) // _GROUP):
        raise ValueError("the parts of its lookup do not fit each other")
    return Lookup(firsts, offsets, steps)


def bounds_of_intervals(intervals: Sequence[tuple[int, int]]) -> tuple[Ints, Ints]:
    """The first and the last value of each interval, as far as 64 bits hold them."""
    least, most = -(2**63), 2**63 - 1
    pairs = np.array([(max(low, least), min(high, most)) for low, high in intervals if low <= most], np.int64)
    low, high = np.ascontiguousarray(pairs.reshape(-1, 2).T)
    return low, high
