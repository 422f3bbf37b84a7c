"""Answers SQL in DuckDB over the same snapshot, for what our own operators don't do yet."""

from __future__ import annotations

import contextlib
import re
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import duckdb
import pyarrow as pa

from locality.errors import (
    ConnectionClosedError,
    InterruptError,
    KeyViolation,
    LocalityError,
    MemoryLimitError,
    QueryError,
)
from locality.sql import parameters, versions
from locality.sql.given import Parameters, of_part
from locality.sql.quoting import checked, identifier
from locality.sql.replay import Replayed, created, replayed
from locality.sql.settings import RESOURCES
from locality.sql.source import Source
from locality.types import DataType, Domain, from_arrow

if TYPE_CHECKING:
    from locality.sql.dataset import StoredDataset
    from locality.sql.parts import Split

T = TypeVar("T")
#: Seconds between two looks at whether a query is to stop.
_LOOK = 0.05
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE_INTO", "COPY_DATABASE"})
_CATALOG = frozenset({"CREATE", "DROP", "ALTER", "CREATE_FUNC", "ATTACH", "DETACH", "TRANSACTION", "EXPORT", "VACUUM"})
_SETTINGS = frozenset({"SET", "VARIABLE_SET", "PRAGMA", "CALL"})
#: DuckDB does not ask a dataset for its number of rows and takes it for one, for which it chooses nested loops. On real
#: tables these take minutes where its other joins take milliseconds.
_UNKNOWN_ROWS = dict.fromkeys(("asof_loop_join_threshold", "nested_loop_join_threshold", "merge_join_threshold"), "0")
_EXTENSIONS = frozenset({"LOAD", "EXTENSION", "UPDATE_EXTENSIONS"})


@dataclass(frozen=True)
class Answer:
    """A result of DuckDB: its rows, column names and type names."""

    table: pa.Table
    names: tuple[str, ...]
    types: tuple[str, ...]


class Fallback:
    """A private DuckDB that sees the stored tables as views and holds nothing itself; safe to share between threads.

    ``changed_settings`` is what SQL (``SET TimeZone = ...``) has changed since the start that may change answers, by
    name: plans are to be trusted only where they were made with the same settings.
    """

    def __init__(self, threads: int, memory_limit: int = 0, temporary_directory: str | None = None) -> None:
        """``memory_limit`` in bytes, 0 for DuckDB's default; without ``temporary_directory`` DuckDB doesn't spill."""
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": str(threads),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "temp_directory": temporary_directory or "",
            **_UNKNOWN_ROWS,
        }
        if memory_limit:
            config["memory_limit"] = f"{memory_limit}B"
        try:
            connection = duckdb.connect(":memory:", config=config)
            self._settings = _settings(connection)
        except duckdb.OutOfMemoryException as error:
            raise MemoryLimitError(f"DuckDB needs more than the memory limit to start: {error}") from None
        self._connection: duckdb.DuckDBPyConnection | None = connection
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="locality-duckdb")
        # At exit too: DuckDB's threads must be gone before the interpreter is, as they may let go of Python objects.
        self._release = weakref.finalize(self, _release, connection, self._worker)
        self._lock = threading.RLock()
        self._datasets: dict[str, StoredDataset] = {}
        self.changed_settings: Mapping[str, str] = {}

    def close(self) -> None:
        """Free DuckDB; later calls raise ConnectionClosedError."""
        with self._lock:
            self._connection = None
            self._datasets.clear()
            self._release()

    def sync(self, sources: Iterable[Source]) -> None:
        """See these tables from now on; a table whose source is equal keeps its view."""
        from locality.sql.dataset import StoredDataset  # which imports pyarrow.dataset: a third of a second

        with self._lock:
            connection = self._open()
            wanted = {source.name: source for source in sources}
            for name in [n for n, dataset in self._datasets.items() if wanted.get(n) != dataset.source]:
                connection.execute(f"drop view {identifier(name)}")
                del self._datasets[name]
            for name, source in wanted.items():
                if name not in self._datasets:
                    dataset = StoredDataset(source)
                    connection.from_arrow(dataset).project(_declared(source)).create_view(name)
                    self._datasets[name] = dataset

    def run(
        self,
        sql: str,
        params: Parameters | None = None,
        stopped: Callable[[], bool] = lambda: False,
        parts: Mapping[str, pa.Table] = MappingProxyType({}),
    ) -> Answer:
        """The answer of the last statement of ``sql``; earlier ones run first, without parameters.

        parts: further tables that it may name.

        Raises QueryError in DuckDB's words, MemoryLimitError, the error of a scan as it is, and once DuckDB has
        stopped InterruptError because ``stopped()`` was true and KeyboardInterrupt on Ctrl-C.
        """
        given = parameters.check(params)
        with self._lock, self._errors():
            connection = self._open()
            statements = connection.extract_statements(checked(sql))
            if not statements:
                raise QueryError("the query is empty")
            for statement in statements:
                _admit(statement)
            *earlier, last = [sql] if _is_cut(statements) else [statement.query for statement in statements]
            for text in earlier:
                self._interruptibly(partial(_answer, connection, text, None), stopped)
            with _registered(connection, parts):
                answer = self._interruptibly(partial(_answer, connection, last, given), stopped)
            if any(statement.type.name in _SETTINGS for statement in statements):
                changed = dict(_settings(connection) - self._settings)
                self.changed_settings = {name: value for name, value in changed.items() if name not in RESOURCES}
            return answer

    def run_rest(
        self, split: Split, parts: Mapping[str, pa.Table], params: Parameters | None, stopped: Callable[[], bool]
    ) -> Answer | None:
        """The answer of a statement by way of its rest, which reads ``parts``; None if that may not be the same.

        Raises as :meth:`run`.
        """
        given = parameters.check(params)
        with self._lock, self._errors():
            connection = self._open()
            whole = _bound(connection, split.query, of_part(split.query, given))
        try:
            with self._lock, self._errors(), _registered(connection, parts):
                rest = _bound(connection, split.rest, of_part(split.rest, given))
            return self.run(split.text, of_part(split.text, given), stopped, parts) if rest == whole else None
        except QueryError:
            return None

    @contextlib.contextmanager
    def replay(
        self,
        sql: str,
        params: Parameters | None,
        primary_keys: Mapping[str, Sequence[str]],
        stopped: Callable[[], bool],
    ) -> Iterator[Replayed]:
        """What a statement that changes a table makes of a copy of it; the rows can be read in the body.

        Raises as :meth:`run`, and KeyViolation where a primary key would not hold.

        primary_keys: of all tables, none for those that have none.
        """
        given = parameters.check(params)
        with self._lock, self._errors():
            connection = self._open()

            def run(text: str, values: Parameters | None) -> Answer:
                return self._interruptibly(partial(_answer, connection, text, values), stopped)

            with replayed(connection, checked(sql), given, primary_keys, run) as found:
                yield found

    @contextlib.contextmanager
    def create(
        self, sql: str, params: Parameters | None, stopped: Callable[[], bool]
    ) -> Iterator[tuple[str, duckdb.DuckDBPyRelation]]:
        """The name and the rows of a table that a statement creates, to be read in the body; raises as :meth:`run`."""
        given = parameters.check(params)
        with self._lock, self._errors():
            connection = self._open()

            def run(text: str, values: Parameters | None) -> Answer:
                return self._interruptibly(partial(_answer, connection, text, values), stopped)

            with created(connection, checked(sql), given, run) as found:
                yield found

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise ConnectionClosedError("the connection is closed")
        return self._connection

    def _interruptibly(self, work: Callable[[], T], stopped: Callable[[], bool]) -> T:
        """Run ``work`` in a thread: DuckDB's own call doesn't notice Ctrl-C before it ends.

        It is interrupted again and again: DuckDB forgets what came before it began.
        """
        future = self._worker.submit(work)
        try:
            while not wait([future], timeout=_LOOK).done:
                if stopped():
                    self._open().interrupt()
        except KeyboardInterrupt:
            while not wait([future], timeout=_LOOK).done:
                self._open().interrupt()
            raise
        return future.result()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn DuckDB's errors into ours; an error that a scan raised is itself again."""
        for dataset in self._datasets.values():
            dataset.failure = None
        try:
            yield
        except duckdb.OutOfMemoryException as error:
            raise MemoryLimitError(str(error)) from None
        except duckdb.ConstraintException as error:
            raise KeyViolation(str(error)) from None
        except duckdb.InterruptException:
            raise InterruptError("the query was interrupted") from None
        except (duckdb.Error, pa.ArrowException) as error:
            for dataset in self._datasets.values():
                if isinstance(dataset.failure, LocalityError):
                    raise dataset.failure from None
            raise QueryError(str(error)) from None


def _release(connection: duckdb.DuckDBPyConnection, worker: ThreadPoolExecutor) -> None:
    worker.shutdown()
    connection.close()


def _settings(connection: duckdb.DuckDBPyConnection) -> frozenset[tuple[str, str]]:
    rows = connection.execute("select name, coalesce(value, '') from duckdb_settings()").fetchall()
    return frozenset((str(name), str(value)) for name, value in rows)


#: Types that plain Arrow has no form for: it tells a time without its offset, and bits by their bytes.
_LOSSY = re.compile(r"\bTIME WITH TIME ZONE|\bBIT\b")
_LOSSLESS = "arrow_lossless_conversion"


@contextlib.contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> Iterator[None]:
    for name, table in tables.items():
        columns = (_exact(identifier(f.name), from_arrow(f.type)) for f in table.schema)
        connection.from_arrow(table).project(", ".join(columns)).create_view(name)
    try:
        yield
    finally:
        for name in tables:
            connection.execute(f"drop view {identifier(name)}")


def _bound(
    connection: duckdb.DuckDBPyConnection, query: str, params: Parameters | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and types of a query's columns."""
    relation = connection.sql(query) if params is None else connection.sql(query, params=params)
    return tuple(relation.columns), tuple(str(t) for t in relation.types)


def _answer(connection: duckdb.DuckDBPyConnection, sql: str, params: Parameters | None) -> Answer:
    if not versions.installed().relates_changes and _changes(connection.extract_statements(sql)[-1]):
        connection.execute(sql, params)
        columns = [(str(name), str(dtype)) for name, dtype, *_ in connection.description or ()]
        names, types = zip(*columns, strict=True)
        return Answer(connection.to_arrow_table(), names, types)
    relation = connection.sql(sql) if params is None else connection.sql(sql, params=params)
    names, types = tuple(relation.columns), tuple(str(t) for t in relation.types)
    if not any(_LOSSY.search(text) for text in types):
        return Answer(relation.to_arrow_table(), names, types)
    connection.execute(f"set {_LOSSLESS} = true")
    try:
        return Answer(relation.to_arrow_table(), names, types)
    finally:
        connection.execute(f"reset {_LOSSLESS}")


#: Types with infinite values.
_MOMENTS = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})


def _declared(source: Source) -> str:
    """A projection that gives each column the type it was declared with, where Arrow's type means another one."""
    columns = []
    for field, dtype in zip(source.schema, source.types, strict=True):
        name = identifier(field.name)
        declared = from_arrow(field.type) == dtype
        columns.append(_exact(name, dtype) if declared else f"CAST({name} AS {dtype}) AS {name}")
    return ", ".join(columns)


def _exact(name: str, dtype: DataType) -> str:
    """A column of Arrow data, computed if DuckDB 1.5 makes other values of its in the filters that it would push."""
    if versions.installed().filters_extremes:
        return name
    if dtype.domain is Domain.FLOAT:
        return f"+{name} AS {name}"
    return f"CASE WHEN {name} IS NULL THEN NULL ELSE {name} END AS {name}" if dtype.name in _MOMENTS else name


def _changes(statement: duckdb.Statement) -> bool:
    """Whether a statement does more than answer."""
    return statement.expected_result_type != [duckdb.ExpectedResultType.QUERY_RESULT]


def _is_cut(statements: Sequence[duckdb.Statement]) -> bool:
    """Whether DuckDB 1.5 made these out of a PIVOT, which have no text: it creates a type for each column first."""
    return not all(statement.query for statement in statements)


def _admit(statement: duckdb.Statement) -> None:
    kind = statement.type.name
    if not statement.query:  # of a PIVOT
        return
    if kind in _WRITES:
        raise QueryError(
            f"{kind.replace('_', ' ')} is not possible here among several statements, or within another one:"
            " each is a commit of its own, to be run by itself"
        )
    if kind == "TRANSACTION":
        raise QueryError("there are no transactions of several statements: each statement is a commit of its own")
    if kind in _CATALOG:
        raise QueryError(f"{kind.replace('_', ' ')} is not possible in SQL here: a store holds tables only")
    if kind in _EXTENSIONS:
        raise QueryError("extensions can't be installed or loaded here: nothing is fetched from the network")
