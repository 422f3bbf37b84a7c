"""Functions of lists that call a lambda for each element: ``list_transform``, ``list_filter`` and ``list_reduce``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from locality.errors import Unsupported
from locality.plan.expressions import Call, ColumnRef, Expression, Lambda
from locality.plan.zones import depends_on_zone
from locality.sql.json_values import decode_type
from locality.types import BIGINT, DataType, element_of

_REDUCE = frozenset({"list_reduce", "array_reduce", "reduce"})

_Resolve = Callable[[int], Expression]


def is_lambda(data: dict[str, Any]) -> bool:
    """Whether a bound function is one that calls a lambda."""
    return "lambda_expr" in (data.get("function_data") or {})


def decode_lambda(
    name: str, data: dict[str, Any], resolve: _Resolve, decode: Callable[[dict[str, Any], _Resolve], Expression]
) -> Expression:
    """The call: the list, the lambda, the first value if one is given, then what the lambda reads of the row."""
    listed, function, *others = data["children"]
    if function["expression_class"] != "BOUND_LAMBDA":  # as DuckDB 1.5 has it
        raise Unsupported("lambda")
    dtype, count = decode_type(data["return_type"]), function["parameter_count"]
    elements = decode(listed, resolve)
    args = [decode(part, resolve) for part in others]
    captured = args[1:] if data["function_data"]["has_initial"] else args
    types = _parameters(name, elements.type, dtype)

    def inside(index: int) -> Expression:
        """DuckDB counts the parameters from the last one on, then what is captured."""
        if index < count:
            return ColumnRef(count - 1 - index, types[count - 1 - index])
        return ColumnRef(index, captured[index - count].type)

    body = decode(function["lambda_expr"], inside)
    if depends_on_zone(body):
        raise Unsupported("the session's time zone in a lambda")
    return Call(name, (elements, Lambda(count, len(args) - len(captured), body, body.type), *args), dtype)


def _parameters(name: str, listed: DataType, result: DataType) -> tuple[DataType, ...]:
    """The types of all that a lambda may be given: what it made so far, an element, and the element's place."""
    element = element_of(listed)
    if element is None:
        raise Unsupported(f"lambda over {listed}")
    return (result, element, BIGINT) if name in _REDUCE else (element, BIGINT)
