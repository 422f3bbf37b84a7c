"""Blocks cut where runs end, so that what run-length columns tell is worked out once a run instead of once a row.

Inside a piece every such column has one value: a test of it passes all rows or none, the match of a join by it is one,
what is looked up of it lies in a register (Abadi, Madden and Ferreira, "Integrating compression and execution in
column-oriented database systems", SIGMOD 2006).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.codegen.parameters import Parameters
from locality.operators.relations.relation import Relation, Segment

#: Rows of a piece that are worth its own turns of the loops, on the average over a segment.
_LEAST_ROWS = 64

_ONE = b.const_i64(1)


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows ``first`` to ``end`` of a segment, ``count`` of them, and the run that they are of, by column."""

    first: ir.Var
    end: ir.Var
    count: ir.Var
    runs: dict[int, ir.Var]


def even_columns(relation: Relation, segment: Segment, columns: Sequence[int]) -> frozenset[int]:
    """The run-length columns without NULLs among ``columns`` at whose runs' ends blocks of a segment are to be cut."""
    runs = {}
    for index in columns:
        column = segment.column(index) if relation.link_of(index) is None else None
        if column is not None and column.run_ends is not None and column.validity is None:
            runs[index] = len(column.run_ends)
    chosen, pieces = set(), 0
    for index in sorted(runs, key=lambda index: runs[index]):
        pieces += runs[index]
        if pieces * _LEAST_ROWS > segment.row_count:
            break
        chosen.add(index)
    return frozenset(chosen)


@contextmanager
def pieces(parameters: Parameters, columns: Sequence[int], first: ir.Var, end: ir.Var) -> Iterator[Piece]:
    """A loop over the pieces of the rows ``first`` to ``end``, of which there is at least one."""
    builder = parameters.builder
    ends = {
        index: parameters.array(("column", index, "run_ends"), Array(Scalar.I32), _ends_of(index)) for index in columns
    }
    last = b.sub(end, _ONE)
    runs = {index: builder.assign(b.call("find_run", ends[index], first), "run") for index in columns}
    changes: list[ir.Expr] = [b.sub(b.call("find_run", ends[index], last), runs[index]) for index in columns]
    position = builder.assign(first, "position")
    with builder.loop(builder.assign(b.add(_ONE, reduce(b.add, changes))), prefix="piece"):
        with builder.when(b.ge(position, end)):
            builder.skip()  # several columns changed at once
        start = builder.assign(position)
        own = {index: builder.assign(run) for index, run in runs.items()}
        stops = {index: builder.assign(b.convert(b.load(ends[index], own[index]), Scalar.I64)) for index in columns}
        candidates: list[ir.Expr] = [end, *stops.values()]
        stop = builder.assign(reduce(b.minimum, candidates))
        builder.set(position, stop)
        for index, run in runs.items():
            builder.set(run, b.add(own[index], b.convert(b.le(stops[index], stop), Scalar.I64)))
        yield Piece(start, stop, builder.assign(b.sub(stop, start), "n"), own)


def _ends_of(index: int) -> Callable[[Segment], npt.NDArray[np.int32]]:
    def run_ends(segment: Segment) -> npt.NDArray[np.int32]:
        ends = segment.column(index).run_ends
        assert ends is not None
        return ends

    return run_ends
