"""Slow and independent: what columns mean, value by value, and the facts that an encoding is chosen from."""

from __future__ import annotations

import datetime
import math
import struct
from typing import Any

import pyarrow as pa

from locality import types
from locality.encodings import ENCODINGS, ColumnProfile, EncodedColumn, EncodingSpec, make_dictionary
from locality.encodings.choose import candidates
from locality.types import DataType, Domain


def exact(array: pa.Array) -> list[Any]:
    """The values as Python objects that compare equal only if they are the same: floats by their bits."""
    if pa.types.is_timestamp(array.type) or pa.types.is_time(array.type):
        array = array.cast(pa.int64())
    return [struct.pack("<d", v) if isinstance(v, float) else v for v in array.to_pylist()]


def unscaled(array: pa.Array, dtype: DataType) -> list[int | None]:
    """INTEGER values as the one integer that each is."""
    if dtype.is_decimal:
        return [None if v is None else int(v.scaleb(dtype.scale)) for v in array.to_pylist()]
    if dtype.name == "DATE":
        epoch = datetime.date(1970, 1, 1)
        return [None if v is None else (v - epoch).days for v in array.to_pylist()]
    return [None if v is None else int(v) for v in exact(array)]


def profile(array: pa.Array, dtype: DataType) -> ColumnProfile:
    """The facts about all values of an array of type ``types.to_arrow(dtype)``."""
    values = exact(array)
    present = [v for v in values if v is not None]
    runs = sum(1 for i, v in enumerate(values) if i == 0 or v != values[i - 1])
    facts: dict[str, Any] = {"type": dtype, "rows": len(values), "nulls": len(values) - len(present), "runs": runs}
    if dtype.domain is Domain.INTEGER and present:
        numbers = [v for v in unscaled(array, dtype) if v is not None]
        least, greatest = min(numbers), max(numbers)
        facts |= {"minimum": least, "maximum": greatest, "wide": least < -(2**63) or greatest >= 2**63}
        facts["factor"] = math.gcd(*(v - least for v in numbers))
    elif dtype.domain is Domain.FLOAT and present and len(set(present)) == 1:
        facts["constant"] = struct.unpack("<d", present[0])[0]
    elif dtype.domain is Domain.STRING:
        raw = sorted({v.encode() if isinstance(v, str) else v for v in present})
        facts["dictionary"] = make_dictionary(pa.array(raw, pa.binary()).cast(types.to_arrow(dtype)))
        facts["text_bytes"] = sum(map(len, present))
    return ColumnProfile(**facts)


def specs(array: pa.Array, dtype: DataType) -> dict[str, EncodingSpec]:
    """Every encoding that can hold an array, by name; those that the choice leaves out are added by hand."""
    facts = profile(array, dtype)
    found = {candidate.spec.encoding: candidate.spec for candidate in candidates(facts)}
    if facts.dictionary is not None:
        found["text"] = EncodingSpec(dtype, "text")
    return found


def columns(array: pa.Array, dtype: DataType) -> list[EncodedColumn]:
    """The array under each of these encodings."""
    return [ENCODINGS[name].encode(array, spec) for name, spec in specs(array, dtype).items()]
