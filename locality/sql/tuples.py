"""Comparisons of rows, ``(a, b) IN ((1, 2), ...)``, as comparisons of their fields.

The fields of a row compare as values to be sorted do: NULL equals NULL and is greater than all else. So no comparison
of rows that are there is NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from locality.errors import Unsupported
from locality.plan.expressions import Call, Case, Cast, Constant, Expression, conjunction, joined
from locality.sql.json_values import decode_constant, decode_type
from locality.types import BOOLEAN, DataType

Fields = tuple[Expression, ...]
_TRUE, _FALSE = Constant(True, BOOLEAN), Constant(False, BOOLEAN)


def is_row(data: dict[str, Any]) -> bool:
    """Whether an expression of DuckDB's plan is a row, SQL's ``(a, b)``."""
    dtype = data["value"]["type"] if data["expression_class"] == "BOUND_CONSTANT" else data.get("return_type", {})
    return bool(dtype.get("id") == "TUPLE")


def as_struct(data: dict[str, Any]) -> dict[str, Any]:
    """A row as a struct, which compares as it does; any other expression of DuckDB's plan as it is."""
    match data:
        case {"qname": {"path": [*_, "row"]}, "return_type": {"type_info": {"child_types": types} as info}}:
            named = [{**part, "first": f"element{place}"} for place, part in enumerate(types, 1)]
            dtype = {"id": "STRUCT", "type_info": {**info, "child_types": named}}
            return {**data, "qname": {"path": ["struct_pack"]}, "return_type": dtype}
        case _:
            return data


def decode_row_comparison(
    name: str, operands: Sequence[dict[str, Any]], decode: Callable[[dict[str, Any]], Expression]
) -> Expression:
    """A comparison, or ``in``, by its name in plan.expressions, of operands that are rows."""
    left, *others = [_fields(operand, decode) for operand in operands]
    if any(len(other) != len(left) for other in others):
        raise Unsupported("comparison of rows of different lengths")
    match name:
        case "in":
            return joined("or", [_equal(left, other) for other in others])
        case "=" | "is not distinct from":
            return _equal(left, others[0])
        case "<>" | "is distinct from":
            return Call("not", (_equal(left, others[0]),), BOOLEAN)
        case "<":
            return _less(left, others[0])
        case ">":
            return _less(others[0], left)
        case "<=":
            return Call("not", (_less(others[0], left),), BOOLEAN)
        case _:
            return Call("not", (_less(left, others[0]),), BOOLEAN)


def _fields(data: dict[str, Any], decode: Callable[[dict[str, Any]], Expression]) -> Fields:
    match data:
        case {"type": "OPERATOR_CAST", "children": [row], "function_data": {"try_cast": False}}:
            wanted = zip(_fields(row, decode), _types(data["return_type"]), strict=True)
            return tuple(field if field.type == dtype else Cast(field, dtype) for field, dtype in wanted)
        case {"qname": {"path": [*_, "row"]}}:
            return tuple(decode(child) for child in data["children"])
        case {"value": {"is_null": False, "type": of_row, "value": {"children": parts}}}:
            kinds = of_row["type_info"]["child_types"]
            return tuple(decode_constant({"type": k["second"], **part}) for k, part in zip(kinds, parts, strict=True))
        case _:
            raise Unsupported("row that is no list of values")


def _types(of_row: dict[str, Any]) -> list[DataType]:
    return [decode_type(child["second"]) for child in of_row["type_info"]["child_types"]]


def _equal(left: Fields, right: Fields) -> Expression:
    pairs = zip(left, right, strict=True)
    return conjunction([Call("is not distinct from", pair, BOOLEAN) for pair in pairs])


def _less(left: Fields, right: Fields) -> Expression:
    """By the first field that differs."""
    mine, theirs = left[0], right[0]
    only_mine = (Call("is not null", (mine,), BOOLEAN), Call("is null", (theirs,), BOOLEAN))
    branches = [(Call("<", (mine, theirs), BOOLEAN), _TRUE), (conjunction(only_mine), _TRUE)]
    if len(left) == 1:
        return Case(tuple(branches), _FALSE, BOOLEAN)
    same = Call("is not distinct from", (mine, theirs), BOOLEAN)
    return Case((*branches, (same, _less(left[1:], right[1:]))), _FALSE, BOOLEAN)
