"""The leaves of DuckDB's plans: scans of stored tables, and rows that the query itself says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from locality.errors import Unsupported
from locality.plan.expressions import Constant, Expression
from locality.plan.nodes import Node, Project, Scan, Union, Values
from locality.plan.virtual import ROW_ID
from locality.sql.filters import decode_filter
from locality.sql.json_values import decode_constant, decode_type
from locality.sql.outputs import Output, all_of, decode_all, filtered
from locality.sql.scalars import decode_expression, function_name
from locality.types import BIGINT, DataType

_NESTED = frozenset({"ARRAY", "UNION", "VARIANT"})

#: DuckDB's number of the row ids of a table; it reads them too where a query reads no column.
_ROW_ID = 2**64 - 1


def decode_scan(data: dict[str, Any]) -> Output:
    """A stored table, with the filters that DuckDB pushed into it above."""
    table = _table_name(data)
    indices = [column["index"] for column in data["column_indexes"]]
    if any(column["child_indexes"] for column in data["column_indexes"]):
        raise Unsupported("field of a nested column")
    count = len(data["returned_types"])
    known = [i for i in indices if i < count or i == _ROW_ID]
    positions = {index: position for position, index in enumerate(known)}
    layout = tuple(positions.get(i) for i in indices)
    types = tuple(BIGINT if i == _ROW_ID else _column_type(data, i) for i in known)
    scan = Output(Scan(table, tuple(ROW_ID if i == _ROW_ID else i for i in known), types), layout)
    predicates = _pushed(data["table_filters"], scan)
    return Output(filtered(scan.node, predicates), layout).pick(data["projection_ids"])


def _table_name(data: dict[str, Any]) -> str:
    function = function_name(data)
    if function != "seq_scan" or (data["function_data"] or {}).get("schema") != "main":
        raise Unsupported(f"table function {function}")
    check_scan(data)
    return str(data["function_data"]["table"])


def check_scan(data: dict[str, Any]) -> None:
    """Raise Unsupported for clauses of a table in FROM that no node has."""
    extra = data.get("extra_info") or {}
    if extra.get("sample_options") is not None:
        raise Unsupported("table sample")
    if data.get("at_clause") is not None:
        raise Unsupported("AT clause")
    if data.get("source_ordinality", "WITHOUT_ORDINALITY") != "WITHOUT_ORDINALITY":
        raise Unsupported("WITH ORDINALITY")


def _column_type(data: dict[str, Any], index: int) -> DataType:
    kind = data["returned_types"][index]["id"]
    if kind in _NESTED:
        raise Unsupported(f"nested column {data['names'][index]}")
    try:
        return decode_type(data["returned_types"][index])
    except Unsupported as error:
        if kind == "LIST":
            raise Unsupported(f"nested column {data['names'][index]}") from None
        raise Unsupported(f"column {data['names'][index]} of {error}") from None


def _pushed(filters: dict[str, Any], scan: Output) -> list[Expression]:
    """The filters in the scan. A key is a position in the scan's columns, as DuckDB 2 writes it."""
    single = [decode_filter(entry["value"], scan.resolve(entry["key"])) for entry in filters["filters"]]
    for entry in filters.get("multi_column_filters") or ():
        columns = [scan.resolve(position) for position in entry["column_indexes"]]
        single.append(decode_expression(entry["expr"], columns.__getitem__))
    return [predicate for predicate in single if predicate is not None]


#: One row without columns: what a SELECT without FROM reads.
ONE_ROW = Values(((),), ())
#: DuckDB numbers one column of it, which nobody reads.
NO_COLUMNS = Output(ONE_ROW, (None,))


def decode_values(data: dict[str, Any], child: Output) -> Output:
    """A VALUES list; rows that aren't constant are computed over ``child``, one row without columns as a rule."""
    types = _types(data["expr_types"])
    rows = [decode_all(row, child.resolve) for row in data["expressions"]]
    if any(tuple(value.type for value in row) != types for row in rows):
        raise Unsupported("VALUES list of several types")
    if child.node == ONE_ROW:
        constants = [_constants(row) for row in rows]
        known = tuple(row for row in constants if row is not None)
        if len(known) == len(rows):
            return all_of(Values(tuple(tuple(value.value for value in row) for row in known), types))
    computed: list[Node] = [Project(child.node, row) for row in rows]
    return all_of(computed[0] if len(computed) == 1 else Union(tuple(computed)))


def _constants(row: Sequence[Expression]) -> list[Constant] | None:
    constants = [value for value in row if isinstance(value, Constant)]
    return constants if len(constants) == len(row) else None


def decode_collection(data: dict[str, Any]) -> Output:
    """Rows that the plan holds, column by column."""
    types = _types(data["collection"]["types"])
    columns = [[decode_constant(value).value for value in column] for column in data["collection"]["values"]]
    rows = Values(tuple(zip(*columns, strict=True)), types)
    return all_of(rows).pick(data.get("column_ids") or ())


def decode_empty(data: dict[str, Any]) -> Output:
    """No rows: what a condition that is never true leaves."""
    return all_of(Values((), _types(data["return_types"])))


def _types(parts: Sequence[dict[str, Any]]) -> tuple[DataType, ...]:
    return tuple(decode_type(part) for part in parts)
