"""The kernel of a pipeline: what it does to each block of a morsel, in segments of one form."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from locality.kernel import builder as b
from locality.kernel.ir import Array, Expr, Scalar, Var
from locality.kernel.loader import load
from locality.operators.bindings import Generated
from locality.operators.codegen.block import BLOCK, Block
from locality.operators.codegen.parameters import Parameters
from locality.operators.codegen.pieces import pieces
from locality.operators.codegen.probe import bounded_depth
from locality.operators.relations.relation import Relation
from locality.operators.relations.shapes import ColumnShape
from locality.operators.steps import Step, emit_steps
from locality.plan.expressions import Expression, columns_of


class Sink(Protocol):
    """The end of a pipeline: what it computes of each block's active rows, into arrays of state."""

    @property
    def reads(self) -> Sequence[Expression]:
        """The expressions whose columns it touches."""

    @property
    def state(self) -> Sequence[Array]:
        """The types of its state arrays."""

    @property
    def morsel_rows(self) -> int:
        """The most rows that a worker should take at a time."""

    def prefers_selection(self, selectivity: float) -> bool:
        """Whether it would rather run over positions of active rows than over all rows under a mask."""

    def emit(self, block: Block, state: Sequence[Var]) -> None:
        """Emits its loops over a block."""


def fused(
    relation: Relation,
    steps: Sequence[Step],
    sink: Sink,
    shapes: dict[int, ColumnShape],
    even: Collection[int],
    *,
    strewn: bool,
    select: bool,
) -> Generated:
    """The kernel for segments whose columns have these shapes, and what binds its parameters.

    even: columns at whose runs' ends blocks are cut. strewn: whether the rows that reach the sink are expected to lie
    far apart. select: whether it runs over their positions, rather than over all rows under a mask.
    """
    read = {index for e in sink.reads for index in columns_of(e)}

    def emit(block: Block) -> None:
        emit_steps(block, steps, read, strewn=strewn)
        if block.mask is not None and select:
            block.compact()
        sink.emit(block, state)

    with bounded_depth():
        builder = b.Builder()
        ranges, count = builder.parameter(Array(Scalar.I64, 2), "ranges"), builder.parameter(Scalar.I64, "count")
        parameters = Parameters(builder)
        state = [builder.parameter(array, "state") for array in sink.state]
        faults = builder.hoist(b.const_i64(0), "faults")
        with builder.loop(count, prefix="range") as number:
            start, stop = (builder.assign(b.load(ranges, number, b.const_i64(side)), "end") for side in (0, 1))
            with builder.loop(start, stop, BLOCK, prefix="block") as first:
                end = builder.assign(b.minimum(b.add(first, b.const_i64(BLOCK)), stop))
                if even:
                    with pieces(parameters, sorted(even), first, end) as piece:
                        rows = piece.first, piece.end, piece.count
                        emit(Block(builder, parameters, relation, shapes, *rows, faults, runs=piece.runs))
                else:
                    rows = first, end, builder.assign(b.sub(end, first), "n")
                    ahead = _ahead(ranges, count, number, end, stop)
                    emit(Block(builder, parameters, relation, shapes, *rows, faults, ahead=ahead))
        return Generated(load(builder.build(faults), "One pass over a morsel."), parameters)


def _ahead(ranges: Var, count: Var, number: Var, end: Var, stop: Var) -> tuple[Expr, Expr]:
    """The first row of the block after the one up to ``end``, in this range or the next, and how many rows it has."""
    following = b.minimum(b.add(number, b.const_i64(1)), b.sub(count, b.const_i64(1)))
    goes_on = b.lt(end, stop)
    first = b.call("choose", goes_on, end, b.load(ranges, following, b.const_i64(0)))
    after = b.call("choose", goes_on, stop, b.load(ranges, following, b.const_i64(1)))
    return first, b.minimum(b.sub(after, first), b.const_i64(BLOCK))
