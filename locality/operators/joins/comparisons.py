"""Rows that agree on a join's keys, held against each other by comparisons of integers: no pair is made that fails.

Every left row looks at the right rows that have its key, whose values lie side by side in the order of the keys' ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.builder import Builder
from locality.kernel.ir import Array, Scalar, Type
from locality.kernel.loader import load
from locality.operators.joins.inequalities import Comparison, Ints64, Keys
from locality.operators.physical import Execution
from locality.plan.expressions import Expression

Ints32 = npt.NDArray[np.int32]
Pairs = tuple[Ints64, Ints64]
_WHAT = "the pairs of a join"
_ONE = b.const_i64(1)


@dataclass(frozen=True, eq=False)
class Comparisons:
    """What is compared, and the right rows by rank: ``order[starts[rank] : starts[rank + 1]]``.

    ranks: those of the left rows, -1 for none.
    """

    keys: Sequence[tuple[Comparison, Keys]]
    ranks: Ints64
    starts: Ints32
    order: Ints32

    @property
    def terms(self) -> frozenset[Expression]:
        """The conditions that all pairs fulfil."""
        return frozenset(comparison.term for comparison, _ in self.keys)

    def pairs(self, parts: Iterable[slice], execution: Execution) -> Pairs:
        """Both sides' positions, the left ones ascending; ``parts`` are ranges of left rows, for the threads."""
        sides, names = self._known(), tuple(comparison.name for comparison, _ in self.keys)
        found: dict[int, Pairs] = {}

        def work(worker: int, part: slice) -> None:
            count = _kernel(names, writes=False)(part.start, part.stop, *sides)
            memory.allow(16 * count, _WHAT)
            left, right = np.empty(count, np.int64), np.empty(count, np.int64)
            _kernel(names, writes=True)(part.start, part.stop, *sides, left, right)
            found[part.start] = left, right

        execution.run(list(parts), work)
        ordered = [found[start] for start in sorted(found)]
        if len(ordered) == 1:
            return ordered[0]
        nothing = [np.empty(0, np.int64)]
        left, right = (np.concatenate(nothing + [each[side] for each in ordered]) for side in (0, 1))
        return left, right

    def _known(self) -> list[Any]:
        """The kernel's arrays, without rows that have no value somewhere."""
        has_left = np.logical_and.reduce([key.has_left for _, key in self.keys])
        has_right = np.logical_and.reduce([key.has_right for _, key in self.keys])[self.order]
        order, starts = self.order, self.starts
        if not has_right.all():
            order = order[has_right]
            starts = np.concatenate(([0], np.cumsum(has_right)))[starts].astype(np.int32)
        sides = [side for _, key in self.keys for side in (key.left, key.right[order])]
        return [np.where(has_left, self.ranks, -1), starts, order, *sides]


@cache
def _kernel(names: tuple[str, ...], *, writes: bool) -> Callable[..., int]:
    """A kernel that counts the matches of a range of left rows, or writes them; it returns how many there are."""
    builder = Builder()
    longs, shorts = Array(Scalar.I64), Array(Scalar.I32)
    kinds: tuple[Type, ...] = (Scalar.I64, Scalar.I64, longs, shorts, shorts)
    begin, end, ranks, starts, order = (builder.parameter(kind) for kind in kinds)
    sides = [(name, builder.parameter(longs), builder.parameter(longs)) for name in names]
    outputs = [builder.parameter(longs) for _ in range(2 if writes else 0)]
    count = builder.assign(b.const_i64(0))
    with builder.loop(begin, end) as i:
        rank = builder.assign(b.load(ranks, i))
        with builder.when(b.ge(rank, b.const_i64(0))):
            own = [builder.assign(b.load(mine, i)) for _, mine, _ in sides]
            first, last = (b.convert(b.load(starts, at), Scalar.I64) for at in (rank, b.add(rank, _ONE)))
            with builder.loop(builder.assign(first), builder.assign(last)) as k:
                holds: ir.Expr = ir.Const(True, Scalar.BOOL)
                for (name, _, theirs), value in zip(sides, own, strict=True):
                    holds = b.and_(holds, _TESTS[name](value, b.load(theirs, k)))
                if writes:
                    with builder.when(holds):
                        builder.store(outputs[0], count, i)
                        builder.store(outputs[1], count, b.convert(b.load(order, k), Scalar.I64))
                        builder.set(count, b.add(count, _ONE))
                else:
                    builder.set(count, b.add(count, b.convert(holds, Scalar.I64)))
    kernel = load(builder.build(count), "Pairs of rows that agree on a key and fulfil comparisons.")
    kernel.optimise()
    return kernel.compiled


_TESTS: dict[str, Callable[[ir.Expr, ir.Expr], ir.Expr]] = {
    "<>": b.ne,
    "<": b.lt,
    "<=": b.le,
    ">": b.gt,
    ">=": b.ge,
}
