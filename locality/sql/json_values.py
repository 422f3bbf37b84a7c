"""DuckDB's serialised plans at their leaves: the JSON text itself, logical types and constants."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from locality.errors import Unsupported
from locality.nested import sql_name
from locality.plan.expressions import Constant, PhysicalValue
from locality.sql.quoting import identifier
from locality.types import INTEGER, INTEGRAL, DataType, Domain, decimal, enum_of

_FLAT = frozenset(
    {
        *INTEGRAL,
        *("HUGEINT", "FLOAT", "DOUBLE", "BOOLEAN", "VARCHAR", "BLOB", "UUID", "INTERVAL", "DATE", "TIME"),
        *("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"),
    }
)
_NOT_A_NUMBER = re.compile(r'"value":-?nan', re.IGNORECASE)
_INFINITE = re.compile(r'"value":(-?)inf(?:inity)?', re.IGNORECASE)
#: The type of a bare NULL.
_UNTYPED = "NULL"
_INFINITIES = {"DATE": 2**31 - 1, "TIMESTAMP": 2**63 - 1, "TIMESTAMP WITH TIME ZONE": 2**63 - 1}


def load(text: str, rewrite: Callable[[dict[str, Any]], dict[str, Any]] | None = None) -> Any:
    """Parse DuckDB's JSON, in which a constant that is NaN or infinite may be written in words that JSON doesn't have.

    rewrite: takes each object to one in the place of it.

    A quote inside a JSON string is escaped, so the patterns can't match within one. Raises Unsupported for what is no
    JSON even so.
    """
    try:
        return json.loads(text, object_hook=rewrite)
    except json.JSONDecodeError:
        text = _INFINITE.sub(r'"value":\1Infinity', _NOT_A_NUMBER.sub('"value":NaN', text))
    try:
        return json.loads(text, object_hook=rewrite)
    except json.JSONDecodeError:  # as of a constant of type BIT
        raise Unsupported("plan whose JSON DuckDB leaves out") from None


def decode_type(data: dict[str, Any]) -> DataType:
    """A logical type that has an Arrow representation of its own; others, and collations, are Unsupported.

    The type of a bare NULL is INTEGER here, since one type of no value is as good as another.
    """
    name, info = data["id"], data["type_info"] or {}
    if info.get("collation"):
        raise Unsupported(f"collation {info['collation']}")
    if info.get("alias"):
        raise Unsupported(f"type {info['alias']}")
    if name == "DECIMAL":
        return decimal(info["width"], info["scale"])
    if name in ("LIST", "STRUCT", "MAP"):
        return DataType(sql_name(_nested_text(name, info)))
    if name == "ENUM":
        return enum_of(info["values"])
    if name == _UNTYPED:
        return INTEGER
    if name not in _FLAT:
        raise Unsupported(f"type {name}")
    return DataType(name)


def is_untyped(data: dict[str, Any]) -> bool:
    """Whether an expression is a bare NULL, or comes from one."""
    dtype = data["value"]["type"] if data["expression_class"] == "BOUND_CONSTANT" else data.get("return_type", {})
    return bool(dtype.get("id") == _UNTYPED)


def _nested_text(name: str, info: dict[str, Any]) -> str:
    if name == "STRUCT":
        fields = [(part["first"], _element(part["second"])) for part in info["child_types"]]
        if not fields or not all(field for field, _ in fields):
            raise Unsupported("STRUCT without names")
        return f"STRUCT({', '.join(f'{identifier(field)} {dtype}' for field, dtype in fields)})"
    if name == "MAP":
        key, value = (_element(part["second"]) for part in info["child_type"]["type_info"]["child_types"])
        return f"MAP({key}, {value})"
    return f"{_element(info['child_type'])}[]"


def _element(data: dict[str, Any]) -> DataType:
    dtype = decode_type(data)
    if dtype.name == "TIMESTAMP WITH TIME ZONE" or dtype.is_enum:
        raise Unsupported(f"type {dtype} within a nested one")
    return dtype


def decode_constant(data: dict[str, Any]) -> Constant:
    """A constant of a flat type, in the physical domain of that type."""
    dtype = decode_type(data["type"])
    return Constant(None if data["is_null"] else _value(data["value"], dtype), dtype)


def list_elements(data: dict[str, Any]) -> tuple[Constant, ...]:
    """The elements of a constant list, none of NULL."""
    if data["is_null"]:
        return ()
    dtype = data["type"]["type_info"]["child_type"]
    return tuple(decode_constant({"type": dtype, **part}) for part in data["value"]["children"])


def _value(value: Any, dtype: DataType) -> PhysicalValue:
    if isinstance(value, dict):
        return _compound(value, dtype)
    if dtype.domain is Domain.FLOAT:
        return float(value)
    if dtype.name == "BLOB":
        return _unescape(value)
    if not isinstance(value, (bool, int, str)):
        raise Unsupported(f"constant of type {dtype}")
    return value if isinstance(value, str) else finite(value, dtype)


def finite(value: int, dtype: DataType) -> int:
    """``value``; raises Unsupported if it stands for an infinite date or timestamp."""
    if dtype.name in _INFINITIES and abs(value) == _INFINITIES[dtype.name]:
        raise Unsupported(f"infinite {dtype}")
    return value


def _compound(value: dict[str, Any], dtype: DataType) -> PhysicalValue:
    match value:
        case {"upper": int(upper), "lower": int(lower)} if dtype.name == "UUID":
            return str(UUID(int=(upper << 64) + lower + 2**127))  # a signed number, whose order is that of UUIDs
        case {"upper": int(upper), "lower": int(lower)}:
            return (upper << 64) + lower
        case {"months": int(months), "days": int(days), "micros": int(micros)}:
            return months, days, micros
        case _:
            raise Unsupported(f"constant of type {dtype}")


_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})")


def _unescape(text: str) -> bytes:
    r"""The bytes of a BLOB's text: printable ASCII, anything else as ``\xHH`` (a backslash too)."""
    parts = _ESCAPE.split(text)
    return b"".join(bytes([int(p, 16)]) if i % 2 else p.encode() for i, p in enumerate(parts))
