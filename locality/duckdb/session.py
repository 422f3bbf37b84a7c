"""What a DuckDB connection makes of names and settings: whether a text means the same here and over the layouts.

The layouts are planned over by a database that knows their tables alone. So a text that it can bind means the same on
the user's connection, if each table's name leads to that table there, no function or type that the text names is the
user's own, and the settings that have a say are followed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from locality.errors import Unsupported
from locality.sql.quoting import identifier, string
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
select function_name, function_type, database_name, schema_name,
'(' || array_to_string([concat_ws(' ', '"' || replace(parameters[i], '"', '""') || '"', parameter_types[i])
for i in range(1, len(parameters) + 1)], ', ') || ') as ' || if(function_type = 'table_macro', 'table ', '')
|| macro_definition
from duckdb_functions() where not internal
union all select type_name, 'type', null, null, null from duckdb_types() where not internal
"""
_BUILT_IN = "select distinct function_name from duckdb_functions()"
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
#: Settings that don't change what a query answers.
UNSEEN = RESOURCES | _OPENED


@dataclass(frozen=True)
class Names:
    """What a connection has, as of one moment.

    hidden: names, by folded name, that a temporary table or view has, which comes before others.
    own: words that name the user's own functions and types but for macros that are known.
    schema: the database, with those of its views and macros that are not hidden. texts: of views and macros, by name.
    """

    hidden: frozenset[str]
    own: frozenset[str]
    schema: Schema
    texts: Mapping[str, str]


def words(text: str) -> frozenset[str]:
    """Every name that a text may hold, by folded name: quotation marks and literals are not told apart."""
    return frozenset(map(fold, _WORD.findall(text)))


def read_views(run: Run, catalog: str) -> Mapping[str, str]:
    """The texts of the views in schema main of a database, by folded name."""
    return {fold(name): text for name, text in run(_VIEWS.format(string(catalog)))}


def named_by(text: str, views: Mapping[str, str]) -> frozenset[str]:
    """Every name that a text may hold, and the texts of views (or macros, too) that it names."""
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


def read_settings(run: Run, catalog: str) -> Mapping[str, str]:
    """The settings that plans follow where they are not DuckDB's own, by name.

    Raises Unsupported if the connection is in another database or schema than ``main`` of ``catalog``, or has a setting
    of which we don't know that answers are the same.
    """
    if run(_PLACE) != [(catalog, "main")]:
        raise Unsupported("another database or schema is in use")
    known = _defaults()
    changed = {name: value for name, value in run(_SETTINGS) if name in known and known[name] != value}
    # duplicated names of a setting come with it, and the search path was looked at above
    changed = {name: value for name, value in changed.items() if name not in UNSEEN | {"schema", "search_path"}}
    if foreign := changed.keys() - followed():
        raise Unsupported(f"setting {min(foreign)} was changed, which may change answers")
    return changed


def read_names(run: Run, catalog: str, views: Mapping[str, str]) -> Names:
    """Ask a connection, by ``run``; ``catalog``: the database whose tables have layouts, and which has these ``views``.

    Raises Unsupported if a schema has the name of the database.
    """
    if fold(catalog) in {fold(name) for (name,) in run(_SCHEMAS)}:
        raise Unsupported(f"a schema is called {catalog!r}, as the database is")
    hidden = frozenset(fold(name) for (name,) in run(_HIDING))
    own, macros = _macros_of(run(_OWN), catalog)
    texts = {name: [text] for name, text in views.items()}
    for name, text in macros.items():
        texts.setdefault(name, []).append(text)
    schema = Schema(
        catalog, tuple((name, t) for name, each in sorted(texts.items()) if name not in hidden for t in each)
    )
    return Names(hidden, own, schema, {name: " ".join(each) for name, each in texts.items()})


def _macros_of(rows: list[tuple[Any, ...]], catalog: str) -> tuple[frozenset[str], Mapping[str, str]]:
    """Of functions and types that are not DuckDB's: the words that name them, and texts that make macros, by name.

    Macros are those in schema main of the database, of one form, whose name nothing else has: their words are left out.
    Values that parameters have by default are not told, so a call that leaves them out doesn't bind.
    """
    counts = Counter(fold(name) for name, *_ in rows)
    macros = {
        fold(name): f"create macro {identifier(name)}{body}"
        for name, kind, *place, body in rows
        if kind in ("macro", "table_macro") and place == [catalog, "main"] and body is not None
        if counts[fold(name)] == 1 and fold(name) not in _built_in()
    }
    return frozenset(word for name, *_ in rows if fold(name) not in macros for word in words(name)), macros


@cache
def _defaults() -> dict[str, str]:
    with duckdb.connect(":memory:") as connection:
        return dict(connection.execute(_SETTINGS).fetchall())


@cache
def _built_in() -> frozenset[str]:
    with duckdb.connect(":memory:") as connection:
        return frozenset(fold(name) for (name,) in connection.execute(_BUILT_IN).fetchall())
