"""Parts of dates, timestamps and times: ``year``, ``week``, ``hour``, ``epoch``, ``last_day`` and their kind.

DuckDB resolves ``extract`` and ``date_part`` with a constant part to the function named by the part, and casts other
timestamps to TIMESTAMP in front of it.
"""

from __future__ import annotations

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.plan.expressions import Call
from locality.plan.functions.base import Function, Scope, Value, check_range
from locality.plan.functions.temporal import (
    MICROSECONDS,
    SECONDS_A_DAY,
    UNITS,
    days_of,
    finite,
    monotone,
    scaled,
)
from locality.plan.intervals import Interval
from locality.types import DataType

#: Non-decreasing functions of the day.
_RISING = {"year": "date_year", "isoyear": "date_iso_year", "decade": "date_decade"}
_HUNDREDS = {"century": 100, "millennium": 1000}
#: Functions of the day within bounds that the calendar sets.
_CYCLIC = {
    "month": ("date_month", Interval(1, 12)),
    "day": ("date_day", Interval(1, 31)),
    "dayofmonth": ("date_day", Interval(1, 31)),
    "quarter": ("date_quarter", Interval(1, 4)),
    "dayofweek": ("date_day_of_week", Interval(0, 6)),
    "weekday": ("date_day_of_week", Interval(0, 6)),
    "isodow": ("date_iso_day_of_week", Interval(1, 7)),
    "dayofyear": ("date_day_of_year", Interval(1, 366)),
    "week": ("date_iso_week", Interval(1, 53)),
    "weekofyear": ("date_iso_week", Interval(1, 53)),
}
_CLOCK = {
    "hour": ("time_hour", 23),
    "minute": ("time_minute", 59),
    "second": ("time_second", 59),
    "microsecond": ("time_subminute", 60 * MICROSECONDS - 1),
}
#: Units of ``epoch_*`` in a second.
_EPOCHS = {"epoch_ms": 1000, "epoch_us": MICROSECONDS, "epoch_ns": 1_000_000_000}


def _argument(scope: Scope, call: Call) -> tuple[Value, DataType]:
    if len(call.args) != 1:
        raise Unsupported(f"{call.name} of {len(call.args)} arguments")
    return scope.emit(call.args[0]), call.args[0].type


def _emit_day_part(scope: Scope, call: Call) -> Value:
    days = days_of(scope, *_argument(scope, call))
    if call.name in _RISING:
        return monotone(_RISING[call.name], days)
    if call.name in _HUNDREDS:
        return monotone("date_hundreds", days, _HUNDREDS[call.name])
    primitive, bounds = _CYCLIC[call.name]
    return Value(b.call(primitive, days.expr), days.valid, bounds)


def _emit_yearweek(scope: Scope, call: Call) -> Value:
    days = days_of(scope, *_argument(scope, call))
    years = monotone("date_iso_year", days).range
    bounds = Interval(years.low * 100 - 53, years.high * 100 + 53)
    return Value(b.call("date_year_week", days.expr), days.valid, bounds)


def _emit_era(scope: Scope, call: Call) -> Value:
    years = monotone("date_year", days_of(scope, *_argument(scope, call)))
    return Value(b.convert(b.gt(years.expr, b.const_i64(0)), Scalar.I64), years.valid, Interval(0, 1))


def _emit_clock_part(scope: Scope, call: Call) -> Value:
    """Parts below the day: 0 for a DATE; a TIME's hour may be 24."""
    value, dtype = _argument(scope, call)
    primitive, greatest = _CLOCK[call.name]
    if dtype.name == "DATE":
        days = finite(scope, value, dtype)
        return Value(b.const_i64(0), days.valid, Interval(0, 0))
    if dtype.name == "TIME" and call.name == "hour":
        return Value(b.trunc_div(value.expr, b.const_i64(3600 * MICROSECONDS)), value.valid, Interval(0, 24))
    if dtype.name not in ("TIMESTAMP", "TIME"):
        raise Unsupported(f"{call.name} of {dtype}")
    if dtype.name == "TIMESTAMP":
        value = finite(scope, value, dtype)
    return Value(b.call(primitive, value.expr, b.const_i64(MICROSECONDS)), value.valid, Interval(0, greatest))


def _emit_subsecond(scope: Scope, call: Call) -> Value:
    """``millisecond`` and ``nanosecond``: the seconds are counted in."""
    micros = _emit_clock_part(scope, Call("microsecond", call.args, call.type))
    if call.name == "nanosecond":
        return Value(b.mul(micros.expr, b.const_i64(1000)), micros.valid, micros.range * Interval(1000, 1000))
    return Value(b.trunc_div(micros.expr, b.const_i64(1000)), micros.valid, Interval(0, 59_999))


def _emit_epoch(scope: Scope, call: Call) -> Value:
    """Seconds as DOUBLE."""
    value, dtype = _argument(scope, call)
    if dtype.name == "DATE":
        seconds = scaled(scope, finite(scope, value, dtype), SECONDS_A_DAY)
        return Value(b.convert(seconds.expr, Scalar.F64), value.valid)
    if dtype.name != "TIME":
        value = finite(scope, value, dtype)
    unit = UNITS.get(dtype.name, MICROSECONDS)
    if unit != MICROSECONDS:
        raise Unsupported(f"epoch of {dtype}")
    return Value(b.div(b.convert(value.expr, Scalar.F64), b.const(float(unit), Scalar.F64)), value.valid)


def _emit_epoch_in_units(scope: Scope, call: Call) -> Value:
    value, dtype = _argument(scope, call)
    unit = _EPOCHS[call.name]
    if call.name == "epoch_ms" and dtype.name == "BIGINT":  # the other way round
        return scaled(scope, value, MICROSECONDS // unit)
    if dtype.name == "DATE":
        return scaled(scope, finite(scope, value, dtype), SECONDS_A_DAY * unit)
    if UNITS.get(dtype.name) != MICROSECONDS:
        raise Unsupported(f"{call.name} of {dtype}")
    value = finite(scope, value, dtype, margin=MICROSECONDS // unit)
    if unit < MICROSECONDS:
        return monotone("round_div", value, MICROSECONDS // unit)
    return scaled(scope, value, unit // MICROSECONDS)


def _emit_last_day(scope: Scope, call: Call) -> Value:
    value, dtype = _argument(scope, call)
    days = check_range(scope, days_of(scope, value, dtype), -(2**31) + 100, 2**31 - 100)
    month: ir.Expr = b.call("date_trunc_month", days.expr)
    last = b.sub(b.call("date_add_months", month, b.const_i64(1)), b.const_i64(1))
    return Value(last, days.valid, Interval(days.range.low, days.range.high + 30))


def emit_finiteness(scope: Scope, call: Call) -> Value:
    """``isfinite`` and ``isinf`` of a date or timestamp: an infinite one faults, all others have one answer."""
    value = finite(scope, *_argument(scope, call))
    return Value(ir.Const(call.name == "isfinite", Scalar.BOOL), value.valid)


FUNCTIONS = (
    *(Function(name, _emit_day_part) for name in (*_RISING, *_HUNDREDS, *_CYCLIC)),
    *(Function(name, _emit_clock_part) for name in _CLOCK),
    *(Function(name, _emit_subsecond) for name in ("millisecond", "nanosecond")),
    *(Function(name, _emit_epoch_in_units) for name in _EPOCHS),
    Function("yearweek", _emit_yearweek),
    Function("era", _emit_era),
    Function("epoch", _emit_epoch),
    Function("last_day", _emit_last_day),
)
