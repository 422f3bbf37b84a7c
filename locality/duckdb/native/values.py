"""Values of parameters as DuckDB has bound them, back to what a Python program passes for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

from locality.errors import Unsupported

_INTEGERS = range(-(1 << 31), 1 << 31)
#: By the name of the type, or what it begins with.
_OF_TYPE: dict[str, Callable[[str], object]] = {
    "BOOLEAN": lambda text: text == "true",
    "INTEGER": int,
    "BIGINT": int,
    "DOUBLE": float,
    "STRING_LITERAL": str,
    "DATE": date.fromisoformat,
    "TIMESTAMP": datetime.fromisoformat,
    "DECIMAL": Decimal,
}


def value_of(dtype: str, text: str | None) -> object:
    """The value of Python's that DuckDB's client gives this type.

    text: the value as DuckDB casts it to VARCHAR, None for NULL. Raises Unsupported where it can't be told.
    """
    if text is None:
        if dtype == '"NULL"':
            return None
        raise Unsupported(f"parameter of type {dtype}")
    make = _OF_TYPE.get(dtype.partition("(")[0])
    try:
        value = None if make is None else make(text)
    except (ValueError, ArithmeticError):  # dates that are infinite, or before year 1
        value = None
    if value is None or (isinstance(value, int) and dtype in ("INTEGER", "BIGINT") and not _is_of(dtype, value)):
        raise Unsupported(f"parameter of type {dtype}")
    return value


def _is_of(dtype: str, value: int) -> bool:
    return dtype == ("INTEGER" if value in _INTEGERS else "BIGINT")
