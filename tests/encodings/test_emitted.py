"""The load loops that encodings emit read the codes that the definition gives, compiled and interpreted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality import types
from locality.encodings import ENCODINGS, EncodedColumn, EncodingSpec, canonical
from locality.errors import Unsupported
from locality.kernel import ir
from locality.kernel.builder import Builder
from locality.kernel.ir import Array, Expr, Scalar, Var
from locality.kernel.loader import Kernel, load
from locality.types import DataType
from tests.encodings import cases
from tests.encodings.oracle import columns

BLOCK = 32


class Block:
    """A kernel over one block of one column: parameters are asked for by field, then come the block and the output."""

    def __init__(self, codes: Scalar) -> None:
        self.builder = Builder()
        self.codes = codes
        self.first_row = self.builder.parameter(Scalar.I64)
        self.count = self.builder.parameter(Scalar.I64)
        self.out = self.builder.parameter(Array(codes))
        self.fields: list[str] = []

    def array(self, field: str, element: Scalar) -> Var:
        self.fields.append(field)
        return self.builder.parameter(Array(element))

    def buffer(self, field: str, element: Scalar) -> Var:
        stop = ir.Binary("+", self.first_row, self.count)
        return self.builder.slice(self.array(field, element), self.first_row, stop)

    def scalar(self, field: str, element: Scalar) -> Var:
        self.fields.append(field)
        return self.builder.parameter(element)

    def local(self, element: Scalar) -> Var:
        return self.builder.local_array(element, BLOCK)

    def emit(self, statement: ir.Stmt) -> None:
        self.builder.emit(statement)


def code_scalar(column: EncodedColumn) -> Scalar:
    if column.codes is not None:
        return Scalar(column.codes.dtype.name)
    return Scalar.F64 if isinstance(column.value, float) else Scalar.U8


def kernel_of(column: EncodedColumn) -> tuple[Kernel, list[str]]:
    block = Block(code_scalar(column))
    code = ENCODINGS[column.encoding].emit_codes(block)
    with block.builder.loop(block.count) as row:
        value: Expr = code(row)
        block.builder.store(block.out, row, value)
    return load(block.builder.build()), block.fields


def run(column: EncodedColumn, first: int, count: int, compiled: bool) -> list[Any]:
    """The codes of some rows, as the emitted loop loads them."""
    kernel, fields = kernel_of(column)
    call = kernel.compiled if compiled else kernel.interpreted
    out = np.zeros(BLOCK, dtype=code_scalar(column).value)
    arguments = [np.ascontiguousarray(v) if isinstance(v := getattr(column, f), np.ndarray) else v for f in fields]
    call(first, count, out, *arguments)
    return out[:count].tolist()


def codes_of(column: EncodedColumn) -> list[Any]:
    """The code of each row by the encoding's definition."""
    if column.encoding == "constant":
        return [column.value if isinstance(column.value, float) else 0] * column.length
    assert column.codes is not None
    codes = column.codes.tolist()
    if column.run_ends is None:
        return codes
    lengths = np.diff(column.run_ends, prepend=0).tolist()
    return [code for code, length in zip(codes, lengths, strict=True) for _ in range(length)]


def loadable(array: pa.Array, dtype: DataType) -> list[EncodedColumn]:
    """The array under each encoding that has scalar codes."""
    found = [column for column in columns(array, dtype) if column.encoding not in ("text", "opaque")]
    return [column for column in found if column.codes is None or column.codes.ndim == 1]


def check(column: EncodedColumn, compiled: bool) -> None:
    expected = codes_of(column)
    for first in range(0, max(1, column.length), BLOCK - 3):
        count = min(BLOCK, column.length - first)
        np.testing.assert_array_equal(run(column, first, count, compiled), expected[first : first + count])


@pytest.mark.parametrize("compiled", [False, True], ids=["interpreted", "compiled"])
@pytest.mark.parametrize("name", ["BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR"])
def test_emitted_loads(name: str, compiled: bool) -> None:
    dtype = DataType(name)
    for array in cases.fixed(dtype).values():
        for column in loadable(array, dtype):
            check(column, compiled)


@settings(deadline=None, max_examples=20)
@given(
    array=cases.arrays(types.INTEGER) | cases.arrays(types.decimal(12, 2)) | cases.arrays(types.VARCHAR), data=st.data()
)
def test_emitted_loads_of_random_columns(array: pa.Array, data: st.DataObject) -> None:
    for column in loadable(array, types.from_arrow(array.type)):
        first = data.draw(st.integers(0, column.length))
        count = data.draw(st.integers(0, min(BLOCK, column.length - first)))
        expected = codes_of(column)[first : first + count]
        np.testing.assert_array_equal(run(column, first, count, compiled=False), expected)


def test_columns_without_codes_are_unsupported() -> None:
    text = ENCODINGS["text"].encode(pa.array(["a"]), EncodingSpec(types.VARCHAR, "text"))
    nested = canonical(pa.array([[1]]), types.from_arrow(pa.list_(pa.int64())))
    for column in (text, nested):
        with pytest.raises(Unsupported):
            ENCODINGS[column.encoding].emit_codes(Block(Scalar.U8))
