"""Periods of time: which function of a moment needs to know no more of it than the period that it lies in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from locality.errors import Unsupported
from locality.plan.expressions import Call, Cast, Constant, Expression
from locality.plan.functions.date_trunc import LENGTHS, period_of
from locality.types import DATE, TIMESTAMP, DataType

_DAY = 86_400 * 1_000_000
#: For each period the longer ones that it lies in as a whole, the next ones only.
_WITHIN = {
    "microsecond": ("millisecond",),
    "millisecond": ("second",),
    "second": ("minute",),
    "minute": ("hour",),
    "hour": ("day",),
    "day": ("week", "month"),
    "week": ("isoyear",),
    "month": ("quarter",),
    "quarter": ("year",),
    "year": ("decade", "century", "millennium"),
}
#: Functions of a date or timestamp, and the longest period in which all moments have one value.
_CONSTANT_IN = {
    **dict.fromkeys(("second", "minute", "hour", "day", "month", "quarter", "year", "isoyear"), ""),
    **dict.fromkeys(("dayofmonth", "dayofweek", "weekday", "isodow", "dayofyear", "dayname"), "day"),
    **dict.fromkeys(("week", "weekofyear", "yearweek"), "week"),
    **dict.fromkeys(("monthname", "last_day"), "month"),
    **dict.fromkeys(("decade", "century", "millennium", "era"), "year"),
}
_PARTS = frozenset({"date_part", "datepart"})


def lies_within(period: str, other: str) -> bool:
    """Whether each ``period`` lies in one ``other`` as a whole."""
    return period == other or any(lies_within(longer, other) for longer in _WITHIN.get(period, ()))


def truncation(expression: Expression) -> tuple[Expression, str] | None:
    """The moment and the period, if the expression is the start of the period that a date or timestamp lies in."""
    match expression:
        case Call("date_trunc", (Constant() as part, moment)) if _is_moment(moment):
            return moment, period_of(part)
        case Cast(moment, dtype, lenient=False) if moment.type == TIMESTAMP and dtype == DATE:
            return moment, "day"
        case _:
            return None


def reading(expression: Expression) -> tuple[Expression, str, Callable[[Expression], Expression]] | None:
    """The moment that a function reads, the period of it that decides about the value, and the function of another one.

    None if the expression is no such function.
    """
    match expression:
        case Call("date_trunc" | "date_part" | "datepart" as name, (Constant() as part, moment)) if _is_moment(moment):
            period = _named(part) if name == "date_trunc" else _decisive(part)
            place = 1
        case Call(name, (moment,)) if name in _CONSTANT_IN and _is_moment(moment):
            period, place = _CONSTANT_IN[name] or name, 0
        case Cast(moment, dtype, lenient=False) if moment.type == TIMESTAMP and dtype == DATE:
            return moment, "day", lambda other: replace(expression, arg=other)
        case _:
            return None
    if period is None or not isinstance(expression, Call):
        return None
    call = expression
    return moment, period, lambda other: replace(call, args=(*call.args[:place], other, *call.args[place + 1 :]))


def start_of(value: int, dtype: DataType, period: str) -> int | None:
    """The start of the period that a date (days) or timestamp (microseconds) lies in, in the same units.

    None where that is not told: for infinite values, and for periods longer than a year.
    """
    unit = _DAY if dtype == DATE else 1
    if abs(value) >= dtype.bounds[1]:
        return None
    moment = value * unit
    if period in LENGTHS or period == "day":
        length = LENGTHS.get(period, _DAY)
        return moment // length * length // unit if length % unit == 0 else value
    days = _first_day(moment // _DAY, period)
    return None if days is None else days * _DAY // unit


def next_start(start: int, dtype: DataType, period: str) -> int | None:
    """The start of the period after the one that begins at ``start``; None as for :func:`start_of`."""
    longest = {"week": 7, "isoyear": 371, "month": 31, "quarter": 92, "year": 366}.get(period, 1)
    if period in LENGTHS:
        return start + LENGTHS[period] if dtype == TIMESTAMP else start + 1
    return start_of(start + longest * (1 if dtype == DATE else _DAY), dtype, period)


def _first_day(day: int, period: str) -> int | None:
    match period:
        case "week":
            return day - (day + 3) % 7
        case "month" | "quarter" | "year":
            months = int(np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64))
            months -= months % {"month": 1, "quarter": 3, "year": 12}[period]
            return int(np.datetime64(months, "M").astype("datetime64[D]").astype(np.int64))
        case _:
            return None


def _is_moment(expression: Expression) -> bool:
    return expression.type in (DATE, TIMESTAMP)


def _named(part: Constant) -> str | None:
    try:
        return period_of(part)
    except Unsupported:
        return None


def _decisive(part: Constant) -> str | None:
    """The period that decides about the part of a moment that is named so."""
    name = part.value
    return _CONSTANT_IN[name] or name if isinstance(name, str) and name in _CONSTANT_IN else None
