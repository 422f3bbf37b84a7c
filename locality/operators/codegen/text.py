"""Functions of raw strings: predicates computed for a block at a time, and short substrings packed into integers.

A predicate searches the contiguous bytes of all strings of a block at once. A substring of few characters becomes an
integer that orders as the string does: grouping by it, or comparing it with a constant, needs no string at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.kernel.like import Pattern, pattern, substring
from locality.plan.expressions import Call, ColumnRef, Constant, Expression
from locality.plan.functions.base import Value
from locality.plan.functions.hashes import HASH_BITS, hash_value
from locality.plan.intervals import Interval

if TYPE_CHECKING:
    from locality.operators.codegen.block import Block, Row
    from locality.operators.codegen.columns import ColumnLoad

#: Bytes that a packed string may have; three more bits hold its length.
PACKED_BYTES = 7
_LENGTH_BITS = 3


#: Bytes of the first segment by which the rarest part of a pattern is found.
_SAMPLE_BYTES = 1 << 18


def _like(text: str, sample: bytes) -> Pattern:
    return pattern(text, sample=sample)


def _parts(before: bool, after: bool) -> Callable[[str, bytes], Pattern]:
    """Patterns of a literal text with or without anything before and after it."""

    def make(text: str, sample: bytes) -> Pattern:
        if before and after:
            return substring(text.encode())
        return pattern(("%" if before else "") + _escaped(text) + ("%" if after else ""), "\\")

    return make


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "\\%_" else c for c in text)


_PATTERNS: dict[str, Callable[[str, bytes], Pattern]] = {
    "~~": _like,
    "!~~": _like,
    "contains": _parts(True, True),
    "prefix": _parts(False, True),
    "starts_with": _parts(False, True),
    "suffix": _parts(True, False),
    "ends_with": _parts(True, False),
    "=": _parts(False, False),
    "<>": _parts(False, False),
}
_ORDERINGS = frozenset({"<", "<=", ">", ">="})
_NEGATED = frozenset({"!~~", "<>"})
_LENGTHS = {"length": "length_block", "len": "length_block", "char_length": "length_block"}
_SIZE = "strlen"
_NUMBERS = frozenset({HASH_BITS, _SIZE})
_SUBSTRINGS = frozenset({"substr", "substring", "left"})


def is_block_function(expression: Expression, block: Block) -> bool:
    """Whether an expression is a function of a raw string column that is computed a block at a time."""
    match expression:
        case Call(name, (ColumnRef(index),)) if name in _LENGTHS:
            return _is_text(block, index)
        case _:
            searched = _searched(expression)
            return searched is not None and _is_text(block, searched.column)


@dataclass(frozen=True)
class _Searched:
    """That a column, in lower case if ``folded``, is held against a pattern that ``text`` says to ``predicate``."""

    column: int
    predicate: str
    text: str
    folded: bool = False


def _searched(expression: Expression) -> _Searched | None:
    """What a predicate holds against a pattern; None if it is another, or of letters that kernels do not fold."""
    match expression:
        case Call(name, (ColumnRef(index), Constant(str(text)))) if name in _PATTERNS:
            return _Searched(index, name, text)
        case Call(name, (Call("lower" | "lcase", (ColumnRef(index),)), Constant(str(text)))) if name in _PATTERNS:
            return _Searched(index, name, text, folded=True) if text.isascii() else None
        case Call("~~*" | "!~~*" as name, (ColumnRef(index), Constant(str(text)))) if text.isascii():
            return _Searched(index, name.removesuffix("*"), text.lower(), folded=True)
        case _:
            return None


def is_text_comparison(expression: Expression, block: Block) -> bool:
    """Whether an expression compares the order of a raw string and a constant."""
    match expression:
        case Call(name, (ColumnRef(index), Constant(str()))) if name in _ORDERINGS:
            return _is_text(block, index)
        case _:
            return False


def emit_text_comparison(row: Row, call: Call) -> Value:
    """How the current row's string compares with the constant, byte by byte."""
    column, constant = call.args
    assert isinstance(column, ColumnRef) and isinstance(constant, Constant) and isinstance(constant.value, str)
    load = row.block.column(column.index)
    start, stop = text_bounds(row, load)
    other = np.frombuffer(constant.value.encode(), dtype=np.uint8)
    parameter = row.block.parameters.array(("text", constant.value), Array(Scalar.U8), _always(other))
    order = b.call("string_compare", load.array("data", Scalar.U8), start, stop, parameter)
    return Value(ir.Compare(call.name, order, b.const_i64(0)), load.valid(row.index))


def is_text_number(expression: Expression, block: Block) -> bool:
    """Whether an expression is the hash of a raw string, or its size in bytes."""
    match expression:
        case Call(name, (ColumnRef(index),)) if name in _NUMBERS:
            return _is_text(block, index)
        case _:
            return False


def emit_text_number(row: Row, call: Call) -> Value:
    """The hash of the current row's string, or its size: of that no byte is read."""
    (column,) = call.args
    assert isinstance(column, ColumnRef)
    load = row.block.column(column.index)
    start, stop = text_bounds(row, load)
    valid = load.valid(row.index)
    if call.name == _SIZE:
        return Value(b.sub(stop, start), valid, bounds=Interval(0, 2**40))
    return hash_value(b.call("hash_string", load.array("data", Scalar.U8), start, stop), valid)


def text_bounds(row: Row, load: ColumnLoad) -> tuple[ir.Expr, ir.Expr]:
    """Where the bytes of the current row's raw string begin and end."""
    offsets = load.array("offsets", Scalar.I64)
    at = load.place(row.index)
    return b.load(offsets, at), b.load(offsets, b.add(at, b.const_i64(1)))


def is_packed_substring(expression: Expression, block: Block) -> bool:
    """Whether an expression is the beginning of a raw string, of so few characters that it may fit an integer."""
    match expression:
        case Call(name, (ColumnRef(index), Constant(int()), *_)) if name in _SUBSTRINGS:
            return _is_text(block, index) and _characters(expression) is not None
        case _:
            return False


def _is_text(block: Block, index: int) -> bool:
    shape = block.shapes[index]
    return shape.encoding == "text" and shape.link is None and block.relation.types[index].name == "VARCHAR"


def _characters(call: Call) -> tuple[int, int] | None:
    """First character (0 is the string's first) and number of characters; None if they are not a few from the start."""
    numbers = [arg.value for arg in call.args[1:] if isinstance(arg, Constant)]
    if any(not isinstance(n, int) for n in numbers) or len(numbers) != len(call.args) - 1:
        return None
    first, count = (1, numbers[0]) if call.name == "left" else (numbers[0], numbers[1] if len(numbers) > 1 else -1)
    if not isinstance(first, int) or not isinstance(count, int) or first < 1 or not 0 <= count <= PACKED_BYTES:
        return None
    return first - 1, count


def emit_block_function(block: Block, call: Call) -> tuple[ir.Var, ir.Var | None, Value]:
    """Emits the loop; returns the results and their validity, an array each, and what a row's value is like."""
    searched = _searched(call)
    if searched is not None:
        return _emit_search(block, call, searched)
    column = call.args[0]
    assert isinstance(column, ColumnRef)
    load = block.column(column.index)
    data, offsets = load.array("data", Scalar.U8), load.array("offsets", Scalar.I64)
    out = block.local(Scalar.I64)
    block.builder.evaluate(_LENGTHS[call.name], data, offsets, block.first_row, block.count, out)
    return out, load.validity, Value(b.const_i64(0), bounds=Interval(0, 2**40))


def _emit_search(block: Block, call: Call, searched: _Searched) -> tuple[ir.Var, ir.Var | None, Value]:
    load = block.column(searched.column)
    data, offsets = load.array("data", Scalar.U8), load.array("offsets", Scalar.I64)
    search = _PATTERNS[searched.predicate](searched.text, _sample(block, searched)).search
    types = (Scalar.U8, Scalar.I64, Scalar.U8, Scalar.U8)
    parameters = [
        block.parameters.array((call, i), Array(scalar), _always(array))
        for i, (scalar, array) in enumerate(zip(types, search.arrays, strict=True))
    ]
    out = block.local(Scalar.BOOL)
    rest = b.const(search.rest, Scalar.BOOL)
    arguments: tuple[ir.Expr, ...] = (data, offsets, block.first_row, block.count, *parameters, rest, out)
    if searched.folded:
        found = block.builder.assign(b.call("folded_like_block", *arguments))
        block.fault(b.lt(found, b.const_i64(0)))
    else:
        block.builder.evaluate("like_block", *arguments)
    if searched.predicate in _NEGATED:
        with block.builder.loop(block.count) as i:
            block.builder.store(out, i, b.not_(b.load(out, i)))
    return out, load.validity, Value(ir.Const(False, Scalar.BOOL))


def _sample(block: Block, searched: _Searched) -> bytes:
    """Some of the text that is searched."""
    data = block.relation.segments[0].column(searched.column).data
    sample = b"" if data is None else data[:_SAMPLE_BYTES].tobytes()
    return sample.lower() if searched.folded else sample


def _always(array: npt.NDArray[Any]) -> Callable[[Any], npt.NDArray[Any]]:
    return lambda segment: array


def emit_packed_substring(row: Row, call: Call) -> Value:
    """The substring of the current row; faults where it has more bytes than an integer holds."""
    column, found = call.args[0], _characters(call)
    assert isinstance(column, ColumnRef) and found is not None
    load = row.block.column(column.index)
    data = load.array("data", Scalar.U8)
    start, stop = text_bounds(row, load)
    first, count = (b.const_i64(number) for number in found)
    expr = row.share(b.call("pack_substring", data, start, stop, first, count))
    valid = load.valid(row.index)
    row.fault(b.lt(expr, b.const_i64(0)), valid)
    return Value(expr, valid, packed=True)


def pack(text: str) -> int:
    """The integer of a short string; raises Unsupported if it has too many bytes."""
    encoded = text.encode()
    if len(encoded) > PACKED_BYTES:
        raise Unsupported(f"comparison of a raw string with a constant of more than {PACKED_BYTES} bytes")
    return int.from_bytes(encoded.ljust(PACKED_BYTES, b"\0"), "big") << _LENGTH_BITS | len(encoded)


def unpack(words: npt.NDArray[np.int64], valid: npt.NDArray[np.bool_] | None) -> pa.Array:
    """The strings of packed integers, as Arrow values of VARCHAR."""
    mask = 2**_LENGTH_BITS - 1
    values = [(word >> _LENGTH_BITS).to_bytes(PACKED_BYTES, "big")[: word & mask].decode() for word in words.tolist()]
    return pa.array(values, pa.string(), mask=None if valid is None else ~valid)
