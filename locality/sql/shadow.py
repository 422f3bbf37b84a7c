"""The shadow database: a private, empty DuckDB with the schema of a snapshot, asked only for plans.

It never sees data. Its optimizer keeps the passes that simplify a plan and loses those that would reason about its
empty tables (``statistics_propagation`` folds them away) or make operators that only suit DuckDB's own executor.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import duckdb

from locality.errors import QueryError, Unsupported
from locality.sql import versions
from locality.sql.json_values import load
from locality.sql.quoting import checked, identifier, string
from locality.sql.settings import Schema
from locality.sql.stability import CLOCK, COMMON, objects_in, stability
from locality.sql.tokens import functions_of, words_of
from locality.types import DataType, Domain

Columns = tuple[tuple[str, DataType], ...]

_KEEP = frozenset(
    {
        *("expression_rewriter", "filter_pullup", "filter_pushdown", "deliminator"),
        *("unnest_rewriter", "cte_inlining", "regex_range", "join_order"),
    }
)
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "threads": "1",
}
#: Of columns whose type can't be said here: one that plans are refused of.
_PLACEHOLDER = 'union("nested column" boolean)'
_WRONG_QUERY = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.InvalidInputException,
    duckdb.NotImplementedException,
)
#: Kinds of errors, as plans that can't be made name them, that are mistakes in a statement.
_WRONG_STATEMENT = frozenset({"parser", "binder", "catalog", "conversion"})


class NotASelect(Unsupported):
    """Raised where a SELECT is wanted; ``kind`` is DuckDB's name of what it is instead, such as ``DELETE``."""

    def __init__(self, kind: str) -> None:
        is_several = kind == "MULTI"
        what = "several statements, as PIVOT without its values" if is_several else kind.replace("_", " ")
        super().__init__(f"not a SELECT but {what}")
        self.kind = kind


class Shadow:
    """The planning database. Callers with several threads hold ``lock`` around each query."""

    def __init__(self, settings: Mapping[str, str], schema: Schema | None = None) -> None:
        """``settings``: DuckDB settings that change plans (``TimeZone``, ``default_order``, ...), by name.

        Raises StoreError for a DuckDB whose plans are not known.
        """
        self._version = versions.installed()
        self.lock = threading.RLock()
        self._tables: dict[str, tuple[Columns, tuple[str, ...]]] = {}
        self._placeholders: set[str] = set()
        self._connection = duckdb.connect(":memory:", config=_CONFIG)
        self.close = weakref.finalize(self, self._connection.close)
        schema = schema or Schema()
        self._definitions = list(schema.definitions)
        if schema.database != Schema.database:
            name = identifier(schema.database)
            self._connection.execute(f"attach ':memory:' as {name}; use {name}")
        for name, value in settings.items():
            self._connection.execute(f"set {identifier(name)} = ?", [value])
        names = [row[0] for row in self._connection.execute("select name from duckdb_optimizers()").fetchall()]
        disabled = ",".join(name for name in names if name not in _KEEP)
        self._connection.execute("set disabled_optimizers = ?", [disabled])
        self._connection.execute("set lock_configuration = true")

    def sync(
        self,
        tables: Mapping[str, Sequence[tuple[str, DataType]]],
        primary_keys: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> bool:
        """Make the shadow's tables those of ``tables``, and say whether they were others.

        primary_keys: of tables that are to have theirs, by name.
        """
        with self.lock:
            wanted = {name: (tuple(columns), tuple(primary_keys.get(name, ()))) for name, columns in tables.items()}
            if wanted == self._tables:
                return False
            for name in [name for name, known in self._tables.items() if wanted.get(name) != known]:
                self._connection.execute(f"drop table {identifier(name)}")
                del self._tables[name]
                self._placeholders.discard(name.lower())
            for name, (columns, primary_key) in wanted.items():
                if name not in self._tables:
                    self._create(name, columns, primary_key)
            self._create_definitions()
            return True

    def _create_definitions(self) -> None:
        """Make those views and macros that bind now and mean the same whenever they are asked.

        Plans can't be kept of others, nor of what names them.
        """
        unstable = stability(self._connection).unstable if self._definitions else frozenset()
        gone = frozenset[str]()
        while found := {name for name, text in self._definitions if _names_any(text, unstable, gone)} - gone:
            gone |= found
        left = [(name, text) for name, text in self._definitions if name not in gone]
        while later := [(name, text) for name, text in left if not self._runs(text)]:
            if len(later) == len(left):
                break
            left = later
        self._definitions = later

    def _runs(self, sql: str) -> bool:
        try:
            self._connection.execute(sql)
        except duckdb.Error:
            return False
        return True

    def _create(self, name: str, columns: Columns, primary_key: tuple[str, ...]) -> None:
        types = [self._type_text(dtype) for _, dtype in columns]
        listed = ", ".join(f"{identifier(column)} {text}" for (column, _), text in zip(columns, types, strict=True))
        if primary_key:
            listed += f", primary key ({', '.join(map(identifier, primary_key))})"
        try:
            self._connection.execute(f"create table {identifier(name)} ({listed})")
        except duckdb.CatalogException:  # columns that differ in case only: names in DuckDB don't
            types = [_PLACEHOLDER]
            self._connection.execute(f"create table {identifier(name)} (placeholder {_PLACEHOLDER})")
        self._tables[name] = columns, primary_key
        if _PLACEHOLDER in types:
            self._placeholders.add(name.lower())

    def _type_text(self, dtype: DataType) -> str:
        """The type as SQL; a placeholder where its text isn't SQL (a nested type by its Arrow name)."""
        text = str(dtype)
        if dtype.domain is Domain.NESTED:
            try:
                (statement,) = duckdb.extract_statements(f"select cast(null as {text})")
                self._connection.sql(statement)
            except (duckdb.Error, ValueError):
                return _PLACEHOLDER
        return text

    def kind(self, sql: str) -> str:
        """What DuckDB calls a statement; ``SEVERAL`` for more than one. Raises QueryError on a syntax error."""
        try:
            statements = self._connection.extract_statements(checked(sql))
        except duckdb.Error as error:
            raise QueryError(str(error)) from None
        if not statements:
            raise QueryError("the query is empty")
        return "SEVERAL" if len(statements) > 1 else str(statements[0].type.name)

    def statement(self, sql: str) -> None:
        """Check that ``sql`` is one SELECT; QueryError on a syntax error, Unsupported for other statements."""
        match self.kind(sql):
            case "SELECT":
                pass
            case "SEVERAL":
                raise Unsupported("several statements")
            case kind:
                raise NotASelect(kind)

    def unstable(self, functions: set[str]) -> set[str]:
        """Those of the functions named that are volatile or depend on the moment or the session."""
        rare = functions - COMMON
        return rare & stability(self._connection).unstable if rare else set()

    @contextlib.contextmanager
    def created(self, sql: str, name: str) -> Iterator[duckdb.DuckDBPyRelation]:
        """The empty table ``name`` that a statement creates, in the body alone."""
        self._connection.execute("begin").fetchall()
        try:
            self._connection.execute(sql).fetchall()
            yield self._connection.table(identifier(name))
        finally:
            self._connection.execute("rollback").fetchall()

    def has_placeholder(self, names: Iterable[str]) -> bool:
        """Whether one of the tables with these names, in lower case, has a column whose type is not known here."""
        return not self._placeholders.isdisjoint(names)

    def parameter_names(self, sql: str) -> set[str]:
        """The names of a statement's parameters; those of ``?`` are numbers."""
        (statement,) = self._connection.extract_statements(sql)
        return set(statement.named_parameters)

    def parse(self, sql: str) -> Any:
        """DuckDB's parse tree of one SELECT, without names resolved."""
        tree = load(self._scalar("select json_serialize_sql(?)", [sql]), self._version.rewrite)
        if tree["error"]:
            raise Unsupported(f"statement that DuckDB can't serialise: {_first_line(tree['error_message'])}")
        return tree["statements"]

    def bind(self, sql: str, params: object = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names and DuckDB type texts of the result; raises QueryError in DuckDB's words, Unsupported for files."""
        try:
            relation = self._connection.sql(sql) if params is None else self._connection.sql(sql, params=params)
            if relation is None:  # as DuckDB 1.5 has it
                raise Unsupported("not a query")
            return tuple(relation.columns), tuple(str(t) for t in relation.types)
        except _WRONG_QUERY as error:
            if self._reads_placeholder(sql):
                raise Unsupported("names that depend on the type of a nested column") from None
            raise QueryError(self._located(sql, params, error)) from None
        except duckdb.PermissionException:
            raise Unsupported("table that is not stored") from None
        except duckdb.Error as error:
            raise Unsupported(_first_line(str(error))) from None

    def _located(self, sql: str, params: object, error: duckdb.Error) -> str:
        """DuckDB's message with the line and caret, which a relation's error lacks and a statement's has.

        A query whose names or types are wrong fails to bind here too, so nothing runs.
        """
        if isinstance(error, (duckdb.BinderException, duckdb.CatalogException)):
            try:
                self._connection.execute(sql, params)
            except duckdb.Error as located:
                return str(located)
            versions.abort(self._connection)
        return str(error)

    def _reads_placeholder(self, sql: str) -> bool:
        nodes = (node for node in objects_in(self.parse(sql)) if node.get("type") == "BASE_TABLE")
        return not {node["table_name"].lower() for node in nodes}.isdisjoint(self._placeholders)

    def serialized_plan(self, sql: str) -> dict[str, Any]:
        """The root operator of the optimised plan, or of the bound one where DuckDB can't serialise the former."""
        plan = self._serialized(sql, optimize=True)
        return _root(self._serialized(sql, optimize=False) if plan["error"] else plan)

    def optimized_plan(self, sql: str) -> dict[str, Any]:
        """The root operator of the optimised plan; Unsupported where DuckDB can't serialise that."""
        return _root(self._serialized(sql, optimize=True))

    def unoptimized_plan(self, sql: str) -> dict[str, Any]:
        """The root operator of the plan as it was bound; Unsupported where DuckDB can't serialise that."""
        return _root(self._serialized(sql, optimize=False))

    def bound_plan(self, sql: str) -> dict[str, Any]:
        """The root operator of any one statement's plan, not optimised if DuckDB can serialise that.

        Raises QueryError in DuckDB's words.
        """
        plan = self._serialized(sql, optimize=False)
        if plan["error"] and plan["error_type"] in _WRONG_STATEMENT:
            raise QueryError(f"{plan['error_type'].capitalize()} Error: {plan['error_message']}")
        if plan["error"]:
            return self.serialized_plan(sql)
        return _root(plan)

    def set_variables(self, values: Mapping[str, object]) -> list[str]:
        """Set session variables to Python values; returns their DuckDB types, as text."""
        try:
            for name, value in values.items():
                if value is None:  # which has no type so; set to it, the variable is an INTEGER in DuckDB 1.5
                    self._connection.execute(f"reset variable {identifier(name)}")
                else:
                    self._connection.execute(f"set variable {identifier(name)} = ?", [value])
        except duckdb.Error as error:
            raise Unsupported(_first_line(str(error))) from None
        listed = ", ".join(f"typeof(getvariable({string(name)}))" for name in values)
        return list(self._connection.execute(f"select {listed}").fetchall()[0]) if values else []

    def _serialized(self, sql: str, *, optimize: bool) -> dict[str, Any]:
        """What DuckDB says of a statement's plan, or of the error."""
        found: dict[str, Any] = load(
            self._scalar(f"select json_serialize_plan(?, optimize := {str(optimize).lower()})", [sql]),
            self._version.rewrite,
        )
        return found

    def _scalar(self, sql: str, params: list[str]) -> str:
        try:
            return str(self._connection.execute(sql, params).fetchall()[0][0])
        except duckdb.Error as error:
            raise Unsupported(_first_line(str(error))) from None


def _names_any(text: str, functions: frozenset[str], names: frozenset[str]) -> bool:
    """Whether a text may call one of these functions, or name the moment or one of these views and macros."""
    return not (functions.isdisjoint(functions_of(text)) and (CLOCK | names).isdisjoint(words_of(text)))


def _root(plan: dict[str, Any]) -> dict[str, Any]:
    """The root operator; raises Unsupported for an error in its place."""
    if plan["error"]:
        raise Unsupported(f"plan that DuckDB can't serialise: {_first_line(plan['error_message'])}")
    (root,) = plan["plans"]
    return dict(root)


def _first_line(message: str) -> str:
    return message.split("\n", 1)[0]
