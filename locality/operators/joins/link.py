"""Links in a kernel: the lookup of each active row's match, and which rows go on."""

from __future__ import annotations

from collections.abc import Sequence

from locality.encodings.column import Dictionary
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.codegen.block import Block, Row
from locality.operators.relations.keyindex import KeyIndex, KeyPart, codes_in
from locality.operators.relations.links import Link
from locality.plan.expressions import Expression
from locality.plan.functions.base import Value, as_integer, both, is_true

_NONE = b.const_i64(-1)


def emit_link(block: Block, link: Link) -> None:
    """Finds the match of every active row; rows that the link drops are active no longer."""
    if block.mask is not None:
        block.compact()
    positions = block.local(Scalar.I32)
    with block.rows(link.keys) as row:
        block.builder.store(positions, row.index, b.convert(_emit_match(row, link), Scalar.I32))
    block.links[link.first] = positions
    if link.condition is not None:
        _emit_condition(block, link.condition, positions)
    if link.kind != "left":
        compare = b.ge if link.kind == "inner" else b.lt
        block.keep((), lambda row: compare(_position(positions, row), b.const_i64(0)))


def _position(positions: ir.Var, row: Row) -> ir.Expr:
    return b.convert(b.load(positions, row.index), Scalar.I64)


def _emit_condition(block: Block, condition: Expression, positions: ir.Var) -> None:
    """A match for which the condition does not hold is none."""
    with block.rows([condition]) as row:
        position = row.share(_position(positions, row))
        found = b.ge(position, b.const_i64(0))
        holds = b.and_(found, is_true(row.under(found).emit(condition)))
        block.builder.store(positions, row.index, b.convert(b.select(holds, position, _NONE), Scalar.I32))


def _emit_match(row: Row, link: Link) -> ir.Expr:
    """The position of the row's match, I64; negative if it has none."""
    if link.index is None:
        return b.const_i64(0)
    rank = emit_rank(row, link.keys, link.index)
    if link.index.rows is None:
        return rank
    rows = link.index.rows
    table = row.block.parameters.array((id(link.index), "rows"), Array(Scalar.I32), lambda segment: rows)
    shared = row.share(rank)
    position = b.convert(b.load(table, b.maximum(shared, b.const_i64(0))), Scalar.I64)
    return b.select(b.ge(shared, b.const_i64(0)), position, _NONE)


def emit_rank(row: Row, keys: Sequence[Expression], index: KeyIndex) -> ir.Expr:
    """The rank of the row's key in the index, I64; negative if it has none."""
    number: ir.Expr | None = None
    inside: ir.Expr | None = None
    for position, (key, part) in enumerate(zip(keys, index.parts, strict=True)):
        digit, known = _emit_digit(row, row.emit(key), part, (id(index), position))
        if part.stride != 1:
            digit = b.mul(digit, row.integer(part.stride))
        number = digit if number is None else b.add(number, digit)
        inside = both(inside, known)
    assert number is not None and inside is not None
    words = row.block.parameters.array((id(index), "words"), Array(Scalar.I64), lambda segment: index.words)
    return b.call("find_rank", words, b.select(inside, number, _NONE))


def _emit_digit(row: Row, value: Value, part: KeyPart, key: tuple[int, int]) -> tuple[ir.Expr, ir.Expr]:
    """The digit of a value in the index's numbers, and whether it has one."""
    if value.is_string:
        digit = row.share(_emit_code(row, value, part, key))
    else:
        number = as_integer(value).expr
        digit = row.share(number if part.low == 0 else b.sub(number, row.integer(part.low)))
    # one comparison of unsigned numbers finds those below and above; the difference may wrap, and is right all the same
    known = b.lt(b.convert(digit, Scalar.U64), b.convert(row.integer(part.size), Scalar.U64))
    if value.valid is None:
        return digit, known
    if not part.nulls:
        return digit, b.and_(known, value.valid)
    return b.select(value.valid, digit, row.integer(part.size)), b.or_(known, b.not_(value.valid))


def _emit_code(row: Row, value: Value, part: KeyPart, key: tuple[int, int]) -> ir.Expr:
    """The code of a string in the dictionary of the other side, I64; -1 if it is not there."""
    if not isinstance(value.dictionary, Dictionary):
        raise Unsupported("a join on computed strings")
    if part.dictionary is not None and part.dictionary.key == value.dictionary.key:
        return value.expr
    codes = codes_in(value.dictionary, part.dictionary)
    table = row.block.parameters.array((*key, value.dictionary.key), Array(Scalar.I32), lambda segment: codes)
    return b.convert(b.load(table, value.expr), Scalar.I64)
