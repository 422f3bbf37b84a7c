"""The first of several matches for which a condition holds, found in rounds.

In each round all rows of a block that still look try their next match, in loops like any other. Most rows are done
after a round or two, and no pair of rows is ever written.
"""

from __future__ import annotations

from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.codegen.block import Block, Row
from locality.operators.joins.ranks import emit_ranks, index_at
from locality.operators.relations.keyindex import Ints32
from locality.operators.relations.links import Link
from locality.operators.relations.relation import Segment
from locality.plan.functions.base import is_true

#: Matches that a row may have: a block takes as many rounds, even if all but one of its rows are done.
MOST_ROUNDS = 4096

_ONE = b.const_i64(1)


def emit_first_match(block: Block, link: Link, positions: ir.Var) -> None:
    """Writes the position of the first match of every active row for which the link's condition holds, -1 for none."""
    assert link.index is not None and link.condition is not None
    builder, number = block.builder, block.relation.links.index(link)
    rounds = block.parameters.integer(("rounds", number), lambda s: index_at(s, number).most)
    places, ends = block.local(Scalar.I32), block.local(Scalar.I32)
    looking = block.local(Scalar.I32)
    count = _emit_beginnings(block, link, (positions, places, ends, looking))
    block.prepare([link.condition])
    active = block.selection, block.selected
    block.selection, block.selected = looking, count
    with builder.loop(rounds) as turn:
        with block.rows(()) as row:
            place = b.add(_loaded(places, row), turn)
            builder.store(positions, row.index, _emit_listed(block, link, place))
        kept = builder.assign(b.const_i64(0), "kept")
        with block.rows([link.condition]) as row:
            found = row.share(is_true(row.emit(link.condition)))
            another = b.lt(b.add(b.add(_loaded(places, row), turn), _ONE), _loaded(ends, row))
            position = b.select(found, _loaded(positions, row), b.const_i64(-1))
            builder.store(positions, row.index, b.convert(position, Scalar.I32))
            builder.store(looking, kept, b.convert(row.index, Scalar.I32))
            builder.set(kept, b.add(kept, b.convert(b.and_(b.not_(found), another), Scalar.I64)))
        builder.set(count, kept)
    block.selection, block.selected = active


def _emit_beginnings(block: Block, link: Link, arrays: tuple[ir.Var, ir.Var, ir.Var, ir.Var]) -> ir.Var:
    """Where the matches of each active row begin and end, and the rows that have some; returns how many have."""
    assert link.index is not None
    positions, places, ends, looking = arrays
    builder, number = block.builder, block.relation.links.index(link)
    rank_at = emit_ranks(block, link.keys, link.index, number)
    starts = block.parameters.array(("starts", number), Array(Scalar.I32), lambda s: _starts_at(s, number))
    count = builder.assign(b.const_i64(0), "looking")
    with block.rows(link.keys) as row:
        rank = row.share(rank_at(row))
        place = row.share(b.maximum(rank, b.const_i64(0)))
        builder.store(places, row.index, b.load(starts, place))
        builder.store(ends, row.index, b.load(starts, b.add(place, _ONE)))
        builder.store(positions, row.index, b.const(-1, Scalar.I32))
        builder.store(looking, count, b.convert(row.index, Scalar.I32))
        builder.set(count, b.add(count, b.convert(b.ge(rank, b.const_i64(0)), Scalar.I64)))
    return count


def _emit_listed(block: Block, link: Link, place: ir.Expr) -> ir.Expr:
    """The row at a place of the listing by rank, I32."""
    assert link.index is not None
    if link.index.rows is None:
        return b.convert(place, Scalar.I32)
    number = block.relation.links.index(link)
    rows = block.parameters.array(("rows", number), Array(Scalar.I32), lambda s: index_at(s, number).listing()[0])
    return b.load(rows, place)


def _starts_at(segment: Segment, link: int) -> Ints32:
    starts = index_at(segment, link).starts
    assert starts is not None
    return starts


def _loaded(array: ir.Var, row: Row) -> ir.Expr:
    return b.convert(b.load(array, row.index), Scalar.I64)
