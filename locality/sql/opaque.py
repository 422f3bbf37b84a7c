"""Values that DuckDB plans without: each parameter as an expression of its type that no optimizer can compute.

A statement is planned once for all values of its parameters. DuckDB can't serialise a plan with open parameters, so the
place of each is taken by the cast of a text that is no value of the type: the cast would fail, hence is never folded.
Whether the text then means the same as with values is seen from both plans as they were bound: apart from the marked
places they have to be the same, and what stands around those must be known to be bound alike for all values of a type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from locality.errors import Unsupported
from locality.plan.expressions import Cast, Constant, Expression
from locality.sql.folding import fold
from locality.sql.json_values import decode_constant, decode_type
from locality.sql.quoting import string
from locality.sql.scalars import function_name
from locality.types import INTEGER, VARCHAR, DataType

#: How marked places begin: no text with this in it is planned so.
MARK = "locality opaque "
_TEXT = "locality opaque text "
_NUMBERED = re.compile(rf"{MARK}(?:text )?(\d+)")
#: What tells where something stood in the text, or was called there.
_PLACES = frozenset({"query_location", "query_location_length", "alias"})
#: Expressions that are bound by the types of what is in them alone.
_PLAIN_CLASSES = frozenset({"BOUND_CONJUNCTION", "BOUND_CASE"})
_PLAIN_KINDS = frozenset(
    {
        *("OPERATOR_CAST", "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE"),
        *("COMPARE_IN", "COMPARE_NOT_IN", "COMPARE_BETWEEN"),
        *("COMPARE_EQUAL", "COMPARE_NOTEQUAL", "COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO"),
        *("COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO"),
        *("COMPARE_DISTINCT_FROM", "COMPARE_NOT_DISTINCT_FROM"),
    }
)
_PLAIN_FUNCTIONS = frozenset(
    {
        *("+", "-", "*", "/", "//", "%", "__between", "abs", "length", "lower", "upper", "year", "month", "day"),
        *("to_years", "to_months", "to_days", "to_hours", "to_minutes", "to_seconds", "prefix", "starts_with"),
    }
)
#: Aggregates over one argument at most, whatever that is.
_PLAIN_AGGREGATES = frozenset({"sum", "avg", "count", "count_star", "min", "max"})


#: Expressions of a parse tree that are alike.
_PARSED = frozenset({"COMPARISON", "CONJUNCTION", "CAST", "CASE", "BETWEEN"})


def open_parameters(tree: Any) -> frozenset[str]:
    """The parameters of a parsed statement that stand where values of one type may well be bound alike."""
    found: dict[str, bool] = {}
    _find_open(tree, None, found)
    return frozenset(name for name, is_open in found.items() if is_open)


def _find_open(part: Any, plain: bool | None, found: dict[str, bool]) -> None:
    """plain: as in :func:`_compare`."""
    if isinstance(part, list):
        for each in part:
            _find_open(each, plain, found)
    if not isinstance(part, dict):
        return
    if part.get("class") == "PARAMETER":
        found[part["identifier"]] = bool(plain) and found.get(part["identifier"], True)
        return
    if str(part.get("type")).endswith("_NODE"):  # a query, perhaps inside an expression
        plain = None
    elif "class" in part:
        plain = plain is not False and is_parsed_plain(part)
    for each in part.values():
        _find_open(each, plain, found)


def is_parsed_plain(data: dict[str, Any]) -> bool:
    """Whether an expression of a parse tree is bound by the types of what is in it alone."""
    if data["class"] == "FUNCTION":
        return data["function_name"] in _PLAIN_FUNCTIONS or data["function_name"] in _PLAIN_AGGREGATES
    return data["class"] in _PARSED or data["type"] in _PLAIN_KINDS


def marked(number: int, dtype: DataType) -> str:
    """The SQL of an unknown value of a type."""
    if dtype == VARCHAR:
        return f"CAST(CAST({string(f'{_TEXT}{number}')} AS INTEGER) AS VARCHAR)"
    return f"CAST({string(f'{MARK}{number}')} AS {dtype})"


def mark_of(expression: Expression) -> int | None:
    """The number of the unknown value that an expression of a plan is; None for others."""
    match expression:
        case Cast(Cast(Constant(str(text)), inner, False), outer, False) if (inner, outer) == (INTEGER, VARCHAR):
            return _number(text) if text.startswith(_TEXT) else None
        case Cast(Constant(str(text), source), _, False) if source == VARCHAR and not text.startswith(_TEXT):
            return _number(text)
        case _:
            return None


def _number(text: str) -> int | None:
    found = _NUMBERED.fullmatch(text)
    return None if found is None else int(found[1])


def check_alike(bound: Any, opaque: Any, constants: Mapping[int, Constant]) -> None:
    """Raise Unsupported unless two plans, as they were bound, differ in marked places alone.

    bound: the plan with ``constants`` in the place of the values that ``opaque`` has marks for, by number.
    """
    _compare(bound, opaque, constants, plain=None)


def _compare(bound: Any, opaque: Any, constants: Mapping[int, Constant], *, plain: bool | None) -> None:
    """plain: whether this is a part of an expression in all of which values may be; None outside of expressions."""
    if isinstance(opaque, dict) and (number := _marked_number(opaque)) is not None:
        if not plain or not _is_constant(bound, constants[number]):
            raise Unsupported("parameter whose meaning depends on its value")
        return
    if isinstance(opaque, dict) and isinstance(bound, dict):
        if plain and (cast := _folded_cast(opaque, constants)) is not None and _is_constant(bound, cast):
            return
        if opaque.keys() != bound.keys():
            raise _different()
        if "expression_class" in opaque:
            plain = plain is not False and _is_plain(opaque)
        for key, part in opaque.items():
            if key not in _PLACES:
                _compare(bound[key], part, constants, plain=plain)
    elif isinstance(opaque, list) and isinstance(bound, list):
        if len(opaque) != len(bound):
            raise _different()
        for one, other in zip(bound, opaque, strict=True):
            _compare(one, other, constants, plain=plain)
    elif repr(opaque) != repr(bound):  # NaN equals itself so
        raise _different()


def _different() -> Unsupported:
    return Unsupported("statement that is bound otherwise without its values")


def _is_plain(data: dict[str, Any]) -> bool:
    kind = data["expression_class"]
    if kind == "BOUND_AGGREGATE":
        return function_name(data) in _PLAIN_AGGREGATES and len(data["children"]) <= 1
    if kind == "BOUND_FUNCTION" and data["type"] == "BOUND_FUNCTION":
        return function_name(data) in _PLAIN_FUNCTIONS
    return kind in _PLAIN_CLASSES or data["type"] in _PLAIN_KINDS


def _marked_number(data: dict[str, Any]) -> int | None:
    """The number of the unknown value that a bound expression is; None for others."""
    match data:
        case {"type": "OPERATOR_CAST", "children": [child], "return_type": {"id": "VARCHAR"}} if (
            text := _casted_text(child)
        ) and text.startswith(_TEXT):
            return _number(text)
        case _:
            text = _casted_text(data)
            return None if text is None or text.startswith(_TEXT) else _number(text)


def _folded_cast(data: dict[str, Any], constants: Mapping[int, Constant]) -> Constant | None:
    """What the cast of an unknown value is, which binding may fold where it knows the value; None for others."""
    match data:
        case {"type": "OPERATOR_CAST", "children": [child], "return_type": dtype} if (
            number := _marked_number(child)
        ) is not None:
            return fold(Cast(constants[number], decode_type(dtype)))
        case _:
            return None


def _casted_text(data: dict[str, Any]) -> str | None:
    """The text that a bound expression casts, if it does that alone."""
    match data:
        case {
            "type": "OPERATOR_CAST",
            "children": [{"expression_class": "BOUND_CONSTANT", "value": {"value": str(text)}}],
        }:
            return text
        case _:
            return None


def _is_constant(data: Any, constant: Constant) -> bool:
    """Whether a bound expression is this constant, or the cast of one to it."""
    match data:
        case {"expression_class": "BOUND_CONSTANT", "value": value}:
            return repr(decode_constant(value)) == repr(constant)
        case {
            "type": "OPERATOR_CAST",
            "children": [{"expression_class": "BOUND_CONSTANT", "value": value}],
            "return_type": dtype,
        }:
            return repr(fold(Cast(decode_constant(value), decode_type(dtype)))) == repr(constant)
        case _:
            return False
