"""Numbers, dates and times as strings."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.errors import Unsupported
from locality.kernel.loader import primitive
from locality.kernel.primitives import spelling
from locality.operators.texts.texts import Mask, Texts, repeated
from locality.types import DataType

AnyArray = npt.NDArray[Any]

_DAY = 86_400
#: How many of a type's units a day has.
_UNITS = {"DATE": 1, "TIMESTAMP_S": _DAY, "TIMESTAMP_MS": _DAY * 1000, "TIMESTAMP": _DAY * 1_000_000}
_FIELDS = {
    "%Y": (spelling.CENTURY, spelling.YEAR),
    "%y": (spelling.YEAR,),
    "%m": (spelling.MONTH,),
    "%d": (spelling.DAY,),
    "%H": (spelling.HOUR,),
    "%M": (spelling.MINUTE,),
    "%S": (spelling.SECOND,),
}
#: The longest part of a second, with its point.
_FRACTION = 7


def spelled(dtype: DataType, values: AnyArray, valid: Mask | None) -> Texts:
    """Integers, decimals, dates and timestamps as CAST spells them; raises Unsupported for others."""
    if dtype.name == "BOOLEAN":
        return _truths(values, valid)
    if dtype.name == "DATE":
        return formatted(dtype, values, valid, "%Y-%m-%d")
    if dtype.name in _UNITS:
        return formatted(dtype, values, valid, "%Y-%m-%d %H:%M:%S", fraction=dtype.name != "TIMESTAMP_S")
    if not (dtype.is_integral or (dtype.is_decimal and dtype.width > dtype.scale)) or values.dtype == np.uint64:
        raise Unsupported(f"{dtype} as text")
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    longest = max(len(str(low)), len(str(high)), dtype.scale + 1) + 2  # a point and a sign
    data, offsets = np.empty(len(values) * longest, np.uint8), np.zeros(len(values) + 1, np.int64)
    total = primitive("spell_numbers")(values, dtype.scale, data, offsets)
    return Texts.of_offsets(data[:total], offsets, valid).where(valid)


def formatted(dtype: DataType, values: AnyArray, valid: Mask | None, pattern: str, *, fraction: bool = False) -> Texts:
    """Dates or timestamps as a pattern of strftime says; raises Unsupported for fields that kernels lack."""
    if dtype.name not in _UNITS:
        raise Unsupported(f"{dtype} as text")
    template, fields, places = _compiled(pattern)
    width = len(template) + (_FRACTION if fraction else 0)
    values = values if valid is None else np.where(valid, values, 0)
    data, offsets = np.empty(len(values) * width, np.uint8), np.zeros(len(values) + 1, np.int64)
    total = primitive("spell_times")(values, _UNITS[dtype.name], template, fields, places, int(fraction), data, offsets)
    if total < 0:
        raise Unsupported("a year of other than four digits")
    return Texts.of_offsets(data[:total], offsets, valid).where(valid)


@cache
def _compiled(pattern: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """A pattern with room for its fields, the fields of two digits each, and where these are."""
    template, fields, places, at = bytearray(), bytearray(), [], 0
    while at < len(pattern):
        field = pattern[at : at + 2]
        if field in _FIELDS:
            for part in _FIELDS[field]:
                places.append(len(template))
                fields.append(part)
                template += b"00"
        elif field == "%%" or field[0] != "%":
            template += field[0].encode()
        else:
            raise Unsupported(f"strftime with {field}")
        at += 2 if field[0] == "%" else 1
    return np.frombuffer(bytes(template), np.uint8), np.frombuffer(bytes(fields), np.uint8), np.array(places, np.int64)


def _truths(values: AnyArray, valid: Mask | None) -> Texts:
    both = repeated("truefalse", len(values))
    holds = values != 0
    return Texts(both.data, np.where(holds, 0, 4), np.where(holds, 4, 9), valid).where(valid)
