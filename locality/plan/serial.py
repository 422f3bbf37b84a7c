"""Groupings and expressions as JSON values, for a store to keep."""

from __future__ import annotations

from typing import Any

from locality.plan.expressions import AggregateCall, Call, Case, Cast, ColumnRef, Constant, Expression, PhysicalValue
from locality.plan.rollups import Grouping
from locality.types import parse

#: An expression, or a part of one: lists that begin with what they are.
Json = Any


def grouping_to_json(grouping: Grouping) -> dict[str, Json]:
    """A dict of JSON values that :func:`grouping_from_json` reads."""
    return {
        "terms": [expression_to_json(term) for term in grouping.terms],
        "groups": [expression_to_json(group) for group in grouping.groups],
        "aggregates": [_call_to_json(call) for call in grouping.aggregates],
    }


def grouping_from_json(json: dict[str, Json], table: str) -> Grouping:
    """The inverse of :func:`grouping_to_json`, of the rows of ``table``."""
    return Grouping(
        table,
        tuple(map(expression_from_json, json["terms"])),
        tuple(map(expression_from_json, json["groups"])),
        tuple(map(_call_from_json, json["aggregates"])),
    )


def expression_to_json(expression: Expression) -> Json:
    """A list that :func:`expression_from_json` reads; raises TypeError for what only operators make."""
    match expression:
        case ColumnRef(index, dtype):
            return ["column", index, str(dtype)]
        case Constant(value, dtype):
            return ["constant", _value_to_json(value), str(dtype)]
        case Call(name, args, dtype):
            return ["call", name, [expression_to_json(arg) for arg in args], str(dtype)]
        case Cast(arg, dtype, lenient):
            return ["cast", expression_to_json(arg), str(dtype), lenient]
        case Case(branches, otherwise, dtype):
            pairs = [[expression_to_json(condition), expression_to_json(value)] for condition, value in branches]
            return ["case", pairs, expression_to_json(otherwise), str(dtype)]
        case _:
            raise TypeError(f"{type(expression).__name__} is no part of a plan that is kept")


def expression_from_json(json: Json) -> Expression:
    """The inverse of :func:`expression_to_json`."""
    match json:
        case ["column", index, dtype]:
            return ColumnRef(index, parse(dtype))
        case ["constant", value, dtype]:
            return Constant(_value_from_json(value), parse(dtype))
        case ["call", name, args, dtype]:
            return Call(name, tuple(map(expression_from_json, args)), parse(dtype))
        case ["cast", arg, dtype, lenient]:
            return Cast(expression_from_json(arg), parse(dtype), lenient)
        case ["case", pairs, otherwise, dtype]:
            branches = tuple((expression_from_json(c), expression_from_json(v)) for c, v in pairs)
            return Case(branches, expression_from_json(otherwise), parse(dtype))
        case _:
            raise ValueError(f"no expression: {json!r}")


def _call_to_json(call: AggregateCall) -> Json:
    """A plain aggregate, without DISTINCT, FILTER and ORDER BY."""
    return [call.name, [expression_to_json(arg) for arg in call.args], str(call.type)]


def _call_from_json(json: Json) -> AggregateCall:
    name, args, dtype = json
    return AggregateCall(name, tuple(map(expression_from_json, args)), parse(dtype))


def _value_to_json(value: PhysicalValue) -> Json:
    match value:
        case float():
            return {"float": value.hex()}
        case bytes():
            return {"bytes": value.hex()}
        case tuple():
            return {"interval": list(value)}
        case _:
            return value


def _value_from_json(json: Json) -> PhysicalValue:
    match json:
        case {"float": str(text)}:
            return float.fromhex(text)
        case {"bytes": str(text)}:
            return bytes.fromhex(text)
        case {"interval": [months, days, micros]}:
            return months, days, micros
        case None | bool() | int() | str():
            return json
        case _:
            raise ValueError(f"no constant: {json!r}")
