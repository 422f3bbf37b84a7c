"""What a DuckDB connection makes of names and settings: whether a text means the same here and over the layouts.

The layouts are planned over by a database that knows their tables alone. So a text that it can bind means the same on
the user's connection, if each table's name leads to that table there, no function or type that the text names is the
user's own, and the settings that have a say are followed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from locality.errors import Unsupported
from locality.sql.quoting import string
from locality.sql.settings import RESOURCES, Schema, followed
from locality.storage.catalog import fold

Run = Callable[[str], list[tuple[Any, ...]]]

_WORD = re.compile(r"\w+")
_SETTINGS = "select name, coalesce(value, '') from duckdb_settings()"
_TRANSACTION = "select txid_current()"
_PLACE = "select current_database(), current_schema()"
_HIDING = """
select table_name from duckdb_tables() where not internal and temporary
union all select view_name from duckdb_views() where not internal and temporary
"""
_SCHEMAS = "select schema_name from duckdb_schemas() where not internal"
_VIEWS = """
select view_name, sql from duckdb_views()
where not internal and not temporary and schema_name = 'main' and database_name = {}
"""
_OWN = """
select function_name from duckdb_functions() where not internal
union select type_name from duckdb_types() where not internal
"""
#: Settings of how a database was opened, that don't change what a query answers.
_OPENED = frozenset(
    {
        *("access_mode", "allow_unsigned_extensions", "allow_community_extensions", "autoinstall_known_extensions"),
        *("autoload_known_extensions", "custom_user_agent", "duckdb_api", "extension_directory", "home_directory"),
        *(
            "secret_directory",
            "python_enable_replacements",
            "lock_configuration",
            "default_secret_storage",
            "username",
            "user",
            "password",
        ),
    }
)


@dataclass(frozen=True)
class Names:
    """What a connection has, as of one moment.

    hidden: names, by folded name, that a temporary table or view has, which comes before others.
    own: words that name the user's own functions and types. settings: those that plans follow, by name.
    schema: the database, with those of its views that are not hidden.
    """

    hidden: frozenset[str]
    own: frozenset[str]
    settings: Mapping[str, str]
    schema: Schema


def words(text: str) -> frozenset[str]:
    """Every name that a text may hold, by folded name: quotation marks and literals are not told apart."""
    return frozenset(map(fold, _WORD.findall(text)))


def read_views(run: Run, catalog: str) -> Mapping[str, str]:
    """The texts of the views in schema main of a database, by folded name."""
    return {fold(name): text for name, text in run(_VIEWS.format(string(catalog)))}


def named_by(text: str, views: Mapping[str, str]) -> frozenset[str]:
    """Every name that a text may hold, and the texts of views that it names."""
    found, left = frozenset[str](), words(text)
    while left - found:
        new = left - found
        found |= new
        left = frozenset().union(*(words(views[name]) for name in new & views.keys()))
    return found


def open_transaction(run: Run) -> object:
    """What tells the transaction that is open on a connection, None if none is."""
    first, second = run(_TRANSACTION), run(_TRANSACTION)
    return first[0][0] if first == second else None


def read_names(run: Run, catalog: str, views: Mapping[str, str]) -> Names:
    """Ask a connection, by ``run``; ``catalog``: the database whose tables have layouts, and which has these ``views``.

    Raises Unsupported if it is in another database or schema, or has a setting of which we don't know that answers are
    the same.
    """
    if run(_PLACE) != [(catalog, "main")]:
        raise Unsupported("another database or schema is in use")
    known = _defaults()
    changed = {name: value for name, value in run(_SETTINGS) if name in known and known[name] != value}
    # duplicated names of a setting come with it, and the search path was looked at above
    changed = {name: v for name, v in changed.items() if name not in RESOURCES | _OPENED | {"schema", "search_path"}}
    if foreign := changed.keys() - followed():
        raise Unsupported(f"setting {min(foreign)} was changed, which may change answers")
    if fold(catalog) in {fold(name) for (name,) in run(_SCHEMAS)}:
        raise Unsupported(f"a schema is called {catalog!r}, as the database is")
    hidden = frozenset(fold(name) for (name,) in run(_HIDING))
    own = frozenset(word for (name,) in run(_OWN) for word in words(name))
    schema = Schema(catalog, tuple(text for name, text in sorted(views.items()) if name not in hidden))
    return Names(hidden, own, changed, schema)


@cache
def _defaults() -> dict[str, str]:
    with duckdb.connect(":memory:") as connection:
        return dict(connection.execute(_SETTINGS).fetchall())
