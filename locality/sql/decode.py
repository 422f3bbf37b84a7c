"""DuckDB's serialised logical plans -> plan.nodes: one function an operator.

The plans come from the shadow database, whose columns are resolved by position (``BOUND_REF``). What has no counterpart
in plan.nodes raises Unsupported with a reason that names the construct.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from locality.errors import Unsupported
from locality.plan.expressions import AggregateCall, ColumnRef, Expression, SortKey, conjuncts
from locality.plan.nodes import Aggregate, Filter, Limit, Node, Project, Scan, Sort
from locality.sql.filters import decode_filter
from locality.sql.json_values import decode_type
from locality.sql.scalars import Resolve, conjunction, decode_expression, function_name
from locality.types import DataType


@dataclass(frozen=True)
class _Output:
    """A decoded operator: ``layout[i]`` is the position in ``node`` of the column that DuckDB's operator puts i-th.

    None marks a column that has no counterpart (a row number); only a reference to it is refused.
    """

    node: Node
    layout: tuple[int | None, ...]

    def resolve(self, index: int) -> ColumnRef:
        position = self.layout[index]
        if position is None:
            raise Unsupported("row number pseudo-column (rowid)")
        return ColumnRef(position, self.node.types[position])

    def pick(self, positions: Sequence[int]) -> _Output:
        """Only the columns at ``positions``; none given means all."""
        return _Output(self.node, tuple(self.layout[p] for p in positions)) if positions else self


def _all_of(node: Node) -> _Output:
    return _Output(node, tuple(range(len(node.types))))


def decode_plan(data: dict[str, Any]) -> Node:
    """The plan whose output columns are exactly those of the DuckDB operator ``data``."""
    output = _decode(data)
    if output.layout == tuple(range(len(output.node.types))):
        return output.node
    return Project(output.node, tuple(output.resolve(i) for i in range(len(output.layout))))


def _decode(data: dict[str, Any]) -> _Output:
    match data["type"]:
        case "LOGICAL_GET":
            return _get(data)
        case "LOGICAL_FILTER":
            return _filter(data)
        case "LOGICAL_PROJECTION":
            child = _child(data)
            return _all_of(Project(child.node, _expressions(data["expressions"], child.resolve)))
        case "LOGICAL_AGGREGATE_AND_GROUP_BY":
            return _aggregate(data)
        case "LOGICAL_DISTINCT":
            return _distinct(data)
        case "LOGICAL_ORDER_BY":
            child = _child(data)
            ordered = _Output(Sort(child.node, _keys(data["orders"], child.resolve)), child.layout)
            return ordered.pick(data.get("projections") or data.get("projection_map") or ())
        case "LOGICAL_LIMIT":
            child = _child(data)
            limit, offset = _bound(data["limit_val"], "LIMIT"), _bound(data["offset_val"], "OFFSET")
            return _Output(Limit(child.node, limit, offset or 0), child.layout)
        case "LOGICAL_TOP_N":
            child = _child(data)
            order = Sort(child.node, _keys(data["orders"], child.resolve))
            return _Output(Limit(order, data["limit"], data["offset"]), child.layout)
        case other:
            raise Unsupported(_reason(other, data))


def _child(data: dict[str, Any]) -> _Output:
    (child,) = data["children"]
    return _decode(child)


def _expressions(parts: list[dict[str, Any]], resolve: Resolve) -> tuple[Expression, ...]:
    return tuple(decode_expression(part, resolve) for part in parts)


def _get(data: dict[str, Any]) -> _Output:
    table = _table_name(data)
    indices = [column["index"] for column in data["column_indexes"]]
    if any(column["child_indexes"] for column in data["column_indexes"]):
        raise Unsupported("field of a nested column")
    count = len(data["returned_types"])
    stored = [i for i in indices if i < count]
    positions = {index: position for position, index in enumerate(stored)}
    layout = tuple(positions.get(i) for i in indices)
    types = tuple(_column_type(data, i) for i in stored)
    scan = _Output(Scan(table, tuple(stored), types), layout)
    predicates = _pushed(data["table_filters"], scan)
    return _Output(_filtered(scan.node, predicates), layout).pick(data["projection_ids"])


#: The shadow holds nested columns whose type it can't say as a STRUCT, so their type is not named.
_NESTED = frozenset({"LIST", "STRUCT", "MAP", "ARRAY", "UNION", "VARIANT"})


def _table_name(data: dict[str, Any]) -> str:
    function = function_name(data)
    if function != "seq_scan" or (data["function_data"] or {}).get("schema") != "main":
        raise Unsupported(f"table function {function}")
    extra = data.get("extra_info") or {}
    if extra.get("sample_options") is not None:
        raise Unsupported("table sample")
    if data.get("at_clause") is not None:
        raise Unsupported("AT clause")
    if data.get("source_ordinality", "WITHOUT_ORDINALITY") != "WITHOUT_ORDINALITY":
        raise Unsupported("WITH ORDINALITY")
    return str(data["function_data"]["table"])


def _column_type(data: dict[str, Any], index: int) -> DataType:
    if data["returned_types"][index]["id"] in _NESTED:
        raise Unsupported(f"nested column {data['names'][index]}")
    try:
        return decode_type(data["returned_types"][index])
    except Unsupported as error:
        raise Unsupported(f"column {data['names'][index]} of {error}") from None


def _pushed(filters: dict[str, Any], scan: _Output) -> list[Expression]:
    """The filters in the scan. A key is a position in the scan's columns, as DuckDB 2 writes it."""
    single = [decode_filter(entry["value"], scan.resolve(entry["key"])) for entry in filters["filters"]]
    for entry in filters.get("multi_column_filters") or ():
        columns = [scan.resolve(position) for position in entry["column_indexes"]]
        single.append(decode_expression(entry["expr"], columns.__getitem__))
    return [predicate for predicate in single if predicate is not None]


def _filter(data: dict[str, Any]) -> _Output:
    child = _child(data)
    node = _filtered(child.node, _expressions(data["expressions"], child.resolve))
    return _Output(node, child.layout).pick(data["projection_map"])


def _filtered(node: Node, predicates: Sequence[Expression]) -> Node:
    """One Filter for all conditions on ``node``: DuckDB pushes some into the scan and repeats them above it."""
    earlier = conjuncts(node.predicate) if isinstance(node, Filter) else ()
    terms = dict.fromkeys((*earlier, *(term for predicate in predicates for term in conjuncts(predicate))))
    if not terms:
        return node
    return Filter(node.child if isinstance(node, Filter) else node, conjunction(list(terms)))


def _aggregate(data: dict[str, Any]) -> _Output:
    child = _child(data)
    sets = data["grouping_sets"]
    if data["grouping_functions"]:
        raise Unsupported("function grouping")
    if len(sets) > 1 or (sets and sorted(sets[0]) != list(range(len(data["groups"])))):
        raise Unsupported("grouping sets")
    groups = _expressions(data["groups"], child.resolve)
    aggregates = tuple(_aggregate_call(part, child.resolve) for part in data["expressions"])
    if not groups and not aggregates:
        raise Unsupported("aggregation without groups or aggregates")
    return _all_of(Aggregate(child.node, groups, aggregates))


def _aggregate_call(data: dict[str, Any], resolve: Resolve) -> AggregateCall:
    name = function_name(data)
    if data["order_bys"] is not None and data["order_bys"]["orders"]:
        raise Unsupported(f"ordered aggregate {name}")
    if data.get("function_data") or data.get("state_export", "NONE") != "NONE":
        raise Unsupported(f"aggregate {name}")
    try:
        args = _expressions(data["children"], resolve)
        dtype = decode_type(data["return_type"])
    except Unsupported as error:
        raise Unsupported(f"aggregate {name} over {error}") from None
    where = None if data["filter"] is None else decode_expression(data["filter"], resolve)
    return AggregateCall(name, args, dtype, data["aggregate_type"] == "DISTINCT", where)


def _distinct(data: dict[str, Any]) -> _Output:
    child = _child(data)
    if data["distinct_type"] != "DISTINCT":
        raise Unsupported("DISTINCT ON")
    columns = tuple(child.resolve(i) for i in range(len(child.layout)))
    targets = _expressions(data["distinct_targets"], child.resolve)
    if set(targets) != set(columns):
        raise Unsupported("DISTINCT over some of the columns")
    return _all_of(Aggregate(child.node, columns, ()))


def _keys(orders: list[dict[str, Any]], resolve: Resolve) -> tuple[SortKey, ...]:
    return tuple(
        SortKey(
            decode_expression(order["expression"], resolve),
            order["type"] == "DESCENDING",
            order["null_order"].replace("_", " ") == "NULLS FIRST",
        )
        for order in orders
    )


#: What ``LIMIT NULL`` is bound to.
_UNLIMITED = 2**63 - 1


def _bound(value: dict[str, Any], clause: str) -> int | None:
    match value:
        case {"type": "UNSET"}:
            return None
        case {"type": "CONSTANT_VALUE", "constant_integer": int(count)}:
            return None if count == _UNLIMITED else count
        case {"type": "CONSTANT_PERCENTAGE"}:
            raise Unsupported(f"{clause} by percentage")
        case _:
            raise Unsupported(f"{clause} by an expression")


_REASONS = {
    "LOGICAL_CROSS_PRODUCT": "cross product",
    "LOGICAL_ASOF_JOIN": "asof join",
    "LOGICAL_POSITIONAL_JOIN": "positional join",
    "LOGICAL_UNION": "UNION",
    "LOGICAL_EXCEPT": "EXCEPT",
    "LOGICAL_INTERSECT": "INTERSECT",
    "LOGICAL_MATERIALIZED_CTE": "materialized common table expression",
    "LOGICAL_RECURSIVE_CTE": "recursive common table expression",
    "LOGICAL_CTE_REF": "common table expression",
    "LOGICAL_UNNEST": "unnest",
    "LOGICAL_SAMPLE": "table sample",
    "LOGICAL_PIVOT": "pivot",
    "LOGICAL_DUMMY_SCAN": "SELECT without a stored table",
    "LOGICAL_EXPRESSION_GET": "VALUES list",
    "LOGICAL_CHUNK_GET": "list of values",
    "LOGICAL_COLUMN_DATA_GET": "list of values",
    "LOGICAL_EMPTY_RESULT": "condition that is never true",
}
_JOINS = frozenset({"LOGICAL_COMPARISON_JOIN", "LOGICAL_ANY_JOIN", "LOGICAL_DELIM_JOIN", "LOGICAL_DEPENDENT_JOIN"})


def _reason(kind: str, data: dict[str, Any]) -> str:
    if kind in _JOINS:
        return f"{str(data.get('join_type', '')).lower().replace('_', ' ')} join".strip()
    if kind == "LOGICAL_WINDOW":
        return f"window function {', '.join(sorted({_window_name(window) for window in data['expressions']}))}"
    if kind == "LOGICAL_MATERIALIZED_CTE" and str(data.get("ctename", "")).startswith("__duckdb_delim"):
        return "correlated subquery"
    return _REASONS.get(kind, f"operator {kind.removeprefix('LOGICAL_').replace('_', ' ').lower()}")


def _window_name(window: dict[str, Any]) -> str:
    kind = str(window["type"]).removeprefix("WINDOW_").lower()
    return function_name(window) if kind == "aggregate" else kind
