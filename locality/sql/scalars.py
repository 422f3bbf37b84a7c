"""Bound scalar expressions of DuckDB's serialised plans -> plan.expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from locality.errors import Unsupported
from locality.plan.expressions import Call, Case, Cast, Constant, Expression, joined
from locality.plan.zones import of_session
from locality.sql.json_values import decode_constant, decode_type, is_untyped
from locality.sql.lambdas import decode_lambda, is_lambda
from locality.sql.tuples import decode_row_comparison, is_row
from locality.sql.versions.meaning import arguments, check_call, check_cast
from locality.types import BOOLEAN, VARCHAR, DataType, list_of

#: Gives the expression of the column at a position of the operator's input.
Resolve = Callable[[int], Expression]

COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_DISTINCT_FROM": "is distinct from",
    "COMPARE_NOT_DISTINCT_FROM": "is not distinct from",
}
_OPERATORS = {
    "OPERATOR_NOT": "not",
    "OPERATOR_IS_NULL": "is null",
    "OPERATOR_IS_NOT_NULL": "is not null",
    "OPERATOR_COALESCE": "coalesce",
    "COMPARE_IN": "in",
    "OPERATOR_TRY": "try",
}
#: Functions whose serialised bind data repeats what their arguments and type say.
_REDUNDANT_DATA = frozenset(
    {"+", "-", "*", "list_aggr", "list_aggregate", "list_distinct", "list_unique", "struct_pack"}
)
#: How functions that sort a list are written with the order, which their bind data has; others give places.
_SORTS = {
    **dict.fromkeys(("list_sort", "array_sort", "list_reverse_sort", "array_reverse_sort"), "list_sort"),
    **dict.fromkeys(("list_grade_up", "array_grade_up", "grade_up"), "list_grade_up"),
}
_DIRECTIONS = {"ASCENDING": "ASC", "DESCENDING": "DESC"}
#: Calls over TIMESTAMP WITH TIME ZONE that don't ask for the session's time zone.
_ZONE_FREE = frozenset(
    {*COMPARISONS.values(), *_OPERATORS.values(), "epoch_us", "epoch_ms", "epoch_ns", "epoch", "greatest", "least"}
)
_TIMESTAMPTZ = "TIMESTAMP WITH TIME ZONE"
_OF_ROWS = frozenset({*COMPARISONS.values(), "in"})


def decode_expression(data: dict[str, Any], resolve: Resolve) -> Expression:
    """One expression; raises Unsupported naming what has no counterpart in plan.expressions."""
    kind = data["type"]
    match data["expression_class"]:
        case "BOUND_REF":
            return _reference(data, resolve)
        case "BOUND_CONSTANT":
            return decode_value(data["value"])
        case "BOUND_FUNCTION" if kind == "OPERATOR_CAST":
            return _cast(data, data["children"][0], data["function_data"]["try_cast"], resolve)
        case "BOUND_FUNCTION" if function_name(data) == "__between":
            return _between(data["children"], data["function_data"], resolve)
        case "BOUND_FUNCTION" if kind in COMPARISONS:
            return _call(COMPARISONS[kind], data["children"], BOOLEAN, resolve)
        case "BOUND_FUNCTION":
            return _function(data, resolve)
        case "BOUND_CONJUNCTION":
            terms = [decode_expression(child, resolve) for child in data["children"]]
            return joined("and" if kind == "CONJUNCTION_AND" else "or", terms)
        case "BOUND_OPERATOR":
            return _operator(data, resolve)
        case "BOUND_CASE":
            return _case(data, resolve)
        case other:
            raise Unsupported(_CLASSES.get(other, f"expression {other}"))


_CLASSES = {
    "BOUND_WINDOW": "window function",
    "BOUND_SUBQUERY": "subquery in an expression",
    "BOUND_UNNEST": "unnest",
    "BOUND_LAMBDA": "lambda",
    "BOUND_PARAMETER": "parameter without a value",
    "BOUND_COLUMN_REF": "correlated column",
}


def decode_value(data: dict[str, Any]) -> Expression:
    """A constant; a list, a struct and a map are made of their elements."""
    if data["type"]["id"] == "STRUCT" and not data["is_null"]:
        types = [part["second"] for part in data["type"]["type_info"]["child_types"]]
        parts = zip(types, data["value"]["children"], strict=True)
        return Call("struct_pack", tuple(decode_value({"type": t, **p}) for t, p in parts), decode_type(data["type"]))
    if data["type"]["id"] == "LIST" and not data["is_null"]:
        dtype = data["type"]["type_info"]["child_type"]
        elements = (decode_value({"type": dtype, **part}) for part in data["value"]["children"])
        return Call("list_value", tuple(elements), decode_type(data["type"]))
    if data["type"]["id"] == "MAP" and not data["is_null"]:
        return _map(data)
    return decode_constant(data)


def _map(data: dict[str, Any]) -> Expression:
    """A map by the lists of its keys and of their values."""
    sides = data["type"]["type_info"]["child_type"]["type_info"]["child_types"]
    entries = [entry["value"]["children"] for entry in data["value"]["children"]]
    lists = []
    for place, dtype in enumerate(side["second"] for side in sides):
        elements = tuple(decode_value({"type": dtype, **entry[place]}) for entry in entries)
        lists.append(Call("list_value", elements, list_of(decode_type(dtype))))
    return Call("map", tuple(lists), decode_type(data["type"]))


def function_name(data: dict[str, Any]) -> str:
    """The name of a bound function or aggregate."""
    return str(data["qname"]["path"][-1]).lower()


def _reference(data: dict[str, Any], resolve: Resolve) -> Expression:
    """A column, of the type that DuckDB says it has: if positions were misread, this is where it would show."""
    column = resolve(data["index"])
    if decode_type(data["return_type"]) != column.type:
        raise Unsupported(f"reference to a column of type {column.type} as another")
    return column


def _call(name: str, children: list[dict[str, Any]], dtype: DataType, resolve: Resolve) -> Expression:
    if name in _OF_ROWS and is_row(children[0]):
        return decode_row_comparison(name, children, lambda child: decode_expression(child, resolve))
    args = tuple(decode_expression(child, resolve) for child in children)
    check_call(name, args)
    call = Call(name, arguments(name, args), dtype)
    if name in _ZONE_FREE or not any(t.name == _TIMESTAMPTZ for t in (dtype, *(a.type for a in args))):
        return call
    return of_session(call)


def _function(data: dict[str, Any], resolve: Resolve) -> Expression:
    name = function_name(data)
    if name in _SORTS:
        return _sorted_list(_SORTS[name], data, resolve)
    if is_lambda(data):
        return decode_lambda(name, data, resolve, decode_expression)
    if data.get("function_data") and name not in _REDUNDANT_DATA:
        raise Unsupported(f"function {name}")
    if any(map(is_untyped, data["children"])):
        raise Unsupported(f"function {name} of NULL without a type")
    try:
        return _call(name, data["children"], decode_type(data["return_type"]), resolve)
    except Unsupported as error:
        if str(error).startswith("type "):
            raise Unsupported(f"function {name} over {error}") from None
        raise


def _sorted_list(name: str, data: dict[str, Any], resolve: Resolve) -> Expression:
    """The call with its order, which may be the session's, in words."""
    check_call(name, ())
    bound = data["function_data"]
    words = _DIRECTIONS.get(bound["order_type"]), bound["null_order"]
    if words[0] is None or data["children"][0]["expression_class"] == "BOUND_CONSTANT":
        raise Unsupported(f"function {name}")
    order = tuple(Constant(word, VARCHAR) for word in words)
    return Call(name, (decode_expression(data["children"][0], resolve), *order), decode_type(data["return_type"]))


def _cast(data: dict[str, Any], child: dict[str, Any], lenient: bool, resolve: Resolve) -> Expression:
    arg, dtype = decode_expression(child, resolve), decode_type(data["return_type"])
    check_cast(arg.type, dtype)
    cast = Cast(arg, dtype, lenient)
    return of_session(cast) if _TIMESTAMPTZ in (arg.type.name, dtype.name) and arg.type != dtype else cast


def _operator(data: dict[str, Any], resolve: Resolve) -> Expression:
    kind = data["type"]
    if kind == "COMPARE_NOT_IN":
        return Call("not", (_call("in", data["children"], BOOLEAN, resolve),), BOOLEAN)
    if kind not in _OPERATORS:
        raise Unsupported(f"operator {kind.removeprefix('OPERATOR_').replace('_', ' ').lower()}")
    return _call(_OPERATORS[kind], data["children"], decode_type(data["return_type"]), resolve)


def _between(parts: list[dict[str, Any]], ends: dict[str, Any], resolve: Resolve) -> Call:
    """Two comparisons, with a lower and an upper bound; ``ends`` says whether the bounds themselves are in."""
    value, lower, upper = (decode_expression(part, resolve) for part in parts)
    above = Call(">=" if ends["lower_inclusive"] else ">", (value, lower), BOOLEAN)
    below = Call("<=" if ends["upper_inclusive"] else "<", (value, upper), BOOLEAN)
    return Call("and", (above, below), BOOLEAN)


def _case(data: dict[str, Any], resolve: Resolve) -> Case:
    branches = tuple(
        (decode_expression(check["when_expr"], resolve), decode_expression(check["then_expr"], resolve))
        for check in data["case_checks"]
    )
    return Case(branches, decode_expression(data["else_expr"], resolve), decode_type(data["return_type"]))
