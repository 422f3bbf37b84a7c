"""Quantiles: groups sorted by value, of which one value is taken or two are mixed, as DuckDB does it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from locality.encodings import EncodedColumn, canonical, concat, decode, take, without_rows
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
#: Rows of a group on average from which on selecting from each by itself takes less than sorting all by their values.
_LARGE = 64


def has_large_groups(rows: int, groups: int) -> bool:
    """Whether so few groups are that the quantiles of each are better found by selection than all rows sorted."""
    return groups * _LARGE <= rows


@dataclass(frozen=True, eq=False)
class _Sorted:
    """The values that count, sorted within their groups, or as far as what is asked for has its place.

    values: whole numbers (unscaled decimals, microseconds) or floats, with one more at the end. starts: where each
    group begins; counts: how many it has.
    """

    values: Numbers
    starts: Positions
    counts: Positions

    def at(self, fraction: float) -> tuple[Numbers, Numbers, Numbers]:
        """The values on both sides of a fraction of the way through each group, and how far it is between them."""
        place = np.maximum(self.counts - 1, 0) * fraction
        low, high = np.floor(place).astype(np.int64), np.ceil(place).astype(np.int64)
        last = len(self.values) - 1
        lower, upper = (self.values[np.minimum(self.starts + side, last)] for side in (low, high))
        return lower, upper, place - low

    def select(self, fractions: Sequence[float]) -> None:
        """Puts what ``at`` reads of unsorted groups in its place."""
        for start, count in zip(self.starts.tolist(), self.counts.tolist(), strict=True):
            if count:
                places = {place((count - 1) * f) for f in fractions for place in (math.floor, math.ceil)}
                self.values[start : start + count].partition(sorted(places))

    def mixed(self, fraction: float, dtype: DataType) -> Numbers:
        """The value at a fraction, between two values as they lie: as DuckDB mixes those of a type."""
        lower, upper, share = self.at(fraction)
        with np.errstate(invalid="ignore", over="ignore"):
            if dtype.name == "DOUBLE":
                return np.where(share == 0, lower, lower * (1.0 - share) + upper * share)
            if dtype.is_decimal:
                between = lower + (upper - lower) * share
            else:
                between = lower.astype(np.float64) * 0.5 + upper.astype(np.float64) * 0.5
        self._check(dtype, between, share)
        if dtype.is_float:
            return np.where(share == 0, lower, between.astype(lower.dtype))
        between = np.trunc(between if dtype.is_decimal else between + np.copysign(0.5, between))
        return np.where(share == 0, lower, between.astype(np.int64))

    def _check(self, dtype: DataType, between: Numbers, share: Numbers) -> None:
        """Raises Unsupported where rounding on the way decides about the last digit of a value that is mixed."""
        certain = (share == 0) | (share == 0.5)
        if dtype.is_decimal:
            noise = 8 * np.finfo(np.float64).eps * np.abs(self.values).max()
            certain |= np.trunc(between - noise) == np.trunc(between + noise)
        if not certain.all() or (not dtype.is_float and np.abs(self.values).max() > _EXACT):
            raise Unsupported(f"a quantile of {dtype} whose last digit rounding decides about")

    def deviations(self, dtype: DataType) -> _Sorted:
        """Distances from the medians of the groups, sorted within these."""
        group = np.repeat(np.arange(len(self.counts)), self.counts)
        with np.errstate(invalid="ignore"):
            distances = np.abs(self.values[:-1] - self.mixed(0.5, dtype)[group])
        return replace(self, values=np.append(distances[np.lexsort((distances, group))], distances.dtype.type(0)))


def continuous_quantile(source: Input, call: AggregateCall) -> EncodedColumn:
    """The value at a fraction of the way through a group, or a list of them; ``mad``: the median distance from it."""
    dtype = element_of(call.type) or call.type
    fractions = (0.5,) if call.name == "mad" else [units / whole for units, whole in _fractions(call)]
    groups = len(source.ordered.partitions.starts) - 1
    by_group = has_large_groups(source.ordered.rows, groups)
    rows, starts, counts = _sorted_values(source, call, by_group=by_group)
    ordered = _Sorted(_values(source, call, dtype, rows), starts, counts)
    if by_group:
        ordered.select(fractions)
    if call.name == "mad":
        ordered = ordered.deviations(dtype)
    make = float_column if dtype.is_float else integer_column
    return _together(call, [make(dtype, ordered.mixed(f, dtype), counts > 0) for f in fractions], counts > 0)


def _values(source: Input, call: AggregateCall, dtype: DataType, rows: Positions) -> Numbers:
    """The sorted values in the form in which those of the result are mixed."""
    argument = call.args[0].type
    values = source.numbers(call.args[0])[0][rows]
    match dtype.name:
        case "DOUBLE" if argument.is_integral or argument.is_float:
            numbers: Numbers = values.astype(np.float64)
        case "FLOAT" if argument == dtype:
            numbers = values
        case "TIMESTAMP" if argument.name == "DATE":
            numbers = values.astype(np.int64) * _DAY
        case "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE" | "TIME" | "DECIMAL" if argument == dtype:
            numbers = values.astype(np.int64)
        case _:
            raise Unsupported(f"{call.name} of {argument}")
    return np.append(numbers, numbers.dtype.type(0))


def _together(call: AggregateCall, columns: Sequence[EncodedColumn], there: Mask) -> EncodedColumn:
    """One column, or the lists of the values of several at the same group."""
    if element_of(call.type) is None:
        return columns[0]
    order = np.arange(len(columns) * len(there)).reshape(len(columns), -1).T.ravel()
    values = decode(take(concat(columns), order))
    offsets = pa.array(np.arange(len(there) + 1, dtype=np.int32) * len(columns))
    lists = pa.ListArray.from_arrays(offsets, values, type=to_arrow(call.type), mask=pa.array(~there))
    return canonical(lists, call.type)


def discrete_quantile(source: Input, call: AggregateCall) -> EncodedColumn:
    """The first value with at least a fraction of the group's up to it."""
    rows, starts, counts = _sorted_values(source, call)
    there = counts > 0
    column = source.column(call.args[0])
    columns = []
    for units, whole in _fractions(call):
        before = np.maximum(1, counts - (counts * whole - counts * units) // whole) - 1
        chosen = np.append(rows, 0)[np.where(there, starts + before, 0)]
        values = take(column, chosen)
        columns.append(values if there.all() else without_rows(values, there))
    return _together(call, columns, there)


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


def _sorted_values(
    source: Input, call: AggregateCall, *, by_group: bool = False
) -> tuple[Positions, Positions, Positions]:
    """The rows that count by group and value, as positions in the order of ``source``; each group's first; its size.

    by_group: whether the order within groups does not matter.
    """
    argument = call.args[0]
    in_order = by_group or (isinstance(argument, ColumnRef) and source.ordered.sorted_by == argument.index)
    keys = [] if in_order else [SortKey(argument)]
    members = members_of(source, counted_rows(source, call.filter, argument), keys)
    return members.rows, members.starts[:-1], members.counts
