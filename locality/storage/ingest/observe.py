"""One chunk of a column on its way in: made narrow for the wait, and looked at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from locality.encodings import ENCODINGS, EncodedColumn, EncodingSpec, bitmaps
from locality.encodings.canonical import code_dtype, text_array
from locality.encodings.column import AnyArray
from locality.encodings.dictionaries import make_dictionary
from locality.storage.ingest import distinct
from locality.storage.ingest.distinct import Hashes
from locality.storage.ingest.facts import Facts
from locality.storage.zones import ordered_keys
from locality.types import Domain

_SAMPLE = 256
_SEEN_LIMIT = 1 << 16


def observe(column: EncodedColumn) -> tuple[EncodedColumn, Facts]:
    """A canonical column in a form that takes little memory, and the facts about its values."""
    nulls = bitmaps.null_count(column.validity, column.length)
    if column.encoding == "opaque":
        return column, Facts(column.length, nulls, runs=column.length)
    if column.all_null or nulls == column.length:
        facts = Facts(column.length, column.length, factor=0, runs=1, hashes=distinct.EMPTY)
        return EncodedColumn(column.type, "constant", column.length, all_null=True), facts
    match column.encoding:
        case "plain" if column.type.domain is Domain.FLOAT:
            return column, _floats(column, nulls)
        case "plain" if column.codes is not None and (column.codes.ndim == 2 or not _fits_int64(column.codes)):
            return column, _wide(column, nulls)
        case "plain":
            return _integers(column, nulls)
        case "dictionary":
            return _dictionary(column, nulls)
        case _:
            column = _trimmed(column)
            return column, _text(column, nulls)


def _fits_int64(values: AnyArray) -> bool:
    return values.dtype != np.uint64 or int(values.max()) < 2**63


def _integers(column: EncodedColumn, nulls: int) -> tuple[EncodedColumn, Facts]:
    values = column.codes
    assert values is not None
    valid = values if column.validity is None else values[bitmaps.to_mask(column.validity, column.length)]
    least, greatest = int(valid.min()), int(valid.max())
    spec = EncodingSpec(column.type, "frame", base=least, code=code_dtype(greatest - least).name)
    staged = ENCODINGS["frame"].encode_canonical(column, spec)
    assert staged.codes is not None
    codes = staged.codes
    valid_codes = codes if column.validity is None else codes[bitmaps.to_mask(column.validity, column.length)]
    facts = Facts(
        column.length,
        nulls,
        least,
        greatest,
        factor=_factor(valid_codes),
        hashes=_hashes(valid_codes, least, greatest),
    )
    first, last = least + int(codes[0]), least + int(codes[-1])
    return staged, _with_order(facts, codes, first, last)


def _with_order(facts: Facts, keys: AnyArray, first: int | bytes, last: int | bytes) -> Facts:
    """The facts with the number of runs, and with the order of the rows if none is NULL."""
    before, after = keys[:-1], keys[1:]
    changes = int(np.count_nonzero(before != after))
    if facts.nulls:
        return replace(facts, runs=changes + 1)
    rises = int(np.count_nonzero(before < after)) if first <= last else -1  # type: ignore[operator]
    ascending = rises == changes
    return replace(
        facts,
        first=first,
        last=last,
        ascending=ascending,
        strict=ascending and changes == len(keys) - 1,
        descending=rises <= 0 and not (before < after).any(),
        runs=changes + 1,
    )


def _factor(codes: AnyArray) -> int:
    """The greatest common divisor of codes, one of which is 0; 0 if all are."""
    # A sample nearly always settles it; what it suggests is then tried on all codes.
    factor = int(np.gcd.reduce(codes[:: max(1, len(codes) // _SAMPLE)]))
    while factor != 1:
        rest = codes if factor == 0 else codes % codes.dtype.type(factor)
        rest = rest[rest != 0]
        if not len(rest):
            break
        factor = math.gcd(factor, int(np.gcd.reduce(rest[:_SAMPLE])))
    return factor


def _hashes(codes: AnyArray, base: int, greatest: int) -> Hashes:
    """The sketch of the values ``base + codes``."""
    if greatest - base < _SEEN_LIMIT:
        seen = np.zeros(greatest - base + 1, dtype=np.bool_)
        seen[codes] = True
        codes = np.flatnonzero(seen).astype(np.uint32)
    return distinct.sketch(codes, base)


def _wide(column: EncodedColumn, nulls: int) -> Facts:
    """Facts about values of which some exceed int64."""
    values = column.codes
    assert values is not None
    if column.validity is not None:
        values = values[bitmaps.to_mask(column.validity, column.length)]
    if values.ndim == 2:
        low, high = values[:, 0].view(np.uint64), values[:, 1]
        least, greatest = int(high.min()), int(high.max())
        minimum = (least << 64) + int(low[high == least].min())
        maximum = (greatest << 64) + int(low[high == greatest].max())
        hashes = distinct.sketch(low * np.uint64(31) ^ high.view(np.uint64))
    else:
        minimum, maximum = int(values.min()), int(values.max())
        hashes = distinct.sketch(values.astype(np.uint64))
    return Facts(column.length, nulls, minimum, maximum, runs=column.length, hashes=hashes, wide=True)


def _floats(column: EncodedColumn, nulls: int) -> Facts:
    values = column.codes
    assert values is not None
    valid = values if column.validity is None else values[bitmaps.to_mask(column.validity, column.length)]
    numbers = valid[~np.isnan(valid)]
    keys = ordered_keys(values)
    facts = Facts(
        column.length,
        nulls,
        float(numbers.min()) if len(numbers) else None,
        float(numbers.max()) if len(numbers) else None,
        hashes=distinct.sketch((keys if valid is values else ordered_keys(valid)).view(np.uint64)),
        has_nan=len(numbers) < len(valid),
        bits=_common_bits(valid),
    )
    return _with_order(facts, keys, int(keys[0]), int(keys[-1]))


def _common_bits(values: AnyArray) -> int | None:
    """The bit pattern that all values share, or None."""
    bits = values.view(f"uint{8 * values.itemsize}")
    return int(bits[0]) if (bits == bits[0]).all() else None


def _dictionary(column: EncodedColumn, nulls: int) -> tuple[EncodedColumn, Facts]:
    column = compact(column)
    codes, dictionary = column.codes, column.dictionary
    assert codes is not None
    assert dictionary is not None
    values = dictionary.values.view(pa.binary())
    lengths = np.diff(np.frombuffer(values.buffers()[1], dtype=np.int32)[values.offset :][: len(values) + 1])
    valid = codes if column.validity is None else codes[bitmaps.to_mask(column.validity, column.length)]
    facts = Facts(
        column.length,
        nulls,
        values[0].as_py(),
        values[-1].as_py(),
        text_bytes=int(lengths.astype(np.int64) @ np.bincount(valid, minlength=len(values))),
        longest_text=int(lengths.max()),
    )
    return column, _with_order(facts, codes, values[int(codes[0])].as_py(), values[int(codes[-1])].as_py())


def compact(column: EncodedColumn) -> EncodedColumn:
    """A ``dictionary`` column without the entries that no row uses."""
    codes, dictionary = column.codes, column.dictionary
    assert codes is not None
    assert dictionary is not None
    valid = codes if column.validity is None else codes[bitmaps.to_mask(column.validity, column.length)]
    used = np.zeros(len(dictionary), dtype=np.bool_)
    used[valid] = True
    if used.all():
        return column
    kept = np.flatnonzero(used)
    ranks = np.cumsum(used, dtype=np.int64) - 1
    codes = np.maximum(ranks[codes], 0).astype(code_dtype(len(kept) - 1))
    return replace(column, codes=codes, dictionary=make_dictionary(dictionary.values.take(pa.array(kept))))


def _trimmed(column: EncodedColumn) -> EncodedColumn:
    """A ``text`` column whose data is what its rows refer to."""
    offsets, data = column.offsets, column.data
    assert offsets is not None
    assert data is not None
    first, last = int(offsets[0]), int(offsets[-1])
    if first == 0 and last == len(data):
        return column
    return replace(column, offsets=offsets - first, data=data[first:last])


def _text(column: EncodedColumn, nulls: int) -> Facts:
    import pyarrow.compute as pc

    offsets = column.offsets
    assert offsets is not None
    array = text_array(column).view(pa.large_binary())
    bounds = pc.min_max(_extreme_candidates(array, column))
    lengths = np.diff(offsets)
    if column.validity is not None:
        lengths = lengths[bitmaps.to_mask(column.validity, column.length)]
    facts = Facts(
        column.length,
        nulls,
        bounds["min"].as_py(),
        bounds["max"].as_py(),
        runs=column.length,
        text_bytes=int(lengths.sum()),
        longest_text=int(lengths.max()),
    )
    if nulls:
        return facts
    first, last = array[0].as_py(), array[-1].as_py()
    ordered = {"<": False, "<=": False, ">=": False}
    for test, compare in (("<", pc.less), ("<=", pc.less_equal), (">=", pc.greater_equal)):
        ordered[test] = _probably(array, compare) and bool(pc.all(compare(array[:-1], array[1:])).as_py() is not False)
    return replace(
        facts, first=first, last=last, ascending=ordered["<="], strict=ordered["<"], descending=ordered[">="]
    )


def _extreme_candidates(array: pa.Array, column: EncodedColumn) -> pa.Array:
    """The strings among which are the least and the greatest: those with the least and the greatest first byte."""
    offsets, data = column.offsets, column.data
    assert offsets is not None
    assert data is not None
    if column.validity is not None or not len(data) or (offsets[1:] == offsets[:-1]).any():
        return array
    first = data[offsets[:-1]]
    return array.take(pa.array(np.flatnonzero((first == first.min()) | (first == first.max()))))


def _probably(array: pa.Array, compare: Callable[[pa.Array, pa.Array], pa.Array]) -> bool:
    """Whether the first rows are in an order; sorted text is rare, and comparing all of it takes time."""
    import pyarrow.compute as pc

    head = array[:_SAMPLE]
    return pc.all(compare(head[:-1], head[1:])).as_py() is not False
