"""Quantiles: groups sorted by value, of which one value is taken or two are mixed, as DuckDB does it."""

from __future__ import annotations

import numpy as np

from locality.encodings import EncodedColumn, take, without_rows
from locality.errors import Unsupported
from locality.operators.codegen.results import float_column
from locality.operators.ordering.fields import fields_of
from locality.operators.ordering.order import order_of
from locality.operators.relations.relation import Positions
from locality.operators.windows.inputs import Input
from locality.operators.windows.totals import counted_rows
from locality.plan.expressions import AggregateCall, Constant
from locality.types import BIGINT


def continuous_quantile(source: Input, call: AggregateCall) -> EncodedColumn:
    """The value at a fraction of the way through a group, between two values as they lie."""
    argument = call.args[0]
    if call.type.name != "DOUBLE" or not (argument.type.is_integral or argument.type.is_float):
        raise Unsupported(f"{call.name} of {argument.type}")
    rows, starts, counts = _sorted_values(source, call)
    share, scale = _fraction(call)
    place = np.maximum(counts - 1, 0) * (share / scale)
    low, high = np.floor(place).astype(np.int64), np.ceil(place).astype(np.int64)
    values = np.append(source.numbers(argument)[0][rows].astype(np.float64), 0.0)
    lower, upper = values[starts + low], values[np.minimum(starts + high, len(rows))]
    with np.errstate(invalid="ignore"):
        mixed = np.where(low == high, lower, lower * (1 - (place - low)) + upper * (place - low))
    return float_column(call.type, mixed, counts > 0)


def discrete_quantile(source: Input, call: AggregateCall) -> EncodedColumn:
    """The first value with at least a fraction of the group's up to it."""
    rows, starts, counts = _sorted_values(source, call)
    share, scale = _fraction(call)
    before = np.maximum(1, counts - (counts * scale - counts * share) // scale) - 1
    there = counts > 0
    chosen = np.append(rows, 0)[np.where(there, starts + before, 0)]
    values = take(source.column(call.args[0]), chosen)
    return values if there.all() else without_rows(values, there)


def _fraction(call: AggregateCall) -> tuple[int, int]:
    """The quantile as a number of units, and how many units are the whole."""
    match call.args[-1]:
        case Constant(int(units), dtype) if dtype.is_decimal and 0 <= units <= 10**dtype.scale:
            return units, 10**dtype.scale
        case _:
            raise Unsupported(f"{call.name} by {call.args[-1].type}")


def _sorted_values(source: Input, call: AggregateCall) -> tuple[Positions, Positions, Positions]:
    """The rows that count by group and value, as positions in the order of ``source``; each group's first; its size."""
    argument = call.args[0]
    groups = source.ordered.partitions
    counted = np.flatnonzero(counted_rows(source, call.filter, argument))
    group = groups.number[counted]
    counts = np.bincount(group, minlength=len(groups.starts) - 1)
    by_group = fields_of(EncodedColumn(BIGINT, "plain", len(group), codes=group))
    by_value = fields_of(take(source.column(argument), counted))
    order = order_of([*by_group, *by_value], len(counted), source.run)
    return counted[order.rows], np.cumsum(counts) - counts, counts
