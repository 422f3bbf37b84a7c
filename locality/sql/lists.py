"""Lists of known length, which a query takes apart: UNNEST of lists that it says itself, UNPIVOT, series of numbers.

What a projection makes a list of is kept as its elements too, for an UNNEST above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from locality.errors import Unsupported
from locality.plan.expressions import Call, Case, ColumnRef, Constant, Expression, PhysicalValue
from locality.plan.nodes import Filter, Join, Node, Project, Unnest, Values
from locality.sql.json_values import decode_constant, decode_type, list_elements
from locality.sql.leaves import ONE_ROW, check_scan
from locality.sql.outputs import Elements, Output, all_of
from locality.sql.scalars import decode_expression, function_name
from locality.sql.series import series
from locality.types import BIGINT, BOOLEAN, DataType, element_of, list_of

_MAKERS = frozenset({"list_value", "unpivot_list"})


def is_list(data: dict[str, Any]) -> bool:
    """Whether an expression is a list that DuckDB's plan says in full."""
    if data["expression_class"] == "BOUND_CONSTANT":
        return bool(data["value"]["type"]["id"] == "LIST")
    return "qname" in data and function_name(data) in _MAKERS


def project_lists(expressions: Sequence[dict[str, Any]], child: Output) -> Output:
    """A projection with lists among its columns."""
    columns: list[Expression] = []
    layout: list[int | None] = []
    lists: dict[int, Elements] = {}
    for index, part in enumerate(expressions):
        if is_list(part):
            elements = _elements(part, child)
            lists[index] = tuple(ColumnRef(len(columns) + i, e.type) for i, e in enumerate(elements))
            columns += elements
        whole = _whole(part, child)
        layout.append(None if whole is None else len(columns))
        columns += () if whole is None else (whole,)
    return Output(Project(child.node, tuple(columns)), tuple(layout), lists)


def _whole(data: dict[str, Any], child: Output) -> Expression | None:
    """The expression itself; None for a list that is known by its elements alone."""
    if data["expression_class"] == "BOUND_CONSTANT" and is_list(data) and list_elements(data["value"]):
        return None
    try:
        return decode_expression(data, child.resolve)
    except Unsupported:
        if is_list(data):
            return None
        raise


def decode_unnest(data: dict[str, Any], child: Output) -> Output:
    """Each row as often as its longest list has elements, with one of each beside it; NULL behind a list's end."""
    types = [decode_type(part["return_type"]) for part in data["expressions"]]
    if not all(_is_said(part["child"], child) for part in data["expressions"]):
        return _unnested(
            child, [decode_expression(part["child"], child.resolve) for part in data["expressions"]], types
        )
    lists = [_elements(part["child"], child) for part in data["expressions"]]
    if any(element.type != dtype for elements, dtype in zip(lists, types, strict=True) for element in elements):
        raise Unsupported("unnest of a list of several types")
    width = len(child.node.types)
    node = _repeated(child.node, lists, types)
    return Output(node, (*child.layout, *range(width, width + len(lists))))


def decode_series(data: dict[str, Any]) -> Output:
    """The rows of ``unnest``, ``range`` or ``generate_series`` over constants, as a table."""
    name, parameters = function_name(data), data["parameters"]
    check_scan(data)
    if any(data["table_filters"].values()):
        raise Unsupported(f"table function {name} of a column, or filtered")
    (dtype,) = (decode_type(each) for each in data["returned_types"])
    values: Sequence[PhysicalValue]
    if name == "unnest":
        values = [element.value for element in list_elements(parameters[0])]
    else:
        values = series(name, [decode_constant(each) for each in parameters])
    rows = all_of(Values(tuple((value,) for value in values), (dtype,)))
    return rows.pick([0] * len(data["column_indexes"])).pick(data["projection_ids"])


def decode_series_of_columns(data: dict[str, Any], child: Output) -> Output:
    """For each row of ``child``, whose first columns are the arguments, the rows of such a function beside others."""
    name = function_name(data)
    check_scan(data)
    if any(data["table_filters"].values()) or data["projection_ids"] or len(data["column_indexes"]) != 1:
        raise Unsupported(f"table function {name} of a column, filtered")
    (dtype,) = (decode_type(each) for each in data["returned_types"])
    count = min(data["projected_input"], default=len(child.layout))
    args = tuple(child.resolve(i) for i in range(count))
    lists = args if name == "unnest" else (Call(name, args, list_of(dtype)),)
    rows = _unnested(child, lists, [dtype])
    return rows.pick([len(child.layout), *data["projected_input"]])


def _unnested(child: Output, lists: Sequence[Expression], types: Sequence[DataType]) -> Output:
    if [element_of(each.type) for each in lists] != list(types):
        raise Unsupported("unnest of a list of another type")
    width = len(child.node.types)
    return Output(Unnest(child.node, tuple(lists)), (*child.layout, *range(width, width + len(lists))))


def _is_said(data: dict[str, Any], child: Output) -> bool:
    """Whether the query says which elements the list has."""
    return is_list(data) or (data["expression_class"] == "BOUND_REF" and data["index"] in child.lists)


def _elements(data: dict[str, Any], child: Output) -> Elements:
    if data["expression_class"] == "BOUND_CONSTANT":
        return list_elements(data["value"])
    if data["expression_class"] == "BOUND_REF" and data["index"] in child.lists:
        return child.lists[data["index"]]
    return tuple(decode_expression(part, child.resolve) for part in data["children"])


def _repeated(node: Node, lists: Sequence[Elements], types: Sequence[DataType]) -> Node:
    """The columns of ``node``, then one a list."""
    own = tuple(ColumnRef(i, dtype) for i, dtype in enumerate(node.types))
    count = max(map(len, lists))
    padded = [
        (*elements, *(Constant(None, dtype),) * (count - len(elements)))
        for elements, dtype in zip(lists, types, strict=True)
    ]
    if not count:
        nothing = tuple(Constant(None, dtype) for dtype in types)
        return Filter(Project(node, (*own, *nothing)), Constant(False, BOOLEAN))
    rows = [[_value(elements[i]) for elements in padded] for i in range(count)]
    numbered = Values(tuple((*row, i) for i, row in enumerate(rows)), (*types, BIGINT))
    if node == ONE_ROW:
        crossed: Node = numbered
    else:
        crossed = Join(node, numbered, "inner", ())
    number = ColumnRef(len(own) + len(types), BIGINT)
    taken = (_element(elements, ColumnRef(len(own) + i, types[i]), number) for i, elements in enumerate(padded))
    return Project(crossed, (*own, *taken))


def _value(element: Expression) -> PhysicalValue:
    return element.value if isinstance(element, Constant) else None


def _element(elements: Elements, listed: ColumnRef, number: ColumnRef) -> Expression:
    """The element of that number: ``listed``, if all are constants, else one of the row's own values."""
    if all(isinstance(element, Constant) for element in elements):
        return listed
    branches = tuple((Call("=", (number, Constant(i, BIGINT)), BOOLEAN), element) for i, element in enumerate(elements))
    return Case(branches, Constant(None, listed.type), listed.type)
