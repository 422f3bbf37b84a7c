"""The plain aggregate functions: which slots each needs, and how its result is computed from their final cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.operators.aggregation.accumulators import Cells, Reader, Slot, Slots, add_sum
from locality.operators.aggregation.seen import Seen
from locality.operators.codegen.results import column_of_value, float_column, integer_column, key_to_float
from locality.plan.expressions import AggregateCall, Call, Cast, Expression
from locality.plan.functions.base import Value
from locality.plan.intervals import Interval
from locality.plan.rollups import AVERAGE_OF_PARTS, COUNT_OF_PARTS
from locality.types import BOOLEAN, HUGEINT, DataType, Domain

#: The most bytes that values already met may take in all groups together.
MOST_SEEN = 64 << 20

_BITS = {"bit_and": "&", "bit_or": "|", "bit_xor": "^"}

Finish = Callable[[Cells, Cells], EncodedColumn]


@dataclass(frozen=True)
class Planned:
    """An aggregate that is ready: how to finish it, and the bounds of its integers where they are known.

    may_fail: whether finishing raises Unsupported for some cells, where SQL has an error.
    cell: the integer slot that holds the result where that is not NULL, if one does.
    """

    finish: Finish
    bounds: Interval | None = None
    may_fail: bool = False
    cell: Slot | None = None


@dataclass(frozen=True)
class Input:
    """What an aggregate is planned from: its call, the slots to add to, and the source's rows.

    probe: the value of an expression at some row, for its physical type and bounds.
    """

    call: AggregateCall
    slots: Slots
    rows: int
    probe: Callable[[Expression], Value]

    @property
    def argument(self) -> Expression:
        return self.call.args[0]

    def slot(self, op: str, part: str, argument: Expression | None) -> Reader:
        return self.slots.add(Slot(op, part, argument, self.call.filter))

    def count_slot(self) -> Slot:
        """The slot of the rows whose argument is not NULL."""
        if not self.call.args:
            return Slot("+", "one", None, self.call.filter)
        known = Call("is not null", (self.argument,), BOOLEAN)
        if self.probe(known).expr == ir.Const(True, Scalar.BOOL):
            return Slot("+", "one", None, self.call.filter)
        return Slot("+", "valid", known, self.call.filter)

    def count(self) -> Reader:
        """The rows whose argument is not NULL."""
        return self.slots.add(self.count_slot())


# What finishes an aggregate outlives the rows that it was planned for, and must not hold on to them through ``source``.


def _plan_count(source: Input) -> Planned:
    dtype, slot = source.call.type, source.count_slot()
    count = source.slots.add(slot)
    return Planned(lambda i, f: integer_column(dtype, count(i, f), None), Interval(0, source.rows), cell=slot)


def plan_count_distinct(source: Input) -> Planned:
    """By marking the values that each group has met; raises Unsupported where these may be many."""
    dtype = source.call.type
    value = source.probe(source.argument)
    if value.is_float or value.packed or value.range.size > MOST_SEEN:
        raise Unsupported("count(DISTINCT ...) of many values beside other aggregates")
    argument, condition, low, size = source.argument, source.call.filter, value.range.low, value.range.size
    count = source.slots.add_marks(lambda slot: Seen(argument, condition, low, size, slot))
    return Planned(lambda i, f: integer_column(dtype, count(i, f), None), Interval(0, source.rows))


def _plan_sum(source: Input) -> Planned:
    dtype = source.call.type
    value, count = source.probe(source.argument), source.count()
    if value.is_float:
        total = source.slot("+", "real", source.argument)
        return Planned(lambda i, f: float_column(dtype, total(i, f), count(i, f) > 0))
    _require_number(source, value)
    exact = add_sum(source.slots, source.argument, source.call.filter, value.range, source.rows)
    bounds = value.range * Interval(0, source.rows) | value.range
    return Planned(
        lambda i, f: integer_column(dtype, exact(i, f), count(i, f) > 0),
        bounds if bounds.fits_int64 else None,
        cell=Slot("+", "value", source.argument, source.call.filter),
    )


def _plan_average(source: Input) -> Planned:
    """As DuckDB: the exact sum over the count in long doubles for numbers, plain doubles for floats."""
    dtype = source.call.type
    value, count = source.probe(source.argument), source.count()
    if value.is_float:
        total = source.slot("+", "real", source.argument)
        return Planned(lambda i, f: _quotient(dtype, total(i, f), count(i, f), 1))
    _require_number(source, value)
    if source.call.type.name != "DOUBLE":
        raise Unsupported(f"avg of {source.argument.type}")
    exact = add_sum(source.slots, source.argument, source.call.filter, value.range, source.rows)
    scale = 10**source.argument.type.scale
    return Planned(lambda i, f: _quotient(dtype, exact(i, f), count(i, f), scale))


def _plan_average_of_parts(source: Input) -> Planned:
    """The average of values of which sums, the first argument, and counts, the second, are given."""
    dtype, rows, condition = source.call.type, source.rows, source.call.filter
    total, count = (add_sum(source.slots, e, condition, source.probe(e).range, rows) for e in source.call.args)
    scale = 10**source.argument.type.scale
    return Planned(lambda i, f: _quotient(dtype, total(i, f), count(i, f), scale))


def _plan_count_of_parts(source: Input) -> Planned:
    dtype, rows = source.call.type, source.rows
    bounds = source.probe(source.argument).range * Interval(0, rows)
    exact = add_sum(source.slots, source.argument, source.call.filter, source.probe(source.argument).range, rows)
    return Planned(lambda i, f: integer_column(dtype, exact(i, f), None), bounds if bounds.fits_int64 else None)


def _quotient(dtype: DataType, total: Cells, count: Cells, scale: int) -> EncodedColumn:
    valid = count > 0
    divisor = np.where(valid, count, 1).astype(np.longdouble) * np.longdouble(scale)
    return float_column(dtype, (total.astype(np.longdouble) / divisor).astype(np.float64), valid)


def _plan_extreme(source: Input) -> Planned:
    op = "min" if source.call.name in ("min", "bool_and") else "max"
    value, count = source.probe(source.argument), source.count()
    dtype = source.call.type
    if value.is_float:
        keys = source.slot(op, "key", source.argument)
        return Planned(lambda i, f: float_column(dtype, key_to_float(keys(i, f)), count(i, f) > 0))
    cells = source.slot(op, "value", source.argument)
    return Planned(
        lambda i, f: column_of_value(dtype, value, cells(i, f), count(i, f) > 0),
        None if value.is_string else value.range,
        cell=Slot(op, "value", source.argument, source.call.filter),
    )


def _plan_bits(source: Input) -> Planned:
    """Bits that all values have, that any has, or that an odd number of them has."""
    value, count = source.probe(source.argument), source.count()
    dtype = source.call.type
    if value.is_float or value.is_string or not dtype.is_integral:
        raise Unsupported(f"{source.call.name} of {source.argument.type}")
    cells = source.slot(_BITS[source.call.name], "value", source.argument)
    return Planned(lambda i, f: integer_column(dtype, cells(i, f), count(i, f) > 0))


def _plan_variance(source: Input) -> Planned:
    """Variances of integers and decimals, from exact sums of values and squares; DuckDB casts them to DOUBLE first."""
    argument, scale = source.argument, 1
    if isinstance(argument, Cast) and argument.type.name == "DOUBLE" and argument.arg.type.domain is Domain.INTEGER:
        scale, argument = 10**argument.arg.type.scale, argument.arg
    value = source.probe(argument)
    if value.is_float or not (value.range * value.range).fits_int64:
        return _plan_float_variance(source)
    inner = Input(
        AggregateCall(source.call.name, (argument,), source.call.type, False, source.call.filter),
        source.slots,
        source.rows,
        source.probe,
    )
    count = inner.count()
    total = add_sum(source.slots, argument, source.call.filter, value.range, source.rows)
    square, bounds = _square(argument, value.range)
    squares = add_sum(source.slots, square, source.call.filter, bounds, source.rows)

    def finish(integers: Cells, floats: Cells) -> EncodedColumn:
        n, s, q = (read(integers, floats) for read in (count, total, squares))
        if not _products_are_exact(n, s, q, scale):
            n, s, q = (cells.astype(object) for cells in (n, s, q))
        # n * q - s * s is n**2 times the variance
        return _finish_variance(source.call, count(integers, floats), n * q - s * s, n, scale)

    return Planned(finish)


def _products_are_exact(n: Cells, s: Cells, q: Cells, scale: int) -> bool:
    """Whether 53 bits hold what a variance is made of: else it takes Python's integers, one by one."""
    if not len(n) or any(cells.dtype != np.int64 for cells in (n, s, q)):
        return False
    most, total, squares = int(n.max()), max(-int(s.min()), int(s.max())), int(q.max())
    return max(most * squares, total * total, (most * scale) ** 2) < 2**53


def _square(argument: Expression, bounds: Interval) -> tuple[Expression, Interval]:
    return Call("*", (argument, argument), HUGEINT), bounds * bounds


def _finish_variance(call: AggregateCall, count: Cells, deviations: Cells, n: Cells, scale: int) -> EncodedColumn:
    sample = _is_sample(call)
    valid = count > (1 if sample else 0)
    safe = np.where(valid, n, 2)
    denominator = safe * (safe - 1 if sample else safe) * scale * scale
    variance = (deviations / denominator).astype(np.float64)
    return float_column(call.type, _of_variance(call, variance, count), valid)


def _of_variance(call: AggregateCall, variance: Cells, count: Cells) -> Cells:
    """What an aggregate makes of a group's variance: itself, its root, or the standard error of the mean."""
    if call.name == "sem":
        return np.sqrt(variance / np.maximum(count, 1))
    return np.sqrt(variance) if call.name.startswith("stddev") else variance


def _plan_float_variance(source: Input) -> Planned:
    count, squares = source.slots.add_moments(source.argument, source.call.filter)

    def finish(integers: Cells, floats: Cells) -> EncodedColumn:
        n = count(integers, floats)
        least = 2 if _is_sample(source.call) else 1
        variance = squares(integers, floats) / np.maximum(n - least + 1, 1)
        valid = n >= least
        if not np.isfinite(variance[valid]).all():
            raise Unsupported("a variance out of range")
        return float_column(source.call.type, _of_variance(source.call, variance, n), valid)

    return Planned(finish, may_fail=True)


def _is_sample(call: AggregateCall) -> bool:
    return call.name in ("stddev_samp", "stddev", "var_samp", "variance")


def _require_number(source: Input, value: Value) -> None:
    dtype = source.argument.type
    if value.is_string or not (dtype.is_integral or dtype.is_decimal or dtype.name in ("HUGEINT", "BOOLEAN")):
        raise Unsupported(f"{source.call.name} of {dtype}")


AGGREGATES: Mapping[str, Callable[[Input], Planned]] = {
    "count": _plan_count,
    "count_star": _plan_count,
    "sum": _plan_sum,
    "sum_no_overflow": _plan_sum,
    "count_if": _plan_sum,
    "avg": _plan_average,
    "mean": _plan_average,
    AVERAGE_OF_PARTS: _plan_average_of_parts,
    COUNT_OF_PARTS: _plan_count_of_parts,
    **dict.fromkeys(("min", "max", "bool_and", "bool_or"), _plan_extreme),
    **dict.fromkeys(_BITS, _plan_bits),
    **dict.fromkeys(("stddev_samp", "stddev", "stddev_pop", "var_samp", "variance", "var_pop", "sem"), _plan_variance),
}
