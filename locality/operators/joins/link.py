"""Links in a kernel: the lookup of each active row's match, and which rows go on."""

from __future__ import annotations

from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.codegen.block import BLOCK, Block, Row
from locality.operators.joins.ranks import (
    RankAt,
    emit_bits,
    emit_counts,
    emit_hints,
    emit_members,
    emit_part_members,
    emit_ranks,
    emit_run_index,
    index_at,
    run_index_at,
)
from locality.operators.joins.rounds import emit_first_match
from locality.operators.relations.links import Link
from locality.operators.relations.members import BitSet, SlotTable
from locality.plan.expressions import Expression
from locality.plan.functions.base import is_true

_NONE = b.const_i64(-1)


def can_ask_first(link: Link) -> bool:
    """Whether bits tell which rows a link keeps, so that matches are looked up of these alone, or of none."""
    if link.kind == "left" or link.condition is not None or link.index is None:
        return False
    return link.index.is_unique and isinstance(link.index.members, BitSet)


def can_ask_hints(link: Link) -> bool:
    """Whether a hash table's hints tell of most rows that a link drops that they have no match."""
    if link.kind != "inner" or link.condition is not None or link.index is None:
        return False
    is_text = any(part.is_string and part.dictionary is None for part in link.index.parts)
    return link.index.is_unique and isinstance(link.index.members, SlotTable) and not is_text


def can_take_runs(block: Block, link: Link) -> bool:
    """Whether the rows that a link keeps are found from its keys' side, and no step came before."""
    return link.runs is not None and block.mask is None and block.selection is None and not block.are_even(link.keys)


def emit_runs(block: Block, link: Link) -> None:
    """Selects the rows that a link keeps, of a block for which :func:`can_take_runs`, by the runs of its keys."""
    assert link.index is not None
    (part,), number, builder = link.index.parts, block.relation.links.index(link), block.builder
    wanted = emit_bits(block, number), emit_counts(block, number)
    shift = block.parameters.integer(("shift of runs", number), lambda s: run_index_at(s, number).low - part.low)
    selection, ranks = (builder.local_array(Scalar.I32, BLOCK + 8) for _ in range(2))
    rows = block.first_row, block.count, selection, ranks
    found = b.call("select_runs", *wanted, shift, *emit_run_index(block, number), *rows)
    block.selection, block.selected = selection, builder.assign(found, "selected")
    if link.index.rows is None:
        block.links[number] = ranks


def emit_hints_test(block: Block, link: Link) -> None:
    """Drops most rows without a match, for a link of which that :func:`can_ask_hints`."""
    assert link.index is not None
    number = block.relation.links.index(link)
    if link.index.narrow is None:
        block.keep(link.keys, emit_hints(block, link.keys, link.index, number))
    else:
        read = (link.keys[link.index.narrow.position],)
        block.keep(read, emit_part_members(block, link.keys, link.index, number))


def emit_members_test(block: Block, link: Link) -> None:
    """Drops the rows that a link drops, for one of which that :func:`can_ask_first`."""
    assert link.index is not None
    is_member = emit_members(block, link.keys, link.index, block.relation.links.index(link))
    keep = block.skip_unless if block.are_even(link.keys) else block.keep
    if link.kind == "anti":
        keep(link.keys, lambda row: b.not_(is_member(row)))
    else:
        keep(link.keys, is_member)


def emit_matches_test(block: Block, link: Link) -> None:
    """Drops the rows that a link drops, by the matches that were looked up; a left link drops none."""
    if link.kind == "left":
        return
    number = block.relation.links.index(link)
    compare = b.ge if link.kind == "inner" else b.lt
    keep = block.skip_unless if isinstance(block.links[number].type, Scalar) else block.keep
    keep((), lambda row: compare(row.match(number), b.const_i64(0)))


def emit_matches(block: Block, link: Link) -> None:
    """Looks up the match of every active row, or the one match of them all."""
    if _is_even(block, link):
        block.prepare(link.keys)
        match = _emit_match(block, link)(block.any_row)
        block.links[block.relation.links.index(link)] = block.builder.assign(match, "match")
        return
    if block.mask is not None:
        block.compact()
    positions = block.links[block.relation.links.index(link)] = block.local(Scalar.I32)
    if link.index is not None and not link.index.is_unique:
        emit_first_match(block, link, positions)
        return
    match_at = _emit_match(block, link)
    with block.rows(link.keys) as row:
        block.builder.store(positions, row.index, b.convert(match_at(row), Scalar.I32))
    if link.condition is not None:
        _emit_condition(block, link.condition, positions)


def _is_even(block: Block, link: Link) -> bool:
    """Whether all rows of the block certainly have the same match, which is found without a loop."""
    if link.condition is not None or not block.are_even(link.keys):
        return False
    return link.index is None or (link.index.is_unique and isinstance(link.index.members, BitSet))


def _position(positions: ir.Var, row: Row) -> ir.Expr:
    return b.convert(b.load(positions, row.index), Scalar.I64)


def _emit_condition(block: Block, condition: Expression, positions: ir.Var) -> None:
    """A match for which the condition does not hold is none."""
    with block.rows([condition]) as row:
        position = row.share(_position(positions, row))
        found = b.ge(position, b.const_i64(0))
        holds = b.and_(found, is_true(row.under(found).emit(condition)))
        block.builder.store(positions, row.index, b.convert(b.select(holds, position, _NONE), Scalar.I32))


def _emit_match(block: Block, link: Link) -> RankAt:
    """What gives the position of a row's match, I64; negative if it has none."""
    if link.index is None:
        return lambda row: b.const_i64(0)
    number = block.relation.links.index(link)
    rank_at = emit_ranks(block, link.keys, link.index, number)
    if link.index.rows is None:
        return rank_at
    table = block.parameters.array(("rows", number), Array(Scalar.I32), lambda s: index_at(s, number).listing()[0])

    def match(row: Row) -> ir.Expr:
        rank = row.share(rank_at(row))
        position = b.convert(b.load(table, b.maximum(rank, b.const_i64(0))), Scalar.I64)
        return b.select(b.ge(rank, b.const_i64(0)), position, _NONE)

    return match
