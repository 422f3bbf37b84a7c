"""Expressions over constants alone, computed: the usual casts here, anything else by DuckDB."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import pyarrow as pa

from locality.errors import Unsupported
from locality.plan.expressions import Call, Cast, Constant, Expression, PhysicalValue
from locality.sql.evaluate import AnyArray, evaluate, is_deterministic
from locality.sql.json_values import finite
from locality.types import BOOLEAN, INTEGRAL, DataType

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}([ T]([01]\d|2[0-3]):\d{2}:\d{2}(\.(\d{3}){1,2})?)?", re.ASCII)
#: Types whose physical values are what Arrow gives to Python.
_PLAIN = INTEGRAL | {"BOOLEAN", "FLOAT", "DOUBLE", "VARCHAR", "BLOB"}
#: Integers up to this are doubles exactly.
_EXACT = 2**53


def fold(expression: Expression) -> Constant:
    """The value of an expression without columns; raises Unsupported where that is an error, or only DuckDB knows."""
    match expression:
        case Constant(value, dtype):
            return Constant(value, dtype)
        case Call("is null" | "is not null" as name, (arg,)):
            return Constant((fold(arg).value is None) == (name == "is null"), BOOLEAN)
        case Cast(arg, dtype):
            constant = fold(arg)
            known = _cast(constant, dtype)
            return _asked_once(Cast(constant, dtype, expression.lenient)) if known is None else known
        case _:
            return _asked_once(expression)


def _cast(constant: Constant, dtype: DataType) -> Constant | None:
    """The constant as another type, where that is exact and can't fail; None for other casts."""
    if constant.type == dtype:
        return constant
    match constant.value:
        case str(text) if constant.type.name == "VARCHAR":
            return _parsed(text, dtype)
        case int(number) if constant.type.is_integral or constant.type.is_decimal:
            return _number(number, constant.type.scale, dtype)
        case int(days) if (constant.type.name, dtype.name) == ("DATE", "TIMESTAMP"):
            return Constant(days * _DAY, dtype)
        case _:
            return None


def _number(unscaled: int, scale: int, dtype: DataType) -> Constant | None:
    if dtype.name == "DOUBLE":
        return Constant(float(unscaled), dtype) if not scale and abs(unscaled) <= _EXACT else None
    if not (dtype.is_integral or dtype.is_decimal) or dtype.scale < scale:
        return None
    value = unscaled * 10 ** (dtype.scale - scale)
    low, high = dtype.bounds
    return Constant(value, dtype) if low <= value <= high else None


def _parsed(text: str, dtype: DataType) -> Constant | None:
    try:
        if dtype.name == "DATE" and _DATE.fullmatch(text):
            return Constant(date.fromisoformat(text).toordinal() - _EPOCH.toordinal(), dtype)
        if dtype.name == "TIMESTAMP" and _TIMESTAMP.fullmatch(text):
            return Constant((datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND, dtype)
    except ValueError:
        pass  # no such day: DuckDB has the words for it
    return None


def _asked_once(expression: Expression) -> Constant:
    return _asked(repr(expression), expression)


@lru_cache(maxsize=1024)
def _asked(text: str, expression: Expression) -> Constant:
    """What DuckDB makes of an expression; its ``text`` tells 0.0 from -0.0, which are equal."""
    if not is_deterministic(expression):
        raise Unsupported("constant that depends on the session")
    return Constant(_physical(evaluate(expression, ()), expression.type), expression.type)


def _physical(values: AnyArray, dtype: DataType) -> PhysicalValue:
    """The only value of an array of the type ``to_arrow(dtype)``."""
    if values.null_count:
        return None
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        return finite(values.cast(pa.int32() if dtype.name == "DATE" else pa.int64())[0].as_py(), dtype)
    match values[0].as_py():
        case Decimal() as number:
            return int(number.scaleb(dtype.scale))
        case pa.MonthDayNano(months, days, nanoseconds):
            return months, days, nanoseconds // 1000
        case bool() | int() | float() | str() | bytes() as value if dtype.name in _PLAIN:
            return value
        case _:
            raise Unsupported(f"constant of type {dtype}")
