"""Calls and casts that DuckDB 1.5 answers otherwise than 2.0, whose answers our own functions give.

It has errors for square roots of negative numbers and logarithms; it negates unsigned numbers, compares intervals
otherwise, rounds otherwise when it drops digits of large numbers or of moments, and lets NULL be near to any value in
some ASOF joins. It divides by zero without an error, which our functions do by a NULL in the divisor's place.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from locality.errors import Unsupported
from locality.plan.expressions import Call, Constant, Expression, Parameter
from locality.plan.nodes import JoinKey
from locality.sql.versions import installed
from locality.types import DataType, Domain

#: Those that have errors, or others, for some numbers or moments; sorts, whose order plans don't tell; other hashes.
_OTHERS = frozenset(
    {
        *("sqrt", "ln", "log", "log2", "log10", "sin", "cos", "tan", "cot", "asin", "acos", "atanh", "acosh"),
        *("epoch_ms", "epoch_us", "list_sort", "list_grade_up", "hash", "approx_count_distinct"),
    }
)
#: What may be done to intervals; 1.5 compares them otherwise.
_ARITHMETIC = frozenset({"+", "-", "*", "coalesce", "is null", "is not null", "count"})
_INTERPOLATING = frozenset({"median", "quantile_cont", "mad"})
_REMAINDERS = frozenset({"%", "mod"})
_DIVISIONS = _REMAINDERS | {"//", "divide"}
_UNSIGNED = frozenset({"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"})
_NANOSECONDS = "TIMESTAMP_NS"


def check_call(name: str, args: Sequence[Expression]) -> None:
    """Raise Unsupported for a function or aggregate that may be another one in the DuckDB that is installed."""
    if not installed().answers_alike and _calls_another(name, args):
        raise Unsupported(f"function {name} as of DuckDB {duckdb.__version__}")


def check_cast(source: DataType, wanted: DataType) -> None:
    """Raise Unsupported for a cast that may give something else in the DuckDB that is installed."""
    if not installed().answers_alike and _casts_otherwise(source, wanted):
        raise Unsupported(f"cast of {source} to {wanted} as of DuckDB {duckdb.__version__}")


def check_asof(kind: str, keys: Sequence[JoinKey]) -> None:
    """Raise Unsupported for an ASOF join that may pair other rows in the DuckDB that is installed."""
    if not installed().answers_alike and (kind in ("right", "full") or any(key.null_safe for key in keys)):
        raise Unsupported(f"asof join of NULL as of DuckDB {duckdb.__version__}")


def arguments(name: str, args: Sequence[Expression]) -> tuple[Expression, ...]:
    """The arguments for which our own function answers as that of the DuckDB that is installed."""
    if installed().answers_alike or name not in _DIVISIONS:
        return tuple(args)
    number, divisor = args
    is_known = isinstance(divisor, Constant) and not isinstance(divisor, Parameter) and divisor.value
    if is_known or (name in _REMAINDERS and divisor.type.is_float):
        return number, divisor
    return number, Call("nullif", (divisor, Constant(0, divisor.type)), divisor.type)


def _calls_another(name: str, args: Sequence[Expression]) -> bool:
    if name not in _ARITHMETIC and any(arg.type.name == "INTERVAL" for arg in args):
        return True
    match name, args:
        case "-", [number]:
            return number.type.name in _UNSIGNED
        case "round", [_, digits]:
            return not (isinstance(digits, Constant) and isinstance(digits.value, int) and digits.value >= 0)
        case _ if name in _INTERPOLATING:
            return args[0].type.is_decimal
        case _:
            return name in _OTHERS


def _casts_otherwise(source: DataType, wanted: DataType) -> bool:
    if source.domain is Domain.FLOAT:
        return wanted.is_decimal or wanted.name in _UNSIGNED
    if _NANOSECONDS in (source.name, wanted.name):
        return source != wanted
    return wanted.name in ("TIMESTAMP_S", "TIMESTAMP_MS") and source.name == "TIMESTAMP"
