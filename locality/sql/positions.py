"""References by table and column, which DuckDB leaves below a table function of columns, as references by position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locality.errors import Unsupported

#: What an operator's output is known by: the number of the first column that each table number stands for.
_Tables = Mapping[int, int]


def positioned(data: dict[str, Any]) -> dict[str, Any]:
    """The operator and all below it with positions; raises Unsupported where a reference is to none of the columns."""
    children = [positioned(child) for child in data["children"]]
    tables = _tables(children[0]) if len(children) == 1 else {}
    own = {name: _with_positions(part, tables) for name, part in data.items() if name != "children"}
    return {**own, "children": children}


def _tables(data: dict[str, Any]) -> _Tables:
    match data["type"]:
        case "LOGICAL_PROJECTION" | "LOGICAL_CTE_REF" | "LOGICAL_GET":
            return {data["table_index"]: 0}
        case "LOGICAL_AGGREGATE_AND_GROUP_BY":
            return {data["group_index"]: 0, data["aggregate_index"]: len(data["groups"])}
        case "LOGICAL_FILTER" | "LOGICAL_LIMIT" | "LOGICAL_ORDER_BY" | "LOGICAL_DISTINCT":
            return _tables(data["children"][0])
        case _:
            return {}


def _with_positions(part: Any, tables: _Tables) -> Any:
    if isinstance(part, list):
        return [_with_positions(each, tables) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("expression_class") != "BOUND_COLUMN_REF":
        return {name: _with_positions(each, tables) for name, each in part.items()}
    binding = part["binding"]
    if part["depth"] or binding["table_index"] not in tables:
        raise Unsupported("correlated column")
    index = tables[binding["table_index"]] + binding["column_index"]
    return {**part, "expression_class": "BOUND_REF", "type": "BOUND_REF", "index": index}
