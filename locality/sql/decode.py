"""DuckDB's serialised logical plans -> plan.nodes: one function an operator.

The plans come from the shadow database, whose columns are resolved by position (``BOUND_REF``). What has no counterpart
in plan.nodes raises Unsupported with a reason that names the construct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from locality.errors import Unsupported
from locality.plan.nodes import (
    Aggregate,
    ComputedLimit,
    Limit,
    Node,
    Recursive,
    RecursiveScan,
    Scan,
    SetOperation,
    Shared,
    SharedScan,
    Sort,
    Union,
    walk_nodes,
)
from locality.sql.groupings import decode_aggregate
from locality.sql.joins import (
    decode_any_join,
    decode_asof_join,
    decode_comparison_join,
    decode_cross_product,
    decode_positional_join,
)
from locality.sql.leaves import NO_COLUMNS, decode_collection, decode_empty, decode_scan, decode_values
from locality.sql.lists import decode_series, decode_series_of_columns, decode_unnest
from locality.sql.outputs import Output, all_of, decode_all, decode_orders, filtered
from locality.sql.positions import positioned
from locality.sql.scalars import decode_expression, function_name
from locality.sql.subqueries import decode_projection
from locality.sql.versions.meaning import check_call
from locality.sql.windows import decode_window, first_rows


@dataclass(frozen=True)
class _Scope:
    """The shared results (materialised common table expressions) that an operator may read, by DuckDB's index.

    definitions: theirs, by our numbers, each after those that it reads. recurs: whether this is a part of a recursion.
    """

    results: Mapping[int, Output] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    definitions: Mapping[int, Node] = field(default_factory=dict)
    recurs: bool = False


def decode_plan(data: dict[str, Any]) -> Node:
    """The plan whose output columns are exactly those of the DuckDB operator ``data``."""
    return _decode(data, _Scope()).exact()


def _decode(data: dict[str, Any], scope: _Scope) -> Output:
    match data["type"]:
        case "LOGICAL_MATERIALIZED_CTE":
            return _shared(data, scope)
        case "LOGICAL_CTE_REF":
            return _shared_scan(data, scope)
        case "LOGICAL_RECURSIVE_CTE":
            return _recursive(data, scope)
        case "LOGICAL_AGGREGATE_AND_GROUP_BY":
            return decode_aggregate(data, _decode(data["children"][0], scope), scope.numbers)
        case "LOGICAL_GET" if data["children"]:
            return _get(data, *(_decode(positioned(child), scope) for child in data["children"]))
        case kind if kind in _OPERATORS:
            return _OPERATORS[kind](data, *(_decode(child, scope) for child in data["children"]))
        case other:
            raise Unsupported(_reason(other, data))


def _shared(data: dict[str, Any], scope: _Scope) -> Output:
    definition_data, child_data = data["children"]
    definition = _decode(definition_data, scope)
    number = next(scope.numbers)
    reader = Output(SharedScan(number, definition.node.types), definition.layout)
    results = {**scope.results, data["table_index"]: reader}
    definitions = {**scope.definitions, number: definition.node}
    child = _decode(child_data, replace(scope, results=results, definitions=definitions))
    return Output(Shared(definition.node, child.node, number), child.layout)


def _recursive(data: dict[str, Any], scope: _Scope) -> Output:
    if scope.recurs or data["key_targets"] or data["ref_recurring"] or data["payload_aggregates"]:
        raise Unsupported("recursive common table expression within another, or by keys")
    initial_data, step_data = data["children"]
    scope = replace(scope, recurs=True)
    initial = _decode(initial_data, scope).exact()
    number = next(scope.numbers)
    last = all_of(RecursiveScan(number, initial.types))
    results = {**scope.results, data["table_index"]: last}
    step = _decode(step_data, replace(scope, results=results)).exact()
    _check_alike((initial, step), "recursive UNION")
    step = _by_itself(step, scope)
    if not any(isinstance(node, Scan) for node in walk_nodes(step)):
        raise Unsupported("recursive common table expression that reads no table")
    return all_of(Recursive(_by_itself(initial, scope), step, number, distinct=not data["union_all"]))


def _by_itself(node: Node, scope: _Scope) -> Node:
    """The plan with the shared results around it that it reads as ones of its own."""
    for number, definition in reversed(list(scope.definitions.items())):
        if any(isinstance(each, SharedScan) and each.number == number for each in walk_nodes(node)):
            node = Shared(definition, node, number)
    return node


def _shared_scan(data: dict[str, Any], scope: _Scope) -> Output:
    if data["is_recurring"] or data["cte_index"] not in scope.results:
        raise Unsupported("recursive common table expression that reads all its rows")
    return scope.results[data["cte_index"]]


def _filter(data: dict[str, Any], child: Output) -> Output:
    node = filtered(child.node, decode_all(data["expressions"], child.resolve))
    return Output(node, child.layout).pick(data["projection_map"])


def _distinct(data: dict[str, Any], child: Output) -> Output:
    targets = decode_all(data["distinct_targets"], child.resolve)
    check_call("distinct", targets)
    if data["distinct_type"] != "DISTINCT":
        orders = (data["order_by"] or {}).get("orders") or ()
        return Output(first_rows(child.node, targets, decode_orders(orders, child.resolve)), child.layout)
    columns = tuple(child.resolve(i) for i in range(len(child.layout)))
    if set(targets) != set(columns):  # what is equal need not be the same: 1 month and 30 days
        return Output(first_rows(child.node, targets, ()), child.layout)
    match child.node:
        case SetOperation(all=False):
            return child
        case _:
            return all_of(Aggregate(child.node, columns, ()))


def _order(data: dict[str, Any], child: Output) -> Output:
    ordered = Output(Sort(child.node, decode_orders(data["orders"], child.resolve)), child.layout)
    return ordered.pick(data.get("projections") or data.get("projection_map") or ())


def _limit(data: dict[str, Any], child: Output) -> Output:
    offset = _bound(data["offset_val"], "OFFSET")
    match data["limit_val"]:
        case {"type": "CONSTANT_PERCENTAGE", "constant_percentage": float(share)} if 0 <= share <= 100:
            return Output(ComputedLimit(child.node, None, share, offset or 0), child.layout)
        case {"type": "EXPRESSION_VALUE", "expression": expression}:
            computed = decode_expression(expression, child.resolve)
            if computed.type.is_integral:
                return Output(ComputedLimit(child.node, computed, None, offset or 0), child.layout)
    limit = _bound(data["limit_val"], "LIMIT")
    return Output(Limit(child.node, limit, offset or 0), child.layout)


def _top(data: dict[str, Any], child: Output) -> Output:
    order = Sort(child.node, decode_orders(data["orders"], child.resolve))
    return Output(Limit(order, data["limit"], data["offset"]), child.layout)


#: What ``LIMIT NULL`` is bound to.
_UNLIMITED = 2**63 - 1


def _bound(value: dict[str, Any], clause: str) -> int | None:
    match value:
        case {"type": "UNSET"}:
            return None
        case {"type": "CONSTANT_VALUE", "constant_integer": int(number)}:
            return None if number == _UNLIMITED else number
        case {"type": "CONSTANT_PERCENTAGE"}:
            raise Unsupported(f"{clause} by percentage")
        case _:
            raise Unsupported(f"{clause} by an expression")


def _union(data: dict[str, Any], *children: Output) -> Output:
    inputs = tuple(child.exact() for child in children)
    _check_alike(inputs, "UNION")
    union = all_of(Union(inputs))
    if data["setop_all"]:
        return union
    return all_of(Aggregate(union.node, tuple(union.resolve(i) for i in range(len(union.layout))), ()))


def _except(data: dict[str, Any], left: Output, right: Output) -> Output:
    sides = left.exact(), right.exact()
    _check_alike(sides, "EXCEPT")
    return all_of(SetOperation(*sides, "except", data["setop_all"]))


def _intersect(data: dict[str, Any], left: Output, right: Output) -> Output:
    sides = left.exact(), right.exact()
    _check_alike(sides, "INTERSECT")
    return all_of(SetOperation(*sides, "intersect", data["setop_all"]))


def _check_alike(inputs: tuple[Node, ...], operation: str) -> None:
    if any(node.types != inputs[0].types for node in inputs):
        raise Unsupported(f"{operation} of different types")


def _get(data: dict[str, Any], *children: Output) -> Output:
    if function_name(data) not in _SERIES:
        return decode_scan(data)
    return decode_series_of_columns(data, *children) if children else decode_series(data)


_SERIES = frozenset({"unnest", "range", "generate_series"})
_OPERATORS: Mapping[str, Callable[..., Output]] = {
    "LOGICAL_GET": _get,
    "LOGICAL_UNNEST": decode_unnest,
    "LOGICAL_DUMMY_SCAN": lambda data: NO_COLUMNS,
    "LOGICAL_EXPRESSION_GET": decode_values,
    "LOGICAL_CHUNK_GET": decode_collection,
    "LOGICAL_COLUMN_DATA_GET": decode_collection,
    "LOGICAL_EMPTY_RESULT": decode_empty,
    "LOGICAL_FILTER": _filter,
    "LOGICAL_PROJECTION": decode_projection,
    "LOGICAL_DISTINCT": _distinct,
    "LOGICAL_ORDER_BY": _order,
    "LOGICAL_LIMIT": _limit,
    "LOGICAL_TOP_N": _top,
    "LOGICAL_COMPARISON_JOIN": decode_comparison_join,
    "LOGICAL_ANY_JOIN": decode_any_join,
    "LOGICAL_ASOF_JOIN": decode_asof_join,
    "LOGICAL_POSITIONAL_JOIN": decode_positional_join,
    "LOGICAL_CROSS_PRODUCT": decode_cross_product,
    "LOGICAL_UNION": _union,
    "LOGICAL_EXCEPT": _except,
    "LOGICAL_INTERSECT": _intersect,
    "LOGICAL_WINDOW": decode_window,
}
_REASONS = {
    "LOGICAL_DELIM_JOIN": "correlated subquery",
    "LOGICAL_DEPENDENT_JOIN": "correlated subquery",
    "LOGICAL_SAMPLE": "table sample",
    "LOGICAL_PIVOT": "pivot",
}


def _reason(kind: str, data: dict[str, Any]) -> str:
    return _REASONS.get(kind, f"operator {kind.removeprefix('LOGICAL_').replace('_', ' ').lower()}")
