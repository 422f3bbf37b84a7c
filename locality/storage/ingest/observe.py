"""One chunk of a column on its way in: made narrow for the wait, and looked at once."""

from __future__ import annotations

import math

import numpy as np

from locality.encodings import EncodedColumn, bitmaps
from locality.encodings.canonical import code_dtype
from locality.encodings.column import AnyArray
from locality.encodings.frame import distances
from locality.storage.ingest.facts import Facts, with_order
from locality.storage.ingest.seen import Seen
from locality.storage.ingest.strings import dictionary_facts, text_facts, trimmed
from locality.storage.zones import ordered_keys
from locality.types import Domain

_SAMPLE = 256


def observe(column: EncodedColumn, known: Seen) -> tuple[EncodedColumn, Facts]:
    """A canonical column in a form that takes little memory, and the facts about its values.

    known: values that were seen before; looking for them again is left out where that can be told.
    """
    nulls = bitmaps.null_count(column.validity, column.length)
    if column.encoding == "opaque":
        return column, Facts(column.length, nulls, runs=column.length)
    if column.all_null or nulls == column.length:
        facts = Facts(column.length, column.length, factor=0, runs=1, seen=Seen())
        return EncodedColumn(column.type, "constant", column.length, all_null=True), facts
    match column.encoding:
        case "plain" if column.type.domain is Domain.FLOAT:
            return column, _floats(column, nulls, known)
        case "plain" if column.codes is not None and (column.codes.ndim == 2 or not _fits_int64(column.codes)):
            return column, _wide(column, nulls, known)
        case "plain":
            return _integers(column, nulls, known)
        case "dictionary":
            return dictionary_facts(column, nulls)
        case _:
            column = trimmed(column)
            return column, text_facts(column, nulls)


def _fits_int64(values: AnyArray) -> bool:
    return values.dtype != np.uint64 or int(values.max()) < 2**63


def _integers(column: EncodedColumn, nulls: int, known: Seen) -> tuple[EncodedColumn, Facts]:
    values = column.codes
    assert values is not None
    valid = None if column.validity is None else bitmaps.to_mask(column.validity, column.length)
    present = values if valid is None else values[valid]
    least, greatest = int(present.min()), int(present.max())
    code = code_dtype(greatest - least)
    codes = distances(values if valid is None else np.where(valid, values, values.dtype.type(least)), least, code)
    staged = EncodedColumn(column.type, "frame", column.length, codes=codes, validity=column.validity, base=least)
    valid_codes = codes if valid is None else codes[valid]
    facts = Facts(
        column.length,
        nulls,
        least,
        greatest,
        factor=_factor(valid_codes),
        seen=known.integers(valid_codes, least, greatest),
    )
    return staged, with_order(facts, codes, least + int(codes[0]), least + int(codes[-1]))


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


def _wide(column: EncodedColumn, nulls: int, known: Seen) -> Facts:
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
        seen = known.keys(low * np.uint64(31) ^ high.view(np.uint64))
    else:
        minimum, maximum = int(values.min()), int(values.max())
        seen = known.keys(values.astype(np.uint64))
    return Facts(column.length, nulls, minimum, maximum, runs=column.length, seen=seen, wide=True)


def _floats(column: EncodedColumn, nulls: int, known: Seen) -> Facts:
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
        seen=known.keys((keys if valid is values else ordered_keys(valid)).view(np.uint64)),
        has_nan=len(numbers) < len(valid),
        bits=_common_bits(valid),
    )
    return with_order(facts, keys, int(keys[0]), int(keys[-1]))


def _common_bits(values: AnyArray) -> int | None:
    """The bit pattern that all values share, or None."""
    bits = values.view(f"uint{8 * values.itemsize}")
    return int(bits[0]) if (bits == bits[0]).all() else None
