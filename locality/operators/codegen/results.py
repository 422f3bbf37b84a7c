"""Columns of intermediate results, made from arrays that kernels filled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, from_arrow
from locality.encodings.canonical import plain_dtype
from locality.encodings.column import Dictionary
from locality.operators.codegen.text import unpack
from locality.plan.functions.base import Value
from locality.types import DataType

Cells = npt.NDArray[Any]
Valid = npt.NDArray[np.bool_]


def bitmap(valid: Valid | None) -> npt.NDArray[np.uint8] | None:
    """Arrow's bitmap of a mask, or None where all is valid."""
    if valid is None or valid.all():
        return None
    return np.packbits(valid, bitorder="little")


def integer_column(dtype: DataType, values: Cells, valid: Valid | None) -> EncodedColumn:
    """Integers, as one int64 a value where all fit, else as 128-bit limbs (``values`` of dtype object)."""
    if valid is not None and not valid.all():
        values = np.where(valid, values, 0)
    if values.dtype == object:
        if all(-(2**63) <= v < 2**63 for v in values):
            values = values.astype(np.int64)
        else:
            return EncodedColumn(dtype, "plain", len(values), codes=_limbs(values), validity=bitmap(valid))
    codes = np.ascontiguousarray(values, dtype=plain_dtype(dtype))
    return EncodedColumn(dtype, "plain", len(values), codes=codes, validity=bitmap(valid))


def _limbs(values: Cells) -> npt.NDArray[np.int64]:
    low = np.array([v & (2**64 - 1) for v in values], dtype=np.uint64).view(np.int64)
    high = np.array([v >> 64 for v in values], dtype=np.int64)
    return np.ascontiguousarray(np.stack([low, high], axis=1))


def float_column(dtype: DataType, values: Cells, valid: Valid | None) -> EncodedColumn:
    """Floats in the type's own width."""
    if valid is not None:
        values = np.where(valid, values, 0.0)
    codes = np.ascontiguousarray(values, dtype=np.float32 if dtype.name == "FLOAT" else np.float64)
    return EncodedColumn(dtype, "plain", len(codes), codes=codes, validity=bitmap(valid))


def string_column(dtype: DataType, codes: Cells, valid: Valid | None, dictionary: Dictionary) -> EncodedColumn:
    """Strings by their codes."""
    if valid is not None:
        codes = np.where(valid, codes, 0)
    narrow = np.ascontiguousarray(codes, dtype=np.uint32)
    if len(dictionary) == 0:
        return EncodedColumn(dtype, "constant", len(narrow), all_null=True)
    return EncodedColumn(dtype, "dictionary", len(narrow), codes=narrow, validity=bitmap(valid), dictionary=dictionary)


def key_to_float(keys: Cells) -> npt.NDArray[np.float64]:
    """The floats of ordered keys: the inverse of the kernels' ``ordered_key``."""
    bits = np.where(keys < 0, keys ^ np.int64(2**63 - 1), keys)
    return np.ascontiguousarray(bits).view(np.float64)


def column_of_value(dtype: DataType, value: Value, values: Cells, valid: Valid | None) -> EncodedColumn:
    """Values that a kernel wrote, in the form that ``value`` tells."""
    if value.packed:
        return from_arrow(unpack(values, valid), dtype)
    if value.dictionary is not None:
        assert isinstance(value.dictionary, Dictionary)
        return string_column(dtype, values, valid, value.dictionary)
    if value.is_float:
        return float_column(dtype, values, valid)
    return integer_column(dtype, values, valid)
