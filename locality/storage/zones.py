"""Zone statistics of every 65,536 rows of a column.

By bounds, scans skip zones that can't hold a match; by bounds and sums, aggregates need not read zones all of whose
rows count. Where rows follow a column's values, finer bounds are kept too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings import EncodedColumn, bitmaps, slice_column
from locality.encodings.canonical import text_array
from locality.encodings.column import AnyArray
from locality.types import DataType

if TYPE_CHECKING:
    from locality.storage.lookups import Lookup

#: Rows of a zone; the last one of a segment may be shorter.
ZONE_ROWS = 65536

#: Rows of a block, a part of a zone with bounds of its own.
BLOCK_ROWS = 4096
#: Blocks of a zone.
BLOCKS = ZONE_ROWS // BLOCK_ROWS
#: Bounds of blocks are kept where they are at most this share as wide as those of zones.
_MOST_WIDTH = 0.5

#: Bytes kept of a text's minimum and maximum.
PREFIX_BYTES = 16

#: Bounds of a zone without values: minimum > maximum.
EMPTY_MINIMUM = 2**63 - 1
EMPTY_MAXIMUM = -(2**63)

Bounds = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Zones:
    """Statistics of the zones of one column of a segment.

    nulls: int64, NULLs in each zone.
    minimum, maximum: int64, exact bounds of the values that are not NULL, in code space for ``frame``, ``scaled``,
        ``dictionary``, ``rle`` and ``constant`` (whose codes are 0); the values themselves for ``plain`` integers;
        :func:`ordered_keys` for floats (``constant`` ones too). A zone of NULLs has minimum > maximum. None for
        ``text``, ``opaque``, 128-bit values, and unsigned values or codes beyond int64.
    prefix_minimum, prefix_maximum: of ``text`` only: for each zone the first 16 bytes of its minimum, and at most 16
        bytes that are >= all its values; None for a zone of NULLs, and as the maximum where no 16 bytes bound it.
    sums: int64, of numbers: the exact sum of the codes (or ``plain`` values) that are not NULL; None where it might not
        fit.
    blocks: bounds of each 4,096 rows, 16 a zone also where it has fewer rows, in the same space; a block is said to
        have NULLs if its zone has some. None where they tell little more than those of zones.
    lookup: in which blocks of the segment each value lies, of a column that has one.
    """

    nulls: npt.NDArray[np.int64]
    minimum: Bounds | None = None
    maximum: Bounds | None = None
    prefix_minimum: tuple[bytes | None, ...] | None = None
    prefix_maximum: tuple[bytes | None, ...] | None = None
    sums: Bounds | None = None
    blocks: Zones | None = None
    lookup: Lookup | None = None

    def __len__(self) -> int:
        return len(self.nulls)


def ordered_keys(values: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """int64 keys that order as SQL orders floats: -0.0 equals 0.0, and NaN equals itself and is the greatest.

    float32 values are widened first, so that both widths share one key space.
    """
    wide = values.astype(np.float64) + 0.0  # turns -0.0 into 0.0
    bits = wide.view(np.int64)
    keys = np.where(bits < 0, bits ^ np.int64(2**63 - 1), bits)
    keys[np.isnan(wide)] = np.array(np.nan).view(np.int64)
    return keys


def zones_of(column: EncodedColumn, zone_rows: int = ZONE_ROWS) -> Zones:
    """The zone statistics of a column of a segment; of a sample, with zones of other sizes, multiples of 8."""
    starts = np.arange(0, column.length, zone_rows, dtype=np.int64)
    stops = np.minimum(starts + zone_rows, column.length)
    nulls = _nulls(column, starts, stops)
    match column.encoding:
        case "text":
            minima, maxima = zip(*map(partial(_prefixes, column), starts.tolist(), stops.tolist()), strict=True)
            return Zones(nulls, prefix_minimum=minima, prefix_maximum=maxima)
        case "opaque":
            return Zones(nulls)
        case "constant":
            return _constant_zones(column, nulls, stops - starts)
        case _:
            return _coded_zones(column, nulls, starts, zone_rows)


def _coded_zones(
    column: EncodedColumn, nulls: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], zone_rows: int
) -> Zones:
    if zone_rows != ZONE_ROWS:
        return Zones(nulls, *_code_bounds(column, zone_rows))
    minimum, maximum = _code_bounds(column, BLOCK_ROWS)
    if minimum is None or maximum is None:
        return Zones(nulls)
    zones = Zones(nulls, *_bounds_of_zones(minimum, maximum))
    return replace(zones, sums=_sums(column, zones, starts), blocks=_finer(zones, minimum, maximum))


def _finer(zones: Zones, minimum: Bounds, maximum: Bounds) -> Zones | None:
    """The bounds of blocks, shape (blocks,), the last zone's as many as it has, where they are worth keeping."""
    if not tell_more(Zones(zones.nulls, minimum, maximum), zones):
        return None
    missing = len(zones) * BLOCKS - len(minimum)
    least, most = np.full(missing, EMPTY_MINIMUM), np.full(missing, EMPTY_MAXIMUM)
    return Zones(np.repeat(zones.nulls, BLOCKS), np.append(minimum, least), np.append(maximum, most))


def tell_more(blocks: Zones, zones: Zones) -> bool:
    """Whether bounds of blocks are so much narrower than those of zones that they are worth keeping."""
    return _width(blocks.minimum, blocks.maximum) < _MOST_WIDTH * _width(zones.minimum, zones.maximum)


def _width(minimum: Bounds | None, maximum: Bounds | None) -> float:
    """The mean width of bounds; none counts for parts of NULLs alone."""
    assert minimum is not None
    assert maximum is not None
    widths = maximum.astype(np.float64) - minimum.astype(np.float64)
    return float(np.maximum(widths, 0).mean())


def _code_bounds(column: EncodedColumn, rows: int) -> tuple[Bounds | None, Bounds | None]:
    """Bounds of the codes of every so many rows."""
    starts = np.arange(0, column.length, rows, dtype=np.int64)
    if column.encoding != "rle":
        return _row_bounds(column, starts)
    return _run_bounds(column, starts, np.minimum(starts + rows, column.length))


def prefix_bounds(minimum: bytes, maximum: bytes) -> tuple[bytes, bytes | None]:
    """Bounds of at most 16 bytes: a prefix of the minimum; the maximum, cut and rounded up; None if it can't be."""
    if len(maximum) <= PREFIX_BYTES:
        return minimum[:PREFIX_BYTES], maximum
    kept = maximum[:PREFIX_BYTES].rstrip(b"\xff")
    return minimum[:PREFIX_BYTES], kept[:-1] + bytes([kept[-1] + 1]) if kept else None


def _nulls(column: EncodedColumn, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if column.all_null:
        return stops - starts
    if column.validity is None:
        return np.zeros(len(starts), dtype=np.int64)
    validity, pairs = column.validity, zip(starts, stops, strict=True)
    counts = [bitmaps.null_count(validity[start // 8 :], int(stop - start)) for start, stop in pairs]
    return np.array(counts, dtype=np.int64)


def _row_bounds(column: EncodedColumn, starts: npt.NDArray[np.int64]) -> tuple[Bounds | None, Bounds | None]:
    codes = column.codes
    assert codes is not None
    if codes.ndim == 2:
        return None, None
    if codes.dtype.kind == "f":
        codes = ordered_keys(codes)
    if column.validity is None:
        return _as_bounds(np.minimum.reduceat(codes, starts), np.maximum.reduceat(codes, starts))
    valid = bitmaps.to_mask(column.validity, column.length)
    limits = np.iinfo(codes.dtype)
    least = np.minimum.reduceat(np.where(valid, codes, limits.max), starts)
    greatest = np.maximum.reduceat(np.where(valid, codes, limits.min), starts)
    minimum, maximum = _as_bounds(least, greatest)
    if minimum is not None and maximum is not None:
        empty = ~np.logical_or.reduceat(valid, starts)
        minimum[empty], maximum[empty] = EMPTY_MINIMUM, EMPTY_MAXIMUM
    return minimum, maximum


def _run_bounds(
    column: EncodedColumn, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]
) -> tuple[Bounds | None, Bounds | None]:
    """Bounds of the runs that reach into each part; NULLs under a run are taken as its value, which only widens."""
    assert column.run_ends is not None
    assert column.codes is not None
    first = np.searchsorted(column.run_ends, starts, side="right")
    last = np.searchsorted(column.run_ends, stops, side="left")
    pairs = np.stack([first, last + 1], axis=1).reshape(-1)
    codes = np.append(column.codes, column.codes[-1:])  # so that the last pair may end behind the last run
    return _as_bounds(np.minimum.reduceat(codes, pairs)[::2], np.maximum.reduceat(codes, pairs)[::2])


def _bounds_of_zones(minimum: Bounds, maximum: Bounds) -> tuple[Bounds, Bounds]:
    """From those of blocks: a block of NULLs has bounds that change nothing."""
    starts = np.arange(0, len(minimum), BLOCKS)
    return np.minimum.reduceat(minimum, starts), np.maximum.reduceat(maximum, starts)


def _sums(column: EncodedColumn, zones: Zones, starts: npt.NDArray[np.int64]) -> Bounds | None:
    codes = column.codes
    if not _is_number(column.type) or codes is None or zones.minimum is None or zones.maximum is None:
        return None
    valued = zones.minimum <= zones.maximum
    greatest = max((abs(int(bound)) for bound in (*zones.minimum[valued], *zones.maximum[valued])), default=0)
    if greatest * ZONE_ROWS > EMPTY_MINIMUM:
        return None
    if column.encoding == "rle":
        return _run_sums(column, codes, starts)
    parts = [codes[start : start + ZONE_ROWS] for start in starts.tolist()]
    if column.validity is None:
        return np.array([part.sum(dtype=np.int64) for part in parts], dtype=np.int64)
    valid = bitmaps.to_mask(column.validity, column.length)
    masks = (valid[start : start + ZONE_ROWS] for start in starts.tolist())
    pairs = zip(parts, masks, strict=True)
    return np.array([part.sum(dtype=np.int64, where=mask) for part, mask in pairs], dtype=np.int64)


def _run_sums(column: EncodedColumn, codes: AnyArray, starts: npt.NDArray[np.int64]) -> Bounds | None:
    """None if there are NULLs, which may lie anywhere under a run."""
    assert column.run_ends is not None
    if column.validity is not None:
        return None
    cuts = np.union1d(column.run_ends, np.append(starts[1:], column.length))
    runs = np.searchsorted(column.run_ends, cuts, side="left")
    parts = np.diff(cuts, prepend=0) * codes[runs].astype(np.int64)
    return np.add.reduceat(parts, np.searchsorted(cuts, starts, side="right"))


def _as_bounds(minimum: AnyArray, maximum: AnyArray) -> tuple[Bounds | None, Bounds | None]:
    if maximum.dtype == np.uint64 and len(maximum) and int(maximum.max()) > EMPTY_MINIMUM:
        return None, None
    return minimum.astype(np.int64), maximum.astype(np.int64)


def _is_number(dtype: DataType) -> bool:
    return dtype.is_integral or dtype.is_decimal


def _constant_zones(column: EncodedColumn, nulls: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> Zones:
    code = int(ordered_keys(np.array([column.value]))[0]) if isinstance(column.value, float) else 0
    empty = nulls == sizes
    sums = np.zeros(len(nulls), dtype=np.int64) if _is_number(column.type) else None
    return Zones(nulls, np.where(empty, EMPTY_MINIMUM, code), np.where(empty, EMPTY_MAXIMUM, code), sums=sums)


def _prefixes(column: EncodedColumn, start: int, stop: int) -> tuple[bytes | None, bytes | None]:
    least, greatest = extremes(slice_column(column, start, stop))
    return (None, None) if least is None or greatest is None else prefix_bounds(least, greatest)


def extremes(column: EncodedColumn) -> tuple[bytes | None, bytes | None]:
    """The least and the greatest string of a ``text`` column, by bytes; None if all are NULL."""
    import pyarrow.compute as pc

    bounds = pc.min_max(_extreme_candidates(column))
    return bounds["min"].as_py(), bounds["max"].as_py()


def _extreme_candidates(column: EncodedColumn) -> pa.Array:
    """The strings among which the extremes are: those with the least or greatest first byte, where all have one."""
    offsets, data, array = column.offsets, column.data, text_array(column).view(pa.large_binary())
    assert offsets is not None
    assert data is not None
    if column.validity is not None or not len(data) or (offsets[1:] == offsets[:-1]).any():
        return array
    first = data.take(offsets[:-1], mode="clip")
    return array.take(pa.array(np.flatnonzero((first == first.min()) | (first == first.max()))))
