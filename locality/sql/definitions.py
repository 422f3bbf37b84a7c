"""CREATE TABLE and DROP TABLE -> plan.changes: what a store can keep of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from locality.errors import QueryError
from locality.plan.changes import CreateTable, Definition, DropTable
from locality.sql.decode import decode_plan

_EXISTING: Mapping[str, Literal["refuse", "keep", "replace"]] = {
    "ERROR_ON_CONFLICT": "refuse",
    "IGNORE_ON_CONFLICT": "keep",
    "REPLACE_ON_CONFLICT": "replace",
}
_SCHEMA = ["memory", "main"]


def decode_definition(data: dict[str, Any]) -> Definition:
    """A definition by its plan.

    Raises QueryError for what a store does not hold, Unsupported for rows that have no plan in our nodes.
    """
    info = data.get("info", {})
    if info.get("type") != "TABLE_ENTRY":
        kind = data["type"].removeprefix("LOGICAL_").replace("_", " ")
        raise QueryError(f"{kind} is not possible in SQL here: a store holds tables only")
    if data["type"] == "LOGICAL_DROP":
        if info["cascade"]:
            raise QueryError("DROP TABLE ... CASCADE is not possible here: drop the tables that refer to it first")
        return DropTable(info["name"], lenient=info["if_not_found"] == "RETURN_NULL")
    return _create(data, info)


def _create(data: dict[str, Any], info: dict[str, Any]) -> CreateTable:
    name = info["table"]
    if info["qualified_name"]["path"][:2] != _SCHEMA:
        raise QueryError(f"table {name!r} can't be created there: a store has one schema, and no temporary tables")
    columns = info["columns"]["columns"]
    for column in columns:
        if column["expression"] is not None or column["category"] != "STANDARD":
            raise QueryError(f"column {column['name']!r}: default values and generated columns are not kept in a store")
    names = tuple(column["name"] for column in columns)
    primary_key: tuple[str, ...] = ()
    foreign_keys = []
    for constraint in info["constraints"]:
        match constraint["type"]:
            case "UNIQUE" if constraint["is_primary_key"]:
                primary_key = tuple(constraint["columns"]) or (names[constraint["index"]],)
            case "FOREIGN_KEY":
                ours, theirs = tuple(constraint["fk_columns"]), tuple(constraint["pk_columns"])
                foreign_keys.append((ours, str(constraint["table"]), theirs))
    _check_constraints(info["constraints"], names, primary_key)
    rows = decode_plan(data["children"][0]) if data["children"] else None
    return CreateTable(name, names, primary_key, tuple(foreign_keys), _EXISTING[info["on_conflict"]], rows)


def _check_constraints(constraints: list[dict[str, Any]], names: tuple[str, ...], primary_key: tuple[str, ...]) -> None:
    for constraint in constraints:
        kind = constraint["type"].replace("_", " ")
        implied = constraint["type"] == "NOT_NULL" and names[constraint["index"]] in primary_key
        known = constraint["type"] == "FOREIGN_KEY" or constraint.get("is_primary_key")
        if not (implied or known):
            raise QueryError(f"{kind} constraints are not kept in a store: it keeps primary and foreign keys")
