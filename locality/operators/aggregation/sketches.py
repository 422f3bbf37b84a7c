"""Aggregates of hashes: ``approx_count_distinct`` as DuckDB 2.0 computes it, to the last digit, and sums of hashes.

DuckDB counts by HyperLogLog with 1,024 registers and Ertl's estimator ("New cardinality estimation algorithms for
HyperLogLog sketches", 2017). The same hashes give the same registers and estimate, in whichever order rows come.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from locality.encodings import EncodedColumn
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.kernel.loader import primitive
from locality.operators.aggregation.accumulators import Cells, Slot
from locality.operators.aggregation.aggregates import Input, Planned
from locality.operators.codegen.block import Row
from locality.operators.codegen.results import integer_column
from locality.plan.expressions import AggregateCall, Call, Cast, Constant, Expression, conjunction
from locality.plan.functions.base import both, is_true
from locality.plan.functions.hashes import hash_bits
from locality.plan.intervals import INT64, Interval
from locality.sql.versions import installed
from locality.types import BIGINT, BOOLEAN

#: Bits of a hash that choose its register.
_BITS = 10
_REGISTERS = 1 << _BITS
_ALPHA = 1 / (2 * math.log(2))
_SUM_OF_HASHES = "sum of hashes"


def of_hashes(call: AggregateCall) -> AggregateCall:
    """A call for which values are hashed as one that reads the bits of their hashes; any other as it is."""
    match call:
        case AggregateCall("approx_count_distinct", (value,), dtype) if installed().answers_alike:
            known = Call("is not null", (value,), BOOLEAN)
            terms = [known] if call.filter is None else [call.filter, known]
            return AggregateCall(call.name, (hash_bits((value,)),), dtype, filter=conjunction(terms))
        case AggregateCall("sum", (Cast(Call("hash", values)),), distinct=False) if installed().answers_alike:
            return replace(call, name=_SUM_OF_HASHES, args=(hash_bits(values),))
        case _:
            return call


@dataclass(frozen=True, slots=True)
class Registers:
    """A sketch a group, a byte a register. slot: the position of the integer slot that gets the estimate in the end."""

    argument: Expression
    condition: Expression | None
    slot: int

    @property
    def reads(self) -> tuple[Expression, ...]:
        return (self.argument,) if self.condition is None else (self.argument, self.condition)

    @property
    def width(self) -> int:
        """Bytes of a group."""
        return _REGISTERS

    def emit(self, row: Row, group: ir.Expr, state: ir.Var) -> None:
        """Emits what the current row's hash does to its register."""
        value = row.emit(self.argument)
        takes_part = both(row.active, value.valid)
        if self.condition is not None:
            takes_part = both(takes_part, is_true(row.emit(self.condition)))
        bits = row.share(value.expr)
        rank: ir.Expr = b.call("sketch_rank", bits, b.const_i64(_BITS))
        if takes_part is not None:
            rank = b.select(takes_part, rank, b.const_i64(0))
        register = b.and_(bits, b.const_i64(_REGISTERS - 1))
        at = row.block.builder.assign(b.add(b.mul(group, b.const_i64(_REGISTERS)), register))
        row.block.builder.update("max", state, (at,), b.convert(rank, Scalar.U8))

    def merge(self, into: Cells, other: Cells) -> None:
        """Adds what another worker met."""
        np.maximum(into, other, out=into)

    def count(self, state: Cells, integers: Cells) -> None:
        """Writes the estimate of each group to its slot.

        Full registers, of the hash 0 alone, weigh less than what a double rounds off; so no other term is for them.
        """
        weights, empty = np.empty(len(integers)), np.empty(len(integers), np.int64)
        powers = np.ldexp(1.0, -np.arange(256))
        powers[0] = 0.0
        primitive("weigh_registers")(state, _REGISTERS, powers, weights, empty)
        weights += np.array([_weight_of_empty(count) for count in range(_REGISTERS + 1)])[empty]
        integers[:, self.slot] = np.rint(_ALPHA * _REGISTERS * _REGISTERS / weights).astype(np.int64)


@cache
def _weight_of_empty(count: int) -> float:
    """What so many empty registers add to the weight of a sketch (Ertl's sigma)."""
    share = count / _REGISTERS
    if share == 1.0:
        return math.inf
    total, before, factor = share, -1.0, 1.0
    while total != before:
        share *= share
        before = total
        total += share * factor
        factor += factor
    return _REGISTERS * total


def _plan_sketch(source: Input) -> Planned:
    dtype = source.call.type
    count = source.slots.add_marks(lambda slot: Registers(source.argument, source.call.filter, slot))
    return Planned(lambda i, f: integer_column(dtype, count(i, f), None), Interval(0, INT64.high))


def _plan_sum_of_hashes(source: Input) -> Planned:
    """The sum of numbers of 64 bits without a sign: 2**64 is added for each whose sign bit is set."""
    dtype = source.call.type
    count, low, high = (
        source.count(),
        source.slot("+", "low", source.argument),
        source.slot("+", "high", source.argument),
    )
    negative = Call("<", (source.argument, Constant(0, BIGINT)), BOOLEAN)
    wrapped = source.slots.add(Slot("+", "valid", negative, source.call.filter))

    def finish(integers: Cells, floats: Cells) -> EncodedColumn:
        upper = high(integers, floats).astype(object) + wrapped(integers, floats).astype(object) * 2**32
        return integer_column(dtype, upper * 2**32 + low(integers, floats), count(integers, floats) > 0)

    return Planned(finish)


AGGREGATES = {"approx_count_distinct": _plan_sketch, _SUM_OF_HASHES: _plan_sum_of_hashes}
