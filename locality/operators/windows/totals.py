"""Aggregates of frames: counts and exact sums by differences of running sums, other sums and extremes by trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.kernel.loader import primitive
from locality.operators.codegen.results import bitmap, float_column, integer_column
from locality.operators.windows.frames import Range, frames_of
from locality.operators.windows.inputs import Input, Mask, Numbers
from locality.plan.expressions import Expression
from locality.plan.windows import WindowCall

#: Sums are kept in parts of so many bits, each in an int64 of its own, so that no running sum of a part overflows.
_BITS = 32
_MASK = 2**_BITS - 1
#: What the high word of a DECIMAL(38) stays below.
_MOST_DECIMAL = 10**38 >> 64


@dataclass(frozen=True, eq=False)
class _Sums:
    """A whole number for each row: the sum of ``parts[k] * 2 ** (32 * k)``; a single part is the number."""

    parts: Sequence[Numbers]

    def words(self, what: str) -> tuple[Numbers, Numbers]:
        """The low and high words of 128-bit integers; raises Unsupported for one that has more bits."""
        if len(self.parts) == 1:
            return self.parts[0], self.parts[0] >> 63
        digits = []
        carry: Numbers = np.zeros(len(self.parts[0]), np.int64)
        for part in (*self.parts, *(0 for _ in range(4 - len(self.parts)))):
            total = carry + part
            digits.append(total & _MASK)
            carry = total >> _BITS
        high = digits[3] << _BITS | digits[2]
        if (carry != high >> 63).any():
            raise Unsupported(f"{what} beyond 128 bits")
        return digits[1] << _BITS | digits[0], high

    def column(self, call: WindowCall, valid: Mask) -> EncodedColumn:
        """The sums as a column of 64 bits a value, or of 128 where one does not fit."""
        low, high = self.words(call.name)
        if len(self.parts) == 1 or (high == low >> 63).all():
            return integer_column(call.type, low, valid)
        if call.type.is_decimal and (np.abs(high) >= _MOST_DECIMAL).any():
            raise Unsupported(f"{call.name} beyond {call.type}")
        codes = np.ascontiguousarray(np.stack([low, high], axis=1))
        return EncodedColumn(call.type, "plain", len(codes), codes=codes, validity=bitmap(valid))

    def real(self) -> Numbers:
        """The sums as long doubles."""
        low, high = self.words("avg")
        return high.astype(np.longdouble) * np.longdouble(2**64) + low.view(np.uint64)


def counted_rows(source: Input, where: Expression | None, argument: Expression | None) -> Mask:
    """The rows that an aggregate adds up: those that pass its filter and are not NULL."""
    counted = np.ones(source.ordered.rows, np.bool_) if where is None else source.true(where)
    known = None if argument is None else source.valid(argument)
    return counted if known is None else counted & known


def _totals(ranges: Sequence[Range], values: Numbers) -> Numbers:
    """The sum of integers over the ranges of each row, modulo 2 ** 64."""
    running = np.concatenate((np.zeros(1, np.int64), np.cumsum(values, dtype=np.int64)))
    totals = running[ranges[0].end] - running[ranges[0].begin]
    for each in ranges[1:]:
        totals += running[each.end] - running[each.begin]
    return totals


def _count(source: Input, call: WindowCall) -> EncodedColumn:
    argument = call.args[0] if call.args else None
    counts = _totals(frames_of(source, call), counted_rows(source, call.filter, argument))
    return integer_column(call.type, counts, None)


def _sum(source: Input, call: WindowCall) -> EncodedColumn:
    ranges, counted = frames_of(source, call), counted_rows(source, call.filter, call.args[0])
    there = _totals(ranges, counted) > 0
    if call.args[0].type.is_float:
        total = _float_sums(source, call, ranges, counted)
        return float_column(call.type, total, there)
    return _exact_sums(source, call, ranges, counted).column(call, there)


def _average(source: Input, call: WindowCall) -> EncodedColumn:
    """As DuckDB: the exact sum over the count in long doubles for numbers, plain doubles for floats."""
    if call.type.name != "DOUBLE":
        raise Unsupported(f"avg of {call.args[0].type} over a window")
    ranges, counted = frames_of(source, call), counted_rows(source, call.filter, call.args[0])
    count = _totals(ranges, counted)
    if call.args[0].type.is_float:
        total = _float_sums(source, call, ranges, counted)
    else:
        total = _exact_sums(source, call, ranges, counted).real()
    divisor = np.maximum(count, 1).astype(np.longdouble) * np.longdouble(10 ** call.args[0].type.scale)
    with np.errstate(invalid="ignore"):
        means = (total.astype(np.longdouble) / divisor).astype(np.float64)
    return float_column(call.type, means, count > 0)


def _exact_sums(source: Input, call: WindowCall, ranges: Sequence[Range], counted: Mask) -> _Sums:
    argument = call.args[0]
    dtype = argument.type
    if not (dtype.is_integral or dtype.is_decimal or dtype.name in ("HUGEINT", "BOOLEAN")):
        raise Unsupported(f"{call.name} of {dtype} over a window")
    values = source.codes(argument)
    values = np.where(counted if values.ndim == 1 else counted[:, None], values, 0)
    return _Sums([_totals(ranges, part) for part in _parts(values)])


def _parts(values: Numbers) -> list[Numbers]:
    """Integers in parts of 32 bits, the lowest first, of which the last has the sign; in one if no sum overflows."""
    if values.ndim == 2:
        return [*_halves(values[:, 0].view(np.uint64)), *_halves(values[:, 1])]
    most = max(-int(values.min()), int(values.max()))
    return [values] if most * len(values) < 2**63 else _halves(values)


def _halves(values: Numbers) -> list[Numbers]:
    return [values & values.dtype.type(_MASK), values >> values.dtype.type(_BITS)]


def _float_sums(source: Input, call: WindowCall, ranges: Sequence[Range], counted: Mask) -> Numbers:
    values, _ = source.numbers(call.args[0])
    tree = np.zeros(2 * len(values))
    tree[len(values) :] = np.where(counted, values, 0.0)
    primitive("build_sums")(tree)
    total = np.zeros(len(values))
    for each in ranges:
        part = np.empty(len(values))
        primitive("sum_frames")(tree, each.begin, each.end, part)
        with np.errstate(invalid="ignore"):
            total += part
    return total


def _extreme(descending: bool, by: int = 0) -> Callable[[Input, WindowCall], EncodedColumn]:
    """The first argument where argument number ``by`` is least, or greatest; rows with NULL in either do not count."""

    def extreme(source: Input, call: WindowCall) -> EncodedColumn:
        counted = counted_rows(source, call.filter, call.args[0])
        if by:
            counted &= counted_rows(source, None, call.args[by])
        keys = source.ranks(call.args[by], descending)
        tree = np.full(2 * len(keys), -1, np.int64)
        tree[len(keys) :] = np.where(counted, source.ordered.position, -1)
        primitive("build_minima")(keys, tree)
        positions = np.full(len(keys), -1, np.int64)
        for each in frames_of(source, call):
            primitive("minimum_frames")(keys, tree, each.begin, each.end, positions)
        return source.gathered(call.args[0], positions)

    return extreme


TOTALS: Mapping[str, Callable[[Input, WindowCall], EncodedColumn]] = {
    "count": _count,
    "count_star": _count,
    "sum": _sum,
    "sum_no_overflow": _sum,
    "count_if": _sum,
    "avg": _average,
    "mean": _average,
    "min": _extreme(False),
    "bool_and": _extreme(False),
    "max": _extreme(True),
    "bool_or": _extreme(True),
    "arg_min": _extreme(False, by=1),
    "arg_max": _extreme(True, by=1),
}
"""Each aggregate's column in the window's order, by DuckDB's name."""
