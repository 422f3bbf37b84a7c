"""Which SQL functions give the same answer whenever and wherever they are asked: what may be cached, folded or shipped.

DuckDB knows the stability of its scalar functions. Macros have none, so a macro counts as unstable if its text names an
unstable function; the SQL keywords without parentheses (``current_date``) are listed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb

#: Depend on the moment only: a plan holds their value at planning time, so such a plan must not be kept.
CLOCK = frozenset(
    {
        *(
            "now",
            "today",
            "current_date",
            "current_time",
            "current_timestamp",
            "localtime",
            "localtimestamp",
            "age",
            "ago",
        ),
        *("get_current_time", "get_current_timestamp", "transaction_timestamp"),
        *("current_localtime", "current_localtimestamp"),
    }
)
#: Keywords that parse as columns, and functions whose declared stability is more generous than what they do.
_EXTRA = CLOCK | {
    *("current_user", "session_user", "user", "current_role", "current_schema", "current_catalog", "current_database"),
    *("current_schemas", "getvariable", "current_setting", "in_search_path", "txid_current"),
}
_WORD = re.compile(r"[a-z_][a-z_0-9]*")


def unstable_functions(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Names, in lower case, of functions and macros that are volatile or depend on the moment or the session."""
    functions = connection.execute(
        "select distinct lower(function_name) from duckdb_functions() where stability <> 'CONSISTENT'"
    ).fetchall()
    macros = connection.execute(
        "select lower(function_name), lower(macro_definition) from duckdb_functions()"
        " where macro_definition is not null"
    ).fetchall()
    unstable = _EXTRA | {name for (name,) in functions}
    words = [(name, frozenset(_WORD.findall(text))) for name, text in macros]
    while grown := {name for name, used in words if used & unstable} - unstable:
        unstable |= grown
    return frozenset(unstable)


def stable_functions(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Names of DuckDB's scalar functions of which every overload is consistent."""
    rows = connection.execute(
        "select lower(function_name) from duckdb_functions() where function_type = 'scalar' group by 1"
        " having bool_and(stability = 'CONSISTENT')"
    ).fetchall()
    return frozenset(name for (name,) in rows) - unstable_functions(connection)


def names_in(tree: Any) -> Iterator[str]:
    """The names in DuckDB's parse tree that may be functions: calls, and columns without a qualifier."""
    for node in objects_in(tree):
        match node:
            case {"class": "FUNCTION", "function_name": str(name)}:
                yield name.lower()
            case {"class": "COLUMN_REF", "column_names": [str(name)]}:
                yield name.lower()
            case _:
                pass


def objects_in(tree: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in a tree, in no particular order."""
    pending = [tree]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            yield part
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)


def session_dependent(names: Iterable[str], unstable: frozenset[str]) -> set[str]:
    """The unstable names that depend on more than the clock."""
    return (set(names) & unstable) - CLOCK
