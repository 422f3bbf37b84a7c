"""Window functions of DuckDB's plans -> plan.windows.WindowCall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from locality.errors import Unsupported
from locality.plan.expressions import Call, ColumnRef, Constant, Expression, SortKey, conjunction
from locality.plan.nodes import Filter, Node, Window
from locality.plan.windows import Bound, BoundKind, Frame, WindowCall
from locality.sql.groupings import SYNONYMS, bound_parameters
from locality.sql.json_values import decode_type
from locality.sql.outputs import Output, decode_all, decode_orders
from locality.sql.scalars import Resolve, decode_expression, function_name
from locality.sql.versions.meaning import check_call
from locality.types import BIGINT, BOOLEAN

_BOUNDS: dict[str, BoundKind] = {
    "UNBOUNDED_PRECEDING": "unbounded preceding",
    "EXPR_PRECEDING": "preceding",
    "CURRENT_ROW": "current row",
    "EXPR_FOLLOWING": "following",
    "UNBOUNDED_FOLLOWING": "unbounded following",
}
_UNITS: dict[str, Literal["rows", "range", "groups"]] = {"ROWS": "rows", "RANGE": "range", "GROUPS": "groups"}
_EXCLUSIONS: dict[str, Literal["no others", "current row", "group", "ties"]] = {
    "NO_OTHER": "no others",
    "CURRENT_ROW": "current row",
    "GROUP": "group",
    "TIES": "ties",
}
#: Functions that DuckDB's serialised plans call otherwise than SQL does.
_NAMES = {"rank_dense": "dense_rank"}


_NUMBERING = Frame("rows", Bound("unbounded preceding"), Bound("current row"))


def decode_window(data: dict[str, Any], child: Output) -> Output:
    """The child's columns, then one column a call; calls that a query repeats (for QUALIFY, say) are made once.

    A call with DISTINCT sees the first row of each value alone, which is as good as long as its frames begin where its
    partitions do: such rows are found by a window below.
    """
    calls = [_call(part, child.resolve) for part in data["expressions"]]
    numbers = {_number(call): None for call in calls if _is_told_apart(call)}
    node = Window(child.node, tuple(numbers)) if numbers else child.node
    column = {number: len(child.node.types) + i for i, number in enumerate(numbers)}
    calls = [_of_first_rows(call, column[_number(call)]) if _is_told_apart(call) else call for call in calls]
    width, places = len(node.types), {call: i for i, call in enumerate(dict.fromkeys(calls))}
    return Output(Window(node, tuple(places)), (*child.layout, *(width + places[call] for call in calls)))


def first_rows(node: Node, groups: Sequence[Expression], keys: Sequence[SortKey]) -> Node:
    """The first row of each group in the order of ``keys``, among equals the earlier one: SQL's DISTINCT ON."""
    numbered = Window(node, (row_number(groups, keys),))
    return Filter(numbered, _is_first(len(node.types)))


def row_number(partitions: Sequence[Expression], keys: Sequence[SortKey]) -> WindowCall:
    """The number of a row in its partition, from 1; of equals, the earlier row has the lower one."""
    return WindowCall("row_number", (), BIGINT, tuple(partitions), tuple(keys), _NUMBERING)


def _is_first(column: int) -> Expression:
    return Call("=", (ColumnRef(column, BIGINT), Constant(1, BIGINT)), BOOLEAN)


def _is_told_apart(call: WindowCall) -> bool:
    from_start = call.frame.start.kind == "unbounded preceding" and call.exclude == "no others"
    return call.distinct and from_start and bool(call.args)


def _number(call: WindowCall) -> WindowCall:
    """The number of a row among those of its partition that have its values and pass the call's filter as it does."""
    tested = () if call.filter is None else (call.filter,)
    return row_number((*call.partitions, *call.args, *tested), call.keys)


def _of_first_rows(call: WindowCall, number: int) -> WindowCall:
    terms = [_is_first(number)] if call.filter is None else [call.filter, _is_first(number)]
    return replace(call, distinct=False, filter=conjunction(terms))


def _call(data: dict[str, Any], resolve: Resolve) -> WindowCall:
    kind = str(data["type"]).removeprefix("WINDOW_").lower()
    is_aggregate = kind == "aggregate"
    name = function_name(data) if is_aggregate else _NAMES.get(kind, kind)
    name = SYNONYMS.get(name, name) if is_aggregate else name
    if data["arg_orders"]:
        raise Unsupported(f"ordered window function {name}")
    parameters = bound_parameters(name, data.get("function_data") or {})
    if parameters is None:
        raise Unsupported(f"window function {name}")
    try:
        children = data["children"][:1] if parameters else data["children"]
        args = (*decode_all(children, resolve), *parameters)
        dtype = decode_type(data["return_type"])
    except Unsupported as error:
        raise Unsupported(f"window function {name} over {error}") from None
    partitions = decode_all(data["partitions"], resolve)
    for called in (name, "distinct") if data["distinct"] else (name,):
        check_call(called, args)
    check_call("partition by", partitions)
    extra = (data["offset_expr"], data["default_expr"])
    return WindowCall(
        name,
        (*args, *decode_all([part for part in extra if part is not None], resolve)),
        dtype,
        partitions,
        decode_orders(data["orders"], resolve),
        _frame(data, resolve),
        _optional(data["filters"], resolve),
        data["distinct"],
        data["ignore_nulls"],
        _EXCLUSIONS[data["exclude_clause"]],
    )


def _frame(data: dict[str, Any], resolve: Resolve) -> Frame:
    """The unit is said by the bounds that have one; a frame without bounds counts as one of a range."""
    ends: list[Bound] = []
    unit: Literal["rows", "range", "groups"] = "range"
    for side in ("start", "end"):
        kind, _, suffix = str(data[side]).rpartition("_")
        if suffix in _UNITS:
            unit = _UNITS[suffix]
        else:
            kind = str(data[side])
        ends.append(Bound(_BOUNDS[kind], _optional(data[f"{side}_expr"], resolve)))
    return Frame(unit, ends[0], ends[1])


def _optional(data: dict[str, Any] | None, resolve: Resolve) -> Expression | None:
    return None if data is None else decode_expression(data, resolve)
