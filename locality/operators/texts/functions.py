"""Functions of strings, by DuckDB's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings import EncodedColumn, canonical, decode
from locality.errors import Unsupported
from locality.kernel.loader import primitive
from locality.operators.texts.spelling import formatted
from locality.operators.texts.texts import SLACK, Mask, Texts, both, joined
from locality.plan.expressions import Call, Constant, Expression

if TYPE_CHECKING:
    from locality.operators.texts.evaluate import Rows

Numbers = tuple[npt.NDArray[Any], Mask | None]
#: Names of the function that makes a list of a string's parts.
SPLITS = frozenset({"string_split", "split", "str_split", "string_to_array"})
#: How far small letters lie from capital ones.
_CASE = 32
_LETTERS = 26
#: The greatest width to which strings are filled up.
_MOST_WIDTH = 1024


def constant_text(expression: Expression) -> npt.NDArray[np.uint8]:
    """The bytes of a constant, at least one; raises Unsupported for anything else."""
    match expression:
        case Constant(str(text)) if text:
            return np.frombuffer(text.encode(), np.uint8)
        case _:
            raise Unsupported("a string that differs from row to row")


def _concatenation(rows: Rows, call: Call) -> Texts:
    """``||``: NULL where an argument is."""
    pieces = [rows.text(arg) for arg in _operands(call)]
    return joined(pieces, both(*(piece.valid for piece in pieces)))


def _operands(expression: Expression) -> list[Expression]:
    """What nested ``||`` put together."""
    if isinstance(expression, Call) and expression.name == "||":
        return [part for arg in expression.args for part in _operands(arg)]
    return [expression]


def _concat(rows: Rows, call: Call) -> Texts:
    """What is not NULL, put together."""
    return joined([rows.text(arg) for arg in call.args])


def _concat_with(rows: Rows, call: Call) -> Texts:
    """``concat_ws``: what is not NULL, with a constant between."""
    separator, *pieces = (rows.text(arg) for arg in call.args)
    if separator.valid is not None:
        raise Unsupported("a separator that may be NULL")
    parts, begun = [], np.zeros(rows.count, np.bool_)
    for piece in pieces:
        known = np.ones(rows.count, np.bool_) if piece.valid is None else piece.valid
        parts += [separator.where(begun & known), piece]
        begun = begun | known
    return joined(parts)


def _substring(rows: Rows, call: Call) -> Texts:
    texts = rows.text(call.args[0]).ascii()
    (first, first_valid), *rest = (rows.numbers(arg) for arg in call.args[1:])
    if first.min(initial=1) < 1 or any(count.min(initial=0) < 0 for count, _ in rest):
        raise Unsupported("substrings from the end")
    starts = texts.starts + np.minimum(first - 1, texts.stops - texts.starts)
    stops = texts.stops if not rest else starts + np.minimum(rest[0][0], texts.stops - starts)
    return _known(replace(texts.between(starts, stops), valid=both(texts.valid, first_valid, *(v for _, v in rest))))


def _left(rows: Rows, call: Call) -> Texts:
    texts, (count, valid) = rows.text(call.args[0]).ascii(), rows.numbers(call.args[1])
    lengths = texts.stops - texts.starts
    kept = np.clip(np.where(count >= 0, count, lengths + count), 0, lengths)
    return _known(replace(texts.between(texts.starts, texts.starts + kept), valid=both(texts.valid, valid)))


def _right(rows: Rows, call: Call) -> Texts:
    texts, (count, valid) = rows.text(call.args[0]).ascii(), rows.numbers(call.args[1])
    lengths = texts.stops - texts.starts
    kept = np.clip(np.where(count >= 0, count, lengths + count), 0, lengths)
    return _known(replace(texts.between(texts.stops - kept, texts.stops), valid=both(texts.valid, valid)))


def _known(texts: Texts) -> Texts:
    return texts.where(texts.valid)


def _trimmed(before: bool, after: bool) -> Callable[[Rows, Call], Texts]:
    def trimmed(rows: Rows, call: Call) -> Texts:
        if len(call.args) > 1:
            raise Unsupported("characters to trim")
        texts = rows.text(call.args[0]).ascii()
        starts, stops = texts.starts.copy(), texts.stops.copy()
        primitive("strip_spaces")(texts.data, starts, stops, before, after)
        return texts.between(starts, stops)

    return trimmed


def _cased(first: int, offset: int) -> Callable[[Rows, Call], Texts]:
    """The letters from ``first`` on moved by ``offset``."""

    def cased(rows: Rows, call: Call) -> Texts:
        texts = rows.text(call.args[0]).ascii()
        letters = (texts.data - np.uint8(first)) < _LETTERS
        return replace(texts, data=texts.data + letters * np.uint8(offset % 256))

    return cased


def _reversed(rows: Rows, call: Call) -> Texts:
    texts = rows.text(call.args[0]).ascii()
    lengths = texts.stops - texts.starts
    offsets = np.zeros(rows.count + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    data = np.empty(int(offsets[-1]), np.uint8)
    primitive("reverse_texts")(texts.data, texts.starts, texts.stops, data)
    return Texts.of_offsets(data, offsets, texts.valid)


def _padded(left: bool) -> Callable[[Rows, Call], Texts]:
    def padded(rows: Rows, call: Call) -> Texts:
        texts, pad = rows.text(call.args[0]).ascii(), constant_text(call.args[2])
        match call.args[1]:
            case Constant(int(width)) if 0 <= width <= _MOST_WIDTH and pad.max() < 128:
                pass
            case _:
                raise Unsupported("a width that differs from row to row")
        data = np.empty(rows.count * width + SLACK, np.uint8)
        total = primitive("pad_texts")(texts.data, texts.starts, texts.stops, width, pad, left, data)
        offsets = np.arange(rows.count + 1, dtype=np.int64) * width
        return _known(Texts.of_offsets(data[:total], offsets, texts.valid))

    return padded


def _coalesced(rows: Rows, call: Call) -> Texts:
    pieces, left = [], np.ones(rows.count, np.bool_)
    for arg in call.args:
        texts = rows.text(arg)
        pieces.append((left, texts))
        if texts.valid is None:
            break
        left = left & ~texts.valid
    return rows.one_of(pieces)


def _part(rows: Rows, call: Call) -> Texts:
    """``string_split(...)[n]``, which is how DuckDB plans ``split_part``."""
    match call.args:
        case (Call(name, (text, by)), Constant(int(number))) if name in SPLITS and number > 0:
            texts, needle = rows.text(text), constant_text(by)
        case _:
            raise Unsupported("elements of lists")
    starts, stops = texts.starts.copy(), texts.stops.copy()
    there = np.empty(rows.count, np.bool_)
    count = primitive("part_of_texts")(texts.data, starts, stops, needle, number - 1, there)
    parts = texts.between(starts, stops)
    return parts if count == rows.count else replace(parts, valid=both(texts.valid, there))


def _formatted(rows: Rows, call: Call) -> Texts:
    match call.args:
        case (moment, Constant(str(pattern))):
            return formatted(moment.type, *rows.numbers(moment), pattern)
        case _:
            raise Unsupported("a format that differs from row to row")


def _place(rows: Rows, call: Call) -> Numbers:
    texts, needle = rows.text(call.args[0]).ascii(), constant_text(call.args[1])
    found = np.empty(rows.count, np.int64)
    primitive("find_in_texts")(texts.data, texts.starts, texts.stops, needle, found)
    return found, texts.valid


def _length(rows: Rows, call: Call) -> Numbers:
    texts = rows.text(call.args[0]).ascii()
    return texts.stops - texts.starts, texts.valid


def _size(rows: Rows, call: Call) -> Numbers:
    texts = rows.text(call.args[0])
    return texts.stops - texts.starts, texts.valid


def parts(rows: Rows, call: Call) -> EncodedColumn:
    """The list of each string's parts."""
    texts, needle = rows.text(call.args[0]), constant_text(call.args[1])
    total = primitive("count_parts")(texts.data, texts.starts, texts.stops, needle)
    begins, ends, counts = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(rows.count, np.int64)
    primitive("write_parts")(texts.data, texts.starts, texts.stops, needle, begins, ends, counts)
    offsets = np.zeros(rows.count + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    elements = decode(Texts(texts.data, begins, ends).column())
    missing = None if texts.valid is None else pa.array(~texts.valid)
    lists = pa.ListArray.from_arrays(pa.array(offsets), elements, mask=missing)
    return canonical(lists, call.type)


TEXT_FUNCTIONS: Mapping[str, Callable[[Rows, Call], Texts]] = {
    "||": _concatenation,
    "concat": _concat,
    "concat_ws": _concat_with,
    **dict.fromkeys(("substr", "substring"), _substring),
    "left": _left,
    "right": _right,
    "trim": _trimmed(True, True),
    "ltrim": _trimmed(True, False),
    "rtrim": _trimmed(False, True),
    **dict.fromkeys(("upper", "ucase"), _cased(ord("a"), -_CASE)),
    **dict.fromkeys(("lower", "lcase"), _cased(ord("A"), _CASE)),
    "reverse": _reversed,
    "lpad": _padded(True),
    "rpad": _padded(False),
    "coalesce": _coalesced,
    "array_extract": _part,
    "strftime": _formatted,
}
NUMBER_FUNCTIONS: Mapping[str, Callable[[Rows, Call], Numbers]] = {
    **dict.fromkeys(("strpos", "instr", "position"), _place),
    **dict.fromkeys(("length", "len", "char_length", "character_length"), _length),
    "strlen": _size,
}
