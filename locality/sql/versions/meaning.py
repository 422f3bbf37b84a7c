"""Calls and casts that DuckDB 1.5 answers otherwise than 2.0, whose answers our own functions give.

It divides by zero without an error, but has errors for square roots of negative numbers, logarithms and infinite
variances; it negates unsigned numbers, compares intervals otherwise, and rounds otherwise when it drops digits of large
numbers or of moments.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from locality.errors import Unsupported
from locality.plan.expressions import Cast, Constant, Expression
from locality.sql.versions import installed
from locality.types import DataType, Domain

#: Those that have errors, or others, for some numbers or moments.
_OTHERS = frozenset(
    {
        *("sqrt", "ln", "log", "log2", "log10", "sin", "cos", "tan", "cot", "asin", "acos", "atanh", "acosh"),
        *("epoch_ms", "epoch_us", "corr", "covar_pop", "covar_samp", "sem", "mad"),
        *("regr_slope", "regr_r2", "regr_intercept", "regr_sxx", "regr_syy", "regr_sxy"),
    }
)
#: What may be done to intervals; 1.5 compares them otherwise.
_ARITHMETIC = frozenset({"+", "-", "*", "coalesce", "is null", "is not null", "count"})
_VARIANCES = frozenset({"stddev", "stddev_samp", "stddev_pop", "var_samp", "var_pop", "variance"})
_INTERPOLATING = frozenset({"median", "quantile_cont"})
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


def _calls_another(name: str, args: Sequence[Expression]) -> bool:
    if name not in _ARITHMETIC and any(arg.type.name == "INTERVAL" for arg in args):
        return True
    match name, args:
        case "//" | "%", [_, divisor]:
            return not (isinstance(divisor, Constant) and divisor.value)
        case "-", [number]:
            return number.type.name in _UNSIGNED
        case "round", [_, digits]:
            return not (isinstance(digits, Constant) and isinstance(digits.value, int) and digits.value >= 0)
        case _ if name in _VARIANCES:
            return not _is_finite(args[0])
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


def _is_finite(number: Expression) -> bool:
    return isinstance(number, Cast) and number.arg.type.domain is not Domain.FLOAT
