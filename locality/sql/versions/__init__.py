"""The versions of DuckDB that plans are read of: one form of plan for the decoder, whichever is installed.

Plans are read as DuckDB 2.0 writes them. What an earlier version writes otherwise is turned into that form where its
JSON is parsed, object by object, and nothing else has to know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from locality.errors import StoreError
from locality.sql.versions import duckdb_1_5


@dataclass(frozen=True)
class Version:
    """What to do to have what DuckDB 2.0 says, None for nothing; and what else has to be minded.

    rewrite: to an object of the JSON of a plan or parse tree, whose parts are rewritten already. uncommented: to a text
    in UTF-8 before it is cut into tokens; it keeps its length. relates_changes: whether ``con.sql`` gives relations for
    all statements, not for queries alone. filters_extremes: whether filters that DuckDB pushes into Arrow data take NaN
    for the greatest number, as its own do, and infinite moments for what they are. answers_alike: whether all
    calls and casts give the same (``meaning.py``). unplanned_settings: those that serialised plans don't follow.
    """

    rewrite: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    uncommented: Callable[[bytes], bytes] | None = None
    relates_changes: bool = True
    filters_extremes: bool = True
    answers_alike: bool = True
    unplanned_settings: frozenset[str] = frozenset()


#: By major and minor version.
_EARLIER = {
    (1, 5): Version(
        duckdb_1_5.rewrite,
        duckdb_1_5.uncommented,
        relates_changes=False,
        filters_extremes=False,
        answers_alike=False,
        unplanned_settings=frozenset({"integer_division"}),
    )
}
_FIRST_MAJOR = 2


def version_of(number: str) -> Version:
    """How to read a version of DuckDB; raises StoreError for one whose plans are not known."""
    major, minor = (int(part) for part in number.split(".")[:2])
    if major >= _FIRST_MAJOR:
        return Version()
    if (major, minor) not in _EARLIER:
        raise StoreError(
            f"DuckDB {number} is installed, whose plans have another form: Locality needs 1.5, or 2.0 or newer"
            " (pip install 'duckdb>=2')"
        )
    return _EARLIER[major, minor]


def abort(connection: duckdb.DuckDBPyConnection) -> None:
    """Let go of an unfinished result, which DuckDB 1.5 does by itself where the next statement runs."""
    if hasattr(connection, "abort"):
        connection.abort()


def statement_counter(connection: duckdb.DuckDBPyConnection) -> Callable[[], int] | None:
    """What counts the statements of all connections to a database that are no plain queries; None before 2.0."""
    return getattr(connection, "_catalog_version", None)


@cache
def installed() -> Version:
    """How to read the DuckDB that is installed; raises as :func:`version_of`."""
    return version_of(duckdb.__version__)
