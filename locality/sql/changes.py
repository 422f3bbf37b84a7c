"""SQL that changes a store -> plan.changes: DuckDB binds the statement and says what it does to which rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import duckdb

from locality.errors import Unsupported
from locality.plan.changes import Action, Change, Definition, Delete, Insert, Merge, Update
from locality.plan.expressions import Call, Case, ColumnRef, Constant, Expression, conjunction
from locality.plan.nodes import Filter, Node, Project
from locality.sql import parameters
from locality.sql.decode import decode_plan
from locality.sql.definitions import decode_definition
from locality.sql.given import Parameters, values_by_name
from locality.sql.json_values import decode_type
from locality.sql.outputs import decode_all
from locality.sql.scalars import Resolve
from locality.sql.shadow import Shadow
from locality.sql.stability import CLOCK
from locality.sql.tokens import functions_of, words_of
from locality.types import BOOLEAN, INTEGER, DataType

Columns = Sequence[tuple[str, DataType]]


class ChangePlanner:
    """Plans statements that change tables, over those that it was last told about; one thread at a time.

    INSERT is planned by a shadow database of its own that knows of primary keys, for ON CONFLICT. Other statements are
    better without: DuckDB does not serialise the plan of a MERGE that deletes from a table with one.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        """``settings``: as :class:`locality.sql.planner.Planner`."""
        self._settings = settings
        self._shadows: dict[bool, Shadow] = {}
        self._tables: Mapping[str, Columns] = {}
        self._primary_keys: Mapping[str, Sequence[str]] = {}

    def close(self) -> None:
        """Free the shadow databases."""
        for shadow in self._shadows.values():
            shadow.close()

    def sync(self, tables: Mapping[str, Columns], primary_keys: Mapping[str, Sequence[str]]) -> None:
        """Plan over these tables from now on."""
        self._tables, self._primary_keys = tables, primary_keys

    def plan(self, sql: str, params: Parameters | None, kind: str) -> Change:
        """What a statement does, which is of one ``kind`` as DuckDB calls it.

        Raises QueryError in DuckDB's words, Unsupported for what has no plan in our nodes.
        """
        try:
            return _decoded(_bound(self._shadow(kind == "INSERT"), sql, parameters.check(params)))
        except RecursionError:
            raise Unsupported("expression nested too deeply") from None

    def definition(self, sql: str, params: Parameters | None, kind: str) -> Definition:
        """What CREATE TABLE or DROP TABLE does; raises as :meth:`plan`."""
        shadow = self._shadow(True)
        try:
            if kind == "DROP":
                return decode_definition(shadow.bound_plan(sql))
            return decode_definition(_bound(shadow, sql, parameters.check(params)))
        except RecursionError:
            raise Unsupported("expression nested too deeply") from None

    def empty_table(self, sql: str, name: str) -> AbstractContextManager[duckdb.DuckDBPyRelation]:
        """The table that a statement creates, which has no rows; it is there in the body alone."""
        return self._shadow(True).created(sql, name)

    def _shadow(self, has_keys: bool) -> Shadow:
        if has_keys not in self._shadows:
            self._shadows[has_keys] = Shadow(self._settings)
        self._shadows[has_keys].sync(self._tables, self._primary_keys if has_keys else {})
        return self._shadows[has_keys]


def _bound(shadow: Shadow, sql: str, given: Parameters | None) -> dict[str, Any]:
    """DuckDB's plan of the statement, parameters replaced by their values."""
    if foreign := shadow.unstable(functions_of(sql)) - CLOCK:
        raise Unsupported(f"function {min(foreign)} depends on the session or is volatile")
    if shadow.has_placeholder(words_of(sql)):
        raise Unsupported("names that depend on the type of a nested column")
    named = {} if given is None else values_by_name(given)
    types = shadow.set_variables({parameters.variable(name): value for name, value in named.items()})
    shadow.bound_plan(sql)  # which says it if the statement is wrong
    found = parameters.places(sql, shadow.parameter_names(sql))
    plan = shadow.serialized_plan(parameters.substitute(sql, found, parameters.references(named, types)))
    if parameters.names_in(plan):
        raise Unsupported("parameter whose place in the text is unclear")
    return plan


def _decoded(data: dict[str, Any]) -> Change:
    decode = _STATEMENTS.get(data["type"])
    if decode is None or data.get("return_chunk"):
        raise Unsupported(f"statement of the kind {data['type'].removeprefix('LOGICAL_').replace('_', ' ')}")
    return decode(data)


def _delete(data: dict[str, Any]) -> Delete:
    rows = decode_plan(data["children"][0])
    ids, *_ = decode_all(data["expressions"], _columns_of(rows))
    return Delete(_table(data), Project(rows, (ids,)))


def _update(data: dict[str, Any]) -> Update:
    rows = decode_plan(data["children"][0])
    values = decode_all(data["expressions"], _columns_of(rows))
    ids = ColumnRef(len(rows.types) - 1, rows.types[-1])
    return Update(_table(data), tuple(data["columns"]), Project(rows, (*values, ids)))


def _insert(data: dict[str, Any]) -> Insert:
    if data["column_index_map"]["internal_vector"] or data["action_type"] != "THROW":
        raise Unsupported("INSERT that does more than insert")
    rows = decode_plan(data["children"][0])
    declared = (decode_type(column["type"]) for column in data["table_info"]["columns"]["columns"])
    if rows.types != tuple(declared):
        raise Unsupported("values of other types than those of the table")
    return Insert(_table(data), rows)


#: DuckDB's number of a column that is not there.
_NO_COLUMN = 2**64 - 1
_KINDS: Mapping[str, Literal["insert", "update", "delete", "nothing", "error"]] = {
    "MERGE_INSERT": "insert",
    "MERGE_UPDATE": "update",
    "MERGE_DELETE": "delete",
    "MERGE_DO_NOTHING": "nothing",
    "MERGE_ERROR": "error",
}


def _merge(data: dict[str, Any]) -> Merge:
    """MERGE INTO, and INSERT with ON CONFLICT, which DuckDB makes one of."""
    rows = decode_plan(data["children"][0])
    resolve = _columns_of(rows)
    row_id = resolve(data["row_id_start"])
    marker = row_id if data["source_marker"] == _NO_COLUMN else resolve(data["source_marker"])
    cases: list[tuple[Expression, Expression]] = []
    actions: list[Action] = []
    values: list[Expression] = []
    for group in data["actions"]:
        for entry in group["value"]:
            if entry["action_type"] not in _KINDS or entry["column_index_map"]["internal_vector"]:
                raise Unsupported(f"MERGE with {entry['action_type']}")
            terms = [_in_group(group["key"], row_id, marker)]
            if entry.get("condition") is not None:
                terms += decode_all([entry["condition"]], resolve)
            cases.append((conjunction(terms), Constant(len(actions), INTEGER)))
            news = decode_all(entry["expressions"], resolve)
            places = range(2 + len(values), 2 + len(values) + len(news))
            actions.append(Action(_KINDS[entry["action_type"]], tuple(places), tuple(entry["columns"])))
            values += news
    number = Case(tuple(cases), Constant(None, INTEGER), INTEGER)
    done = Project(rows, (number, row_id, *values))
    acted = Filter(done, Call("is not null", (ColumnRef(0, INTEGER),), BOOLEAN))
    return Merge(_table(data), tuple(actions), acted)


def _in_group(group: str, row_id: Expression, marker: Expression) -> Expression:
    """Whether a row is one of those that a group of actions is for."""
    match group:
        case "WHEN_MATCHED":
            tests = [("is not null", row_id), ("is not null", marker)]
        case "WHEN_NOT_MATCHED_BY_TARGET":
            tests = [("is null", row_id)]
        case "WHEN_NOT_MATCHED_BY_SOURCE":
            tests = [("is null", marker)]
        case _:
            raise Unsupported(f"MERGE {group.replace('_', ' ')}")
    return conjunction([Call(name, (argument,), BOOLEAN) for name, argument in dict.fromkeys(tests)])


_STATEMENTS: Mapping[str, Callable[[dict[str, Any]], Change]] = {
    "LOGICAL_DELETE": _delete,
    "LOGICAL_UPDATE": _update,
    "LOGICAL_INSERT": _insert,
    "LOGICAL_MERGE_INTO": _merge,
}


def _columns_of(node: Node) -> Resolve:
    return lambda index: ColumnRef(index, node.types[index])


def _table(data: dict[str, Any]) -> str:
    return str(data["table_info"]["table"])
