"""Keys in a kernel: the words of each active row's key, and its rank in an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from locality.encodings.column import Dictionary
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.codegen.block import BLOCK, Block, Row
from locality.operators.codegen.probe import probe
from locality.operators.codegen.text import text_bounds
from locality.operators.relations.keyindex import Ints64, KeyIndex
from locality.operators.relations.keyparts import KeyPart
from locality.operators.relations.members import BitSet, SlotTable
from locality.operators.relations.relation import Relation, Segment, link_at
from locality.operators.relations.runs import RunIndex
from locality.operators.relations.shapes import shape_of
from locality.operators.relations.tables import own_segment
from locality.operators.relations.texts import TextTable
from locality.plan.expressions import ColumnRef, Expression
from locality.plan.functions.base import Value, as_double, as_integer, both
from locality.plan.intervals import INT64_MIN

#: The first word of a row that has no key.
_NO_KEY = b.const_i64(INT64_MIN)
_ALWAYS = ir.Const(True, Scalar.BOOL)

#: The rank at a row of a loop over the block's active rows; negative if the row's key is not in the index.
RankAt = Callable[[Row], ir.Expr]


def check_keys(relation: Relation, keys: Sequence[Expression], index: KeyIndex) -> None:
    """Raises Unsupported if kernels over ``relation`` can't compute the keys."""
    for key, part in zip(keys, index.parts, strict=True):
        if part.is_bytes:
            raise Unsupported(f"a join on {part.type} keys in a kernel")
        if not _is_raw(relation, key):
            value = probe(relation, key)
            if part.is_string and not isinstance(value.dictionary, Dictionary):
                raise Unsupported("a join on computed strings")


def may_be_null(relation: Relation, key: Expression) -> bool:
    """Whether a key may be NULL in some row."""
    if _is_raw(relation, key):
        assert isinstance(key, ColumnRef)
        return any(shape_of(relation, segment, key.index).nullable for segment in relation.segments)
    return probe(relation, key).valid is not None


def _is_raw(relation: Relation, key: Expression) -> bool:
    """Whether a key is a column of strings, some of them without a dictionary."""
    return isinstance(key, ColumnRef) and any(
        shape_of(relation, segment, key.index).encoding == "text" for segment in relation.segments
    )


def index_at(segment: Segment, link: int) -> KeyIndex:
    """The index of the link at a position: arrays are bound through segments, because each run has its own."""
    index = link_at(segment, link).index
    assert index is not None
    return index


def _slots_at(segment: Segment, link: int) -> SlotTable:
    members = index_at(segment, link).members
    assert isinstance(members, SlotTable)
    return members


def _stored_at(segment: Segment, link: int) -> Ints64:
    stored = _slots_at(segment, link).stored
    assert stored is not None
    return stored


def emit_ranks(block: Block, keys: Sequence[Expression], index: KeyIndex, link: int) -> RankAt:
    """Emits what finding the ranks of the active rows' keys needs in front of the loop that reads them.

    link: the position of the link whose index it is.
    """
    texts = _prepare_keys(block, keys, index, link)
    if isinstance(index.members, BitSet):
        return lambda row: _emit_rank_in_bits(row, _emit_words(row, keys, index, texts, link)[0], link)
    return _emit_ranks_in_slots(block, keys, index, index.members, texts, link)


def emit_members(block: Block, keys: Sequence[Expression], index: KeyIndex, link: int) -> Callable[[Row], ir.Expr]:
    """As :func:`emit_ranks`, but for whether a row's key is in the index at all, BOOL; for an index of bits."""
    texts = _prepare_keys(block, keys, index, link)

    def is_member(row: Row) -> ir.Expr:
        return b.call("has_member", emit_bits(row.block, link), _emit_words(row, keys, index, texts, link)[0])

    return is_member


def emit_part_members(block: Block, keys: Sequence[Expression], index: KeyIndex, link: int) -> RankAt:
    """As :func:`emit_hints`, by one part of the key alone, for an index that has bits of that."""
    assert index.narrow is not None
    position = index.narrow.position
    part = replace(index.parts[position], word=0, stride=1)
    block.prepare([keys[position]])

    def part_bits(segment: Segment) -> Ints64:
        narrow = index_at(segment, link).narrow
        assert narrow is not None
        return narrow.bits

    bits = block.parameters.array(("part", link), Array(Scalar.I64), part_bits)

    def is_member(row: Row) -> ir.Expr:
        digit, known = _emit_share(row, row.emit(keys[position]), part, (link, position), is_alone=True)
        return b.call("has_member", bits, digit if known is None else b.select(known, digit, _NO_KEY))

    return is_member


def emit_hints(block: Block, keys: Sequence[Expression], index: KeyIndex, link: int) -> Callable[[Row], ir.Expr]:
    """As :func:`emit_members`, but for whether a row's key may be in the index, BOOL; for an index of slots."""
    texts = _prepare_keys(block, keys, index, link)
    hints = block.parameters.array(("hints", link), Array(Scalar.I64), lambda s: _slots_at(s, link).hints)

    def may_be_there(row: Row) -> ir.Expr:
        value: ir.Expr = b.const_i64(0)
        for word in _emit_words(row, keys, index, texts, link):
            value = b.call("mix_word", value, word)
        return b.call("may_have", hints, value)

    return may_be_there


def _prepare_keys(block: Block, keys: Sequence[Expression], index: KeyIndex, link: int) -> dict[int, ir.Var]:
    """What the keys need in front of a loop; the digits of those that are raw strings, by their position."""
    block.prepare(keys)
    return {
        position: _emit_text_codes(block, key, part, (link, position))
        for position, (key, part) in enumerate(zip(keys, index.parts, strict=True))
        if isinstance(key, ColumnRef) and block.shapes[key.index].encoding == "text"
    }


def _bits_at(segment: Segment, link: int) -> BitSet:
    members = index_at(segment, link).members
    assert isinstance(members, BitSet)
    return members


def emit_bits(block: Block, link: int) -> ir.Var:
    """The bits of a link's index."""
    return block.parameters.array(("bits", link), Array(Scalar.I64), lambda s: _bits_at(s, link).bits)


def run_index_at(segment: Segment, link: int) -> RunIndex:
    """Where runs of the link's key begin in a segment."""
    runs, own = link_at(segment, link).runs, own_segment(segment)
    assert runs is not None
    assert own is not None
    return runs[own.segment]


def emit_run_index(block: Block, link: int) -> list[ir.Var]:
    """The values, starts and blocks of the runs of a link's key."""
    array, kind = block.parameters.array, Array(Scalar.I32)
    return [
        array(("values of runs", link), kind, lambda s: run_index_at(s, link).values),
        array(("starts of runs", link), kind, lambda s: run_index_at(s, link).starts),
        array(("blocks of runs", link), kind, lambda s: run_index_at(s, link).blocks),
    ]


def emit_counts(block: Block, link: int) -> ir.Var:
    """How many members of a link's index come before each word of its bits."""
    return block.parameters.array(("counts", link), Array(Scalar.I32), lambda s: _bits_at(s, link).counts)


def _emit_rank_in_bits(row: Row, number: ir.Expr, link: int) -> ir.Expr:
    return b.call("find_rank", emit_bits(row.block, link), emit_counts(row.block, link), number)


def _emit_ranks_in_slots(
    block: Block, keys: Sequence[Expression], index: KeyIndex, table: SlotTable, texts: dict[int, ir.Var], link: int
) -> RankAt:
    """The words of all active rows first, then all of their ranks: see :mod:`locality.kernel.primitives.slots`."""
    words = block.builder.local_array(Scalar.I64, BLOCK * index.width)
    ranks = block.local(Scalar.I64)
    with block.rows(keys) as row:
        for number, word in enumerate(_emit_words(row, keys, index, texts, link)):
            block.builder.store(words, b.add(row.ordinal, b.const_i64(number * BLOCK)), word)
    slots = block.parameters.array(("slots", link), Array(Scalar.I64), lambda s: _slots_at(s, link).slots)
    if table.stored is None:
        block.builder.evaluate("find_numbers", words, block.active, slots, ranks)
    else:
        matrix = Array(Scalar.I64, 2)
        stored = block.parameters.array(("stored", link), matrix, lambda s: _stored_at(s, link))
        block.builder.evaluate("find_words", words, block.active, slots, stored, ranks)
    return lambda row: b.load(ranks, row.ordinal)


def _emit_words(
    row: Row, keys: Sequence[Expression], index: KeyIndex, texts: dict[int, ir.Var], link: int
) -> list[ir.Expr]:
    """The words of the row's key; the first one tells whether it has one."""
    words: list[ir.Expr | None] = [None] * index.width
    known: ir.Expr | None = None
    for position, (key, part) in enumerate(zip(keys, index.parts, strict=True)):
        if position in texts:
            assert isinstance(key, ColumnRef)
            value = Value(b.load(texts[position], row.ordinal), row.block.column(key.index).valid(row.index))
        else:
            value = row.emit(key)
        is_alone = all(other is part or other.word != part.word for other in index.parts)
        share, own = _emit_share(row, value, part, (link, position), is_alone=is_alone)
        before = words[part.word]
        words[part.word] = share if before is None else b.add(before, share)
        known = both(known, own)
    found = [word for word in words if word is not None]
    if known is not None:
        found[0] = b.select(known, found[0], _NO_KEY)
    return found


def _emit_share(
    row: Row, value: Value, part: KeyPart, key: tuple[int, int], *, is_alone: bool
) -> tuple[ir.Expr, ir.Expr | None]:
    """What a value adds to its word, and whether it has a place there; see :class:`KeyPart`.

    Where the digit ``is_alone`` in its word, one that has no place is in no index, and need not be told.
    """
    if part.is_float:
        share: ir.Expr = b.call("ordered_key", as_double(value).expr)
        known: ir.Expr | None = None
    else:
        number = _emit_code(row, value, part, key) if value.is_string else as_integer(value).expr
        digit = row.share(number if part.low == 0 else b.sub(number, row.integer(part.low)))
        known = None
        if not is_alone or part.is_whole or part.nulls:
            # one comparison of unsigned numbers finds those below and above; a difference that wrapped is outside too
            known = b.lt(b.convert(digit, Scalar.U64), b.convert(row.integer(part.size), Scalar.U64))
        share = digit if part.stride == 1 else b.mul(digit, row.integer(part.stride))
        share = share if part.shift == 0 else b.add(share, row.integer(part.shift))
    if value.valid is None:
        return share, known
    if part.null is None:
        return share, both(value.valid, known)
    return (
        b.select(value.valid, share, row.integer(part.null)),
        None if known is None else b.or_(known, b.not_(value.valid)),
    )


def _emit_code(row: Row, value: Value, part: KeyPart, key: tuple[int, int]) -> ir.Expr:
    """The digit of a string that is the code of a dictionary, I64; -1 if it has none."""
    if not isinstance(value.dictionary, Dictionary):
        raise Unsupported("a join on computed strings")
    entries = value.dictionary
    if part.dictionary is not None and part.dictionary.key == entries.key:
        return value.expr

    def codes(segment: Segment) -> Ints64:
        return index_at(segment, key[0]).parts[key[1]].codes_of(entries)

    table = row.block.parameters.array(("codes", *key), Array(Scalar.I64), codes)
    return b.load(table, value.expr)


def _emit_text_codes(block: Block, key: ColumnRef, part: KeyPart, name: tuple[int, int]) -> ir.Var:
    """The digits of the active rows' raw strings, found by their bytes, in an array."""
    codes = block.local(Scalar.I64)
    if part.size == 0:
        with block.rows([key]) as row:
            block.builder.store(codes, row.ordinal, b.const_i64(-1))
        return codes
    load = block.column(key.index)
    starts, stops = block.local(Scalar.I64), block.local(Scalar.I64)
    with block.rows([key]) as row:
        start, stop = text_bounds(row, load)
        block.builder.store(starts, row.ordinal, start)
        block.builder.store(stops, row.ordinal, stop)

    def table(segment: Segment) -> TextTable:
        return index_at(segment, name[0]).parts[name[1]].texts

    slots = block.parameters.array((*name, "slots"), Array(Scalar.I64), lambda segment: table(segment).slots)
    entries = block.parameters.array((*name, "entries"), Array(Scalar.U8), lambda segment: table(segment).data)
    offsets = block.parameters.array((*name, "offsets"), Array(Scalar.I64), lambda segment: table(segment).offsets)
    data = load.array("data", Scalar.U8)
    block.builder.evaluate("find_texts", data, starts, stops, block.active, slots, entries, offsets, codes)
    return codes
