"""Which SQL functions give the same answer whenever and wherever they are asked: what may be cached, folded or shipped.

DuckDB knows the stability of its scalar functions. Macros have none, so a macro counts as unstable if its text names an
unstable function. The clock's functions are listed here too, as DuckDB declares some of them consistent.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
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
#: Depend on the session, though DuckDB 1.5 declares them consistent.
_OF_SESSION = frozenset({"current_setting", "getvariable", "vector_type"})
#: Consistent functions that most queries use: for these alone DuckDB's catalog needn't be asked.
COMMON = frozenset(
    {
        *("+", "-", "*", "/", "//", "%", "||", "~~", "!~~", "~~*", "!~~*", "like_escape", "not_like_escape"),
        *("sum", "count", "count_star", "avg", "min", "max", "stddev", "variance", "abs", "round", "floor", "ceil"),
        *("to_days", "to_months", "to_years", "trunc", "date_part", "date_trunc", "year", "month", "day", "length"),
        *("substring", "upper", "lower", "trim", "replace", "concat", "starts_with", "contains", "prefix", "suffix"),
    }
)
_WORD = re.compile(r"[a-z_][a-z_0-9]*")
_QUERY = "select lower(function_name), function_type, stability, lower(macro_definition) from duckdb_functions()"


@dataclass(frozen=True)
class Stability:
    """Names of functions, in lower case.

    unstable: functions and macros that are volatile or depend on the moment or the session.
    stable: scalar functions of which every overload is consistent.
    """

    unstable: frozenset[str]
    stable: frozenset[str]


_lock = threading.Lock()
_known: Stability | None = None


def stability(connection: duckdb.DuckDBPyConnection) -> Stability:
    """The stability of DuckDB's own functions: asked of ``connection`` once a process, as it takes some 15 ms."""
    global _known
    with _lock:
        if _known is None:
            _known = _classify(connection.execute(_QUERY).fetchall())
        return _known


def _classify(rows: list[tuple[str, str, str | None, str | None]]) -> Stability:
    unstable = CLOCK | _OF_SESSION | {name for name, _, declared, _ in rows if declared not in (None, "CONSISTENT")}
    called = {name for name, kind, _, _ in rows if kind in ("scalar", "aggregate")}
    macros = [
        (name, frozenset(_WORD.findall(text)))
        for name, kind, _, text in rows
        if text is not None and not (kind == "table_macro" and name in called)  # which stand in FROM alone
    ]
    while grown := {name for name, used in macros if used & unstable} - unstable:
        unstable |= grown
    scalars = {name for name, kind, _, _ in rows if kind == "scalar"}
    return Stability(frozenset(unstable), frozenset(scalars - unstable))


def functions_in(tree: Any) -> set[str]:
    """The functions that a parse tree calls."""
    return {str(n["function_name"]).lower() for n in objects_in(tree) if n.get("class") == "FUNCTION"}


def reads_clock(tree: Any) -> bool:
    """Whether a parse tree names the moment: by a function, or by a keyword, which looks like a column."""
    columns = {n["column_names"][-1].lower() for n in objects_in(tree) if n.get("class") == "COLUMN_REF"}
    return not CLOCK.isdisjoint(functions_in(tree) | columns)


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
