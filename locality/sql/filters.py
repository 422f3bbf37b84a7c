"""Filters that DuckDB pushed into a table scan -> predicates over the scanned column."""

from __future__ import annotations

from typing import Any

from locality.errors import Unsupported
from locality.nested import field_type
from locality.plan.expressions import Call, Constant, Expression, conjunction, joined
from locality.sql.scalars import COMPARISONS, decode_expression, decode_value
from locality.types import BOOLEAN, VARCHAR, parse


def decode_filter(data: dict[str, Any], column: Expression) -> Expression | None:
    """The predicate over ``column``, or None for a filter that is only a hint (the plan checks it again above)."""
    match data["filter_type"].removeprefix("LEGACY_"):
        case "OPTIONAL_FILTER":
            return None
        case "CONSTANT_COMPARISON":
            return Call(COMPARISONS[data["comparison_type"]], (column, decode_value(data["constant"])), BOOLEAN)
        case "IS_NULL":
            return Call("is null", (column,), BOOLEAN)
        case "IS_NOT_NULL":
            return Call("is not null", (column,), BOOLEAN)
        case "IN_FILTER":
            return Call("in", (column, *(decode_value(value) for value in data["values"])), BOOLEAN)
        case "CONJUNCTION_AND":
            terms = [decode_filter(child, column) for child in data["child_filters"]]
            kept = [term for term in terms if term is not None]
            return conjunction(kept) if kept else None
        case "CONJUNCTION_OR":
            alternatives = [decode_filter(child, column) for child in data["child_filters"]]
            if any(term is None for term in alternatives):
                raise Unsupported("optional filter inside OR")
            return joined("or", [term for term in alternatives if term is not None])
        case "STRUCT_EXTRACT":
            dtype = parse(field_type(str(column.type), data["child_idx"]))
            field = Call("struct_extract", (column, Constant(data["child_name"], VARCHAR)), dtype)
            return decode_filter(data["child_filter"], field)
        case "EXPRESSION_FILTER":
            return decode_expression(data["expr"], lambda index: _only(index, column))
        case other:
            raise Unsupported(f"pushed filter {other}")


def _only(index: int, column: Expression) -> Expression:
    if index != 0:
        raise Unsupported("pushed filter over several columns")
    return column
