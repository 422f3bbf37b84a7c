"""SQL that changes a store -> plan.changes: DuckDB binds the statement and says what it does to which rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from locality.errors import Unsupported
from locality.plan.changes import Change, Delete, Insert, Update
from locality.plan.expressions import ColumnRef
from locality.plan.nodes import Node, Project
from locality.sql import parameters
from locality.sql.decode import decode_plan
from locality.sql.outputs import decode_all
from locality.sql.parameters import Parameters
from locality.sql.scalars import Resolve
from locality.sql.shadow import Shadow
from locality.sql.stability import CLOCK
from locality.types import DataType

Columns = Sequence[tuple[str, DataType]]


class ChangePlanner:
    """Plans statements that change tables, over those that it was last told about; one thread at a time.

    Its shadow database knows of primary keys, which other plans are better without.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        """``settings``: as :class:`locality.sql.planner.Planner`."""
        self._shadow = Shadow(settings)

    def close(self) -> None:
        """Free the shadow database."""
        self._shadow.close()

    def sync(self, tables: Mapping[str, Columns], primary_keys: Mapping[str, Sequence[str]]) -> None:
        """Plan over these tables from now on."""
        self._shadow.sync(tables, primary_keys)

    def plan(self, sql: str, params: Parameters | None) -> Change:
        """What a statement does; raises QueryError in DuckDB's words, Unsupported for what has no plan in our nodes."""
        try:
            with self._shadow.lock:
                return _decoded(self._bound(sql, parameters.check(params)))
        except RecursionError:
            raise Unsupported("expression nested too deeply") from None

    def _bound(self, sql: str, given: Parameters | None) -> dict[str, Any]:
        """DuckDB's plan of the statement, parameters replaced by their values."""
        shadow = self._shadow
        if foreign := shadow.unstable(shadow.words(sql)) - CLOCK:
            raise Unsupported(f"function {min(foreign)} depends on the session or is volatile")
        named = {} if given is None else parameters.values_by_name(given)
        types = shadow.set_variables({parameters.variable(name): value for name, value in named.items()})
        found = parameters.places(shadow.bound_plan(sql))
        if {name for _, _, name in found} != shadow.parameter_names(sql):
            raise Unsupported("parameter whose place in the text is unclear")
        plan = shadow.serialized_plan(parameters.substitute(sql, found, dict(zip(named, types, strict=True))))
        if parameters.places(plan):
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
    return Insert(_table(data), decode_plan(data["children"][0]))


_STATEMENTS: Mapping[str, Callable[[dict[str, Any]], Change]] = {
    "LOGICAL_DELETE": _delete,
    "LOGICAL_UPDATE": _update,
    "LOGICAL_INSERT": _insert,
}


def _columns_of(node: Node) -> Resolve:
    return lambda index: ColumnRef(index, node.types[index])


def _table(data: dict[str, Any]) -> str:
    return str(data["table_info"]["table"])
