"""Python values as DuckDB binds them to parameters, without asking DuckDB: their types are part of what they mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

from locality.plan.expressions import Constant
from locality.types import BIGINT, BOOLEAN, DATE, DOUBLE, HUGEINT, INTEGER, TIMESTAMP, UNTYPED, VARCHAR, decimal

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
#: The widest DECIMAL; DuckDB binds longer ones as DOUBLE.
_MOST_DIGITS = 38


def bound_constant(value: object) -> Constant | None:
    """The constant that DuckDB makes of a parameter's value; None where only DuckDB knows."""
    convert = _BY_CLASS.get(type(value))
    return None if convert is None else convert(value)


def _integer(value: int) -> Constant | None:
    if -(2**31) <= value < 2**31:
        return Constant(value, INTEGER)
    if -(2**63) <= value < 2**63:
        return Constant(value, BIGINT)
    if -(2**127) <= value < 2**127 and not 2**63 <= value < 2**64:
        return Constant(value, HUGEINT)
    return None


def _text(value: str) -> Constant | None:
    return Constant(value, VARCHAR) if value.isascii() or _is_encodable(value) else None


def _is_encodable(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _decimal(value: Decimal) -> Constant | None:
    """DuckDB 1.5 makes another number of one with a positive exponent."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or not -_MOST_DIGITS <= exponent <= 0:
        return None
    scale = -exponent
    # as DuckDB has it: 0.65 is a DECIMAL(2, 2), and 0.05 a DECIMAL(3, 2)
    width = len(digits) if scale <= len(digits) else scale + 1
    if width > _MOST_DIGITS:
        return None
    unscaled = int("".join(map(str, digits)))
    return Constant(-unscaled if sign else unscaled, decimal(width, scale))


def _date(value: date) -> Constant | None:
    """The least and the greatest date are DuckDB's infinite ones in some versions."""
    return None if value in (date.min, date.max) else Constant(value.toordinal() - _EPOCH.toordinal(), DATE)


def _timestamp(value: datetime) -> Constant | None:
    if value.tzinfo is not None or value in (datetime.min, datetime.max):
        return None
    return Constant((value - _EPOCH) // _MICROSECOND, TIMESTAMP)


_BY_CLASS: dict[type, Callable[..., Constant | None]] = {
    type(None): lambda value: Constant(None, UNTYPED),
    bool: lambda value: Constant(value, BOOLEAN),
    int: _integer,
    float: lambda value: Constant(value, DOUBLE),
    str: _text,
    Decimal: _decimal,
    date: _date,
    datetime: _timestamp,
}
