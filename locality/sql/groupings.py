"""Aggregations of DuckDB's plans -> plan.nodes.Aggregate; grouping sets are as many aggregations of one input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from locality.errors import Unsupported
from locality.plan.expressions import AggregateCall, ColumnRef, Constant, Expression
from locality.plan.nodes import Aggregate, Node, Project, Shared, SharedScan, Union
from locality.sql.json_values import decode_constant, decode_type
from locality.sql.leaves import ONE_ROW
from locality.sql.outputs import Output, all_of, decode_all, decode_orders
from locality.sql.scalars import Resolve, decode_expression, function_name
from locality.sql.sortkeys import by_sort_key
from locality.sql.tuples import as_struct
from locality.sql.versions.meaning import check_call
from locality.types import BIGINT, VARCHAR


def decode_aggregate(data: dict[str, Any], child: Output, numbers: Iterator[int]) -> Output:
    """The groups, the aggregates, then the calls of ``grouping``; ``numbers`` are for shared results."""
    groups = decode_all(data["groups"], child.resolve)
    check_call("group by", groups)
    calls = tuple(_aggregate_call(part, child.resolve) for part in data["expressions"])
    functions = [tuple(function) for function in data["grouping_functions"]]
    everything = tuple(range(len(groups)))
    sets = [tuple(sorted(each)) for each in data["grouping_sets"]] or [everything]
    if sets == [everything] and not functions:
        if not groups and not calls:
            raise Unsupported("aggregation without groups or aggregates")
        return all_of(Aggregate(child.node, groups, calls))
    if len(sets) == 1:
        return all_of(_one_set(child.node, groups, calls, functions, sets[0]))
    number = next(numbers)
    reader = SharedScan(number, child.node.types)
    parts = tuple(_one_set(reader, groups, calls, functions, each) for each in sets)
    return all_of(Shared(child.node, Union(parts), number))


def _one_set(
    child: Node,
    groups: Sequence[Expression],
    calls: tuple[AggregateCall, ...],
    functions: Sequence[Sequence[int]],
    members: Sequence[int],
) -> Node:
    """The groups by some of the expressions, of which the others are NULL."""
    keys = tuple(groups[i] for i in members)
    rows: Node = Aggregate(child, keys, calls) if keys or calls else ONE_ROW
    columns: list[Expression] = [
        ColumnRef(members.index(i), group.type) if i in members else Constant(None, group.type)
        for i, group in enumerate(groups)
    ]
    columns += (ColumnRef(len(keys) + i, call.type) for i, call in enumerate(calls))
    columns += (Constant(_grouping(function, members), BIGINT) for function in functions)
    return Project(rows, tuple(columns))


def _grouping(function: Sequence[int], members: Sequence[int]) -> int:
    """A bit for each argument, the first one highest: whether it is missing from the set."""
    return sum((i not in members) << place for place, i in enumerate(reversed(function)))


#: Aggregates by the names that operators know them by.
SYNONYMS = {
    "arbitrary": "first",
    **dict.fromkeys(("max_by", "argmax"), "arg_max"),
    **dict.fromkeys(("min_by", "argmin"), "arg_min"),
    "countif": "count_if",
    "mean": "avg",
    "stddev": "stddev_samp",
    "variance": "var_samp",
    "array_agg": "list",
    "group_concat": "string_agg",
    "listagg": "string_agg",
}


#: Arguments of which only the order, or which are equal, matters: rows may be structs there.
_COMPARED = frozenset({("count", 0), ("approx_count_distinct", 0), ("arg_min", 1), ("arg_max", 1)})


def _aggregate_call(data: dict[str, Any], resolve: Resolve) -> AggregateCall:
    name = SYNONYMS.get(function_name(data), function_name(data))
    parameters = bound_parameters(name, data.get("function_data") or {})
    if parameters is None or data.get("state_export", "NONE") != "NONE":
        raise Unsupported(f"aggregate {name}")
    try:
        children = data["children"][:1] if parameters else data["children"]
        children = [as_struct(child) if (name, i) in _COMPARED else child for i, child in enumerate(children)]
        args = (*decode_all(children, resolve), *parameters)
        dtype = decode_type(data["return_type"])
    except Unsupported as error:
        raise Unsupported(f"aggregate {name} over {error}") from None
    is_distinct = data["aggregate_type"] == "DISTINCT"
    for called in (name, "distinct") if is_distinct else (name,):
        check_call(called, args)
    where = None if data["filter"] is None else decode_expression(data["filter"], resolve)
    orders = data["order_bys"]["orders"] if data["order_bys"] else []
    keys = decode_orders(orders, resolve)
    return by_sort_key(AggregateCall(name, args, dtype, is_distinct, where, keys))


def bound_parameters(name: str, bound: dict[str, Any]) -> tuple[Constant, ...] | None:
    """What an aggregate keeps beside its first argument, fractions or a separator; None if that is not known."""
    match bound:
        case {"quantiles": [*fractions], "desc": False} if name in ("median", "quantile_cont", "quantile_disc"):
            return tuple(decode_constant(fraction) for fraction in fractions)
        case {"separator": str(separator)} if name == "string_agg":
            return (Constant(separator, VARCHAR),)
        case _:
            return None if bound else ()
