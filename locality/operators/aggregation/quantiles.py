"""Quantiles: groups sorted by value, of which one value is taken or two are mixed, as DuckDB does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from locality.encodings import EncodedColumn, canonical, concat, decode, expand, take, without_rows
from locality.errors import Unsupported
from locality.operators.aggregation.members import members_of
from locality.operators.codegen.results import float_column, integer_column
from locality.operators.relations.relation import Positions
from locality.operators.windows.inputs import Input, Mask, Numbers
from locality.operators.windows.totals import counted_rows
from locality.plan.expressions import AggregateCall, ColumnRef, Constant, SortKey
from locality.types import DataType, element_of, to_arrow

#: Microseconds of a day: where dates lie among timestamps.
_DAY = 86_400_000_000
#: Whole numbers up to which doubles tell each from its neighbours.
_EXACT = 2**53


@dataclass(frozen=True, eq=False)
class Placed:
    """The rows that count of every group, by their values.

    counts: how many each group has. at: the rows at a place of every group, for each of several places; row 0 of a
    group without rows.
    """

    counts: Positions
    at: Callable[[Sequence[Positions]], list[Positions]]


def in_order(rows: Positions, starts: Positions, counts: Positions) -> Placed:
    """Rows that lie by group and value; starts: where each group begins."""
    present = np.append(rows, 0)

    def at(places: Sequence[Positions]) -> list[Positions]:
        return [present[np.where(counts > 0, starts + place, len(rows))] for place in places]

    return Placed(counts, at)


def continuous(column: EncodedColumn, call: AggregateCall, placed: Placed) -> EncodedColumn:
    """The value at a fraction of the way through a group, between two values as they lie; or a list of them."""
    dtype = element_of(call.type) or call.type
    there = placed.counts > 0
    sides = [_sides(placed.counts, units / whole) for units, whole in _fractions(call)]
    rows = placed.at([place for low, high, _ in sides for place in (low, high)])
    values = [_numbers(take(column, each), call, dtype) for each in rows]
    make = float_column if dtype.is_float else integer_column
    mixed = [
        _mixed(np.where(there, lower, 0), np.where(there, upper, 0), share, dtype)
        for lower, upper, (_, _, share) in zip(values[::2], values[1::2], sides, strict=True)
    ]
    return _together(call, [make(dtype, each, there) for each in mixed], there)


def discrete(column: EncodedColumn, call: AggregateCall, placed: Placed) -> EncodedColumn:
    """The first value with at least a fraction of the group's up to it; or a list of them."""
    counts = placed.counts
    there = counts > 0
    leaves = ((counts * whole - counts * units) // whole for units, whole in _fractions(call))
    values = [take(column, rows) for rows in placed.at([np.maximum(1, counts - left) - 1 for left in leaves])]
    return _together(call, [each if there.all() else without_rows(each, there) for each in values], there)


def sorted_quantile(source: Input, call: AggregateCall) -> EncodedColumn:
    """A quantile of groups whose rows are sorted by value for it, if they do not come so."""
    return QUANTILES[call.name](source.column(call.args[0]), call, in_order(*_sorted_rows(source, call)))


def median_distance(source: Input, call: AggregateCall) -> EncodedColumn:
    """The median distance from the median of a group (``mad``)."""
    rows, starts, counts = _sorted_rows(source, call)
    column = take(source.column(call.args[0]), np.append(rows, 0))  # row 0 for groups without rows
    group = np.repeat(np.arange(len(counts)), counts)

    def in_place(distances: Numbers) -> Placed:
        return in_order(np.lexsort((distances[:-1], group)), starts, counts)

    return by_distance(column, call, in_order(np.arange(len(rows)), starts, counts), in_place)


def by_distance(
    column: EncodedColumn, call: AggregateCall, placed: Placed, in_place: Callable[[Numbers], Placed]
) -> EncodedColumn:
    """The median distance from the median of each group, whose values lie side by side, and at least one in all.

    in_place: the rows of the groups by distances, one for each value.
    """
    dtype, counts = call.type, placed.counts
    center = _middle(placed, lambda rows: _numbers(take(column, rows), call, dtype), dtype)
    values = _numbers(column, call, dtype)
    distances = np.repeat(np.append(center, center[:1]), np.append(counts, len(values) - counts.sum()))
    with np.errstate(invalid="ignore"):
        np.abs(np.subtract(values, distances, out=distances), out=distances)
    middle = _middle(in_place(distances), lambda rows: distances[rows], dtype)
    return (float_column if dtype.is_float else integer_column)(dtype, middle, counts > 0)


def _middle(placed: Placed, values: Callable[[Positions], Numbers], dtype: DataType) -> Numbers:
    """The median of each group; anything for one without rows."""
    low, high, share = _sides(placed.counts, 0.5)
    lower, upper = (np.where(placed.counts > 0, values(rows), 0) for rows in placed.at([low, high]))
    return _mixed(lower, upper, share, dtype)


QUANTILES: Mapping[str, Callable[[EncodedColumn, AggregateCall, Placed], EncodedColumn]] = {
    "median": continuous,
    "quantile_cont": continuous,
    "quantile_disc": discrete,
}
"""Quantiles of a column's rows, a group each, by DuckDB's name."""


def _sides(counts: Positions, fraction: float) -> tuple[Positions, Positions, Numbers]:
    """The places on both sides of a fraction of the way through each group, and how far it is between them."""
    place = np.maximum(counts - 1, 0) * fraction
    low, high = np.floor(place).astype(np.int64), np.ceil(place).astype(np.int64)
    return low, high, place - low


def _mixed(lower: Numbers, upper: Numbers, share: Numbers, dtype: DataType) -> Numbers:
    """What lies so far between two values, as DuckDB mixes those of a type."""
    with np.errstate(invalid="ignore", over="ignore"):
        if dtype.name == "DOUBLE":
            return np.where(share == 0, lower, lower * (1.0 - share) + upper * share)
        if dtype.is_decimal:
            between = lower + (upper - lower) * share
        else:
            between = lower.astype(np.float64) * 0.5 + upper.astype(np.float64) * 0.5
    _check(dtype, between, share, np.maximum(np.abs(lower), np.abs(upper)))
    if dtype.is_float:
        return np.where(share == 0, lower, between.astype(lower.dtype))
    between = np.trunc(between if dtype.is_decimal else between + np.copysign(0.5, between))
    return np.where(share == 0, lower, between.astype(np.int64))


def _check(dtype: DataType, between: Numbers, share: Numbers, size: Numbers) -> None:
    """Raises Unsupported where rounding on the way decides about the last digit of a value that is mixed.

    size: how large the mixed values are.
    """
    certain = (share == 0) | (share == 0.5)
    if dtype.is_decimal:
        noise = 8 * np.finfo(np.float64).eps * size
        certain |= np.trunc(between - noise) == np.trunc(between + noise)
        certain |= (np.trunc(4 * share) == 4 * share) & (size <= _EXACT // 16)  # quarters of these are doubles
    if not certain.all() or (not dtype.is_float and (size > _EXACT).any()):
        raise Unsupported(f"a quantile of {dtype} whose last digit rounding decides about")


def _numbers(column: EncodedColumn, call: AggregateCall, dtype: DataType) -> Numbers:
    """Values in the form in which those of the result are mixed."""
    argument = column.type
    values = expand(column).codes
    if values is None or values.ndim != 1:
        raise Unsupported(f"{call.name} of {argument}")
    match dtype.name:
        case "DOUBLE" if argument.is_integral or argument.is_float:
            numbers: Numbers = values.astype(np.float64, copy=False)
        case "FLOAT" if argument == dtype:
            numbers = values
        case "TIMESTAMP" if argument.name == "DATE":
            numbers = values.astype(np.int64) * _DAY
        case "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE" | "TIME" | "DECIMAL" if argument == dtype:
            numbers = values.astype(np.int64)
        case _:
            raise Unsupported(f"{call.name} of {argument}")
    return numbers


def _together(call: AggregateCall, columns: Sequence[EncodedColumn], there: Mask) -> EncodedColumn:
    """One column, or the lists of the values of several at the same group."""
    if element_of(call.type) is None:
        return columns[0]
    order = np.arange(len(columns) * len(there)).reshape(len(columns), -1).T.ravel()
    values = decode(take(concat(columns), order))
    offsets = pa.array(np.arange(len(there) + 1, dtype=np.int32) * len(columns))
    lists = pa.ListArray.from_arrays(offsets, values, type=to_arrow(call.type), mask=pa.array(~there))
    return canonical(lists, call.type)


def _fractions(call: AggregateCall) -> list[tuple[int, int]]:
    """Each quantile as a number of units, and how many units are the whole."""
    fractions = []
    for constant in call.args[1:]:
        match constant:
            case Constant(int(units), dtype) if dtype.is_decimal and 0 <= units <= 10**dtype.scale:
                fractions.append((units, 10**dtype.scale))
            case _:
                raise Unsupported(f"{call.name} by {constant.type}")
    return fractions


def _sorted_rows(source: Input, call: AggregateCall) -> tuple[Positions, Positions, Positions]:
    """The rows that count by group and value, as positions in the order of ``source``; each group's first; its size."""
    argument = call.args[0]
    in_order = isinstance(argument, ColumnRef) and source.ordered.sorted_by == argument.index
    keys = [] if in_order else [SortKey(argument)]
    members = members_of(source, counted_rows(source, call.filter, argument), keys)
    return members.rows, members.starts[:-1], members.counts
