"""A DuckDB connection as people's programs know it, in front of DuckDB and of layouts of its tables."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar

import duckdb

from locality.duckdb.layouts import Layouts
from locality.duckdb.partial import Done, PartialQuery
from locality.duckdb.pending import Pending
from locality.duckdb.relation import AttachedRelation, raw_of
from locality.duckdb.routing import Router
from locality.duckdb.scope import Variables, call_from, call_with, variables_of
from locality.duckdb.transactions import Transactions
from locality.duckdb.watch import Watcher
from locality.errors import InterruptError, LocalityError, StoreError, Unsupported
from locality.runtime.profile import Profile
from locality.sql.quoting import identifier
from locality.sql.versions import abort, statement_counter
from locality.sql.written import BEFORE, may_write

if TYPE_CHECKING:
    from locality.runtime.explain import Explained
    from locality.runtime.result import Result
    from locality.sql.dataset import StoredDataset
    from locality.sql.given import Parameters

T = TypeVar("T")
#: Methods that fetch from the last ``execute``, and DuckDB's relation has too.
_FETCHES = frozenset(
    {
        *("df", "fetchdf", "fetch_df", "fetchnumpy", "to_arrow_table", "to_arrow_reader", "fetch_df_chunk"),
        *("torch", "tf", "arrow", "fetch_arrow_table", "fetch_record_batch", "pl"),
    }
)
_AS = {"fetch_df": "df"}
#: A statement that begins a transaction, and no other.
_BEGIN = re.compile(BEFORE + r"(begin|start)(\s+(transaction|work))?(\s+read\s+(only|write))?\s*;?\s*", re.IGNORECASE)


class AttachedConnection:
    """What it doesn't say itself is DuckDB's. Like DuckDB's, use it from one thread at a time, and cursors from others.

    ``last_profile`` says which engine answered the last query and, for DuckDB, why; None before the first.
    """

    last_profile: Profile | None = None

    def __init__(
        self, raw: duckdb.DuckDBPyConnection, layouts: Layouts | None, *, is_new: bool = False, is_open: bool = False
    ) -> None:
        """``layouts``: None where there can be none. is_new: nothing ran here yet. is_open: a transaction is open."""
        self._raw = raw
        self._layouts = layouts
        counter = statement_counter(raw)
        self._transactions = Transactions(None if layouts is None else counter, is_new=is_new)
        self._router = None if layouts is None else Router(layouts, counter, self._transactions, is_new=is_new)
        self._pending: Pending | None = None
        watch = None if layouts is None else layouts.watch
        self._watcher = None if watch is None or counter is None else Watcher(watch, counter, is_open=is_open)

    @property  # type: ignore[misc] # mypy takes the class of an object for fixed; isinstance asks this
    def __class__(self) -> type:
        """DuckDB's class: tools ask for it, and need no more of it than is delegated."""
        return duckdb.DuckDBPyConnection

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *dir(self._raw)})

    def __repr__(self) -> str:
        tables = () if self._layouts is None else self._layouts.tables
        return f"<DuckDB connection with layouts of {', '.join(sorted(tables)) or 'no table'}>"

    # --- statements

    def execute(self, query: Any, parameters: Any = None, **options: Any) -> AttachedConnection:
        """Run statements; rows are fetched from this connection."""
        if isinstance(query, str) and _BEGIN.fullmatch(query):
            self._transactions.look_for_holders(self)
        result = None if options else self.answer(query, parameters, replaces=True)
        if result is not None:
            abort(self._raw)
            self._pending = Pending(result)
            return self
        self._pending = None
        variables = variables_of(sys._getframe(1))
        by_parts = None if options else self._by_parts(query, parameters, variables)
        if by_parts is not None:
            abort(self._raw)
            if self.answer_by_parts(by_parts, lambda call: self._told(query, lambda: call("execute"))) is not None:
                self._transactions.ran()
                return self
        given = () if parameters is None else (parameters,)
        run = partial(
            self._told, query, partial(call_with, variables, partial(self._raw.execute, query, *given, **options))
        )
        if self._router is not None and isinstance(query, str):
            run = partial(self._router.run, query, run)
            if _BEGIN.fullmatch(query):
                run = partial(self._begin, run)
        run()
        self._transactions.ran()
        return self

    def _told(self, query: Any, call: Callable[[], T]) -> T:
        """Run statements as ``call`` does, before the eyes of the watch if there is one."""
        text = query if isinstance(query, str) else query.query
        self._transactions.statements(text)
        return call() if self._watcher is None else self._watcher.statements(text, call)

    def told(self, name: str, args: Iterable[Any], call: Callable[[], T]) -> T:
        """Call a method of the connection, or of a relation of it, that has this name, before the eyes of the watch."""
        texts = [each for each in args if isinstance(each, str)]
        run = partial(self._transactions.method, name, texts, call)
        return run() if self._watcher is None else self._watcher.method(name, texts, run)

    def begin(self) -> AttachedConnection:
        """Begin a transaction."""
        self._transactions.look_for_holders(self)
        self._begin(partial(self.told, "begin", (), self._raw.begin))
        self._transactions.ran()
        return self

    def _begin(self, run: Callable[[], object]) -> None:
        self._transactions.begin(self._raw, None if self._layouts is None else self._layouts.content, run)

    def sql(self, query: Any, *, alias: str = "", params: Any = None) -> AttachedRelation | None:
        """A relation over the last statement, or None if that returns nothing; earlier statements run now."""
        bind = partial(self._raw.sql, query, alias=alias, params=params)
        if self._router is None or not isinstance(query, str) or alias:
            variables = variables_of(sys._getframe(1))
            return self._related(self._told(query, partial(call_with, variables, bind)), params)
        if self._router.is_known(query):
            return AttachedRelation(self, bind, params, query)
        variables = variables_of(sys._getframe(1))
        by_parts = self._by_parts(query, params, variables)
        if by_parts is not None and may_write(query) and self.answer(query) is None:
            done = self.answer_by_parts(by_parts, lambda call: self._told(query, lambda: call("sql")))
            if done is not None:
                return self._related(done.value)
        raw = self._told(query, partial(call_with, variables, bind))
        if raw is None:
            return None
        # of a statement with parameters DuckDB 1.5 keeps the rows, not the text
        is_planned = (params is None or not self._router.is_counted) and self._router.plans(query, None, self._ask)
        relation = AttachedRelation(self, lambda: raw, params, query if is_planned else None)
        if self._router.divide(query, params, self._ask) is not None:
            relation.by_parts = by_parts
        return relation

    def _by_parts(self, query: Any, params: Any, variables: Variables) -> PartialQuery | None:
        if self._router is None or not isinstance(query, str):
            return None
        if params is not None and not isinstance(params, list | tuple | dict):
            return None
        return PartialQuery(self._raw, self._router, query, params, variables)

    query = sql
    from_query = sql

    def table(self, table_name: str) -> AttachedRelation | None:
        """A relation over a table, a view or a Python variable."""
        return self._related(call_from(sys._getframe(1), partial(self._raw.table, table_name)))

    def view(self, view_name: str) -> AttachedRelation | None:
        """A relation over a view."""
        return self._related(call_from(sys._getframe(1), partial(self._raw.view, view_name)))

    def create_function(self, name: str, *args: Any, **kwargs: Any) -> AttachedConnection:
        """Make a function of Python's; queries that name it are DuckDB's from now on."""
        if self._router is not None:
            self._router.add_function(name)
        self._raw.create_function(name, *args, **kwargs)
        return self

    def answer(self, query: Any, params: Any = None, *, replaces: bool = False) -> Result | None:
        """Locality's answer to a text, None if DuckDB has to give it; ``last_profile`` then says why.

        replaces: whether an unfinished result of the last ``execute`` may go. Raises duckdb.InterruptException.
        """
        try:
            if self._router is None:
                raise Unsupported("the database can't have layouts")
            if not isinstance(query, str):
                raise Unsupported("not a text")
            result = self._router.answer(query, params, self._ask_again if replaces else self._ask)
        except InterruptError as error:
            raise duckdb.InterruptException(f"INTERRUPT Error: {error}") from None
        except LocalityError as reason:
            self.last_profile = Profile(engine="duckdb", reason=str(reason).split("\n", 1)[0])
            return None
        self.last_profile = result.profile
        return result

    def answer_by_parts(self, query: PartialQuery, finish: Callable[[Callable[..., Any]], Any]) -> Done | None:
        """What ``finish`` makes of the rest of a statement of which Locality runs parts, None if it runs none.

        To be called after :meth:`answer` said why the statement is DuckDB's as a whole.
        """
        try:
            done = query.run(self._ask, finish)
        except InterruptError as error:
            raise duckdb.InterruptException(f"INTERRUPT Error: {error}") from None
        if done is not None:
            self.last_profile = Profile(engine="duckdb", reason=self.reason, parts=done.parts)
        return done

    @property
    def reason(self) -> str:
        """Why DuckDB answered the last query."""
        return "" if self.last_profile is None else self.last_profile.reason

    def explained(self, sql: str, params: Parameters | None = None) -> Explained:
        """See :func:`explain`."""
        from locality.runtime.explain import explain_fallback  # with the engine, which attaching leaves alone

        if self.answer(sql, params) is None or self._router is None:
            division = None if self._router is None else self._router.divide(sql, params, self._ask)
            return explain_fallback(
                self.reason, None, [] if division is None else [p.sql for p in division.split.parts]
            )
        return self._router.route(sql, self._ask).explain(sql, params)

    # --- layouts

    def dataset(self, table: str) -> StoredDataset:
        """A table with a layout, as it is now, for other engines to scan: a ``pyarrow.dataset.Dataset``.

        Scans raise StoreError once the database was written to.

        Raises:
            StoreError: the layout can't be read now, for the reason that it says.
        """
        from locality.sql.dataset import StoredDataset  # which imports pyarrow.dataset: a third of a second

        layouts = self._sidecar()
        router = Router(layouts, statement_counter(self._raw), self._transactions)
        try:
            stored = router.route(f"select * from {identifier(table)}", self._ask).dataset(table)
        except Unsupported as reason:
            raise StoreError(f"table {table!r} can't be scanned: {reason}") from None
        return StoredDataset(stored.source, layouts.check(table))

    @property
    def accelerated(self) -> list[str]:
        """The tables that have a layout, whether it can be used or not; none in memory."""
        return [] if self._layouts is None else self._layouts.tables

    def accelerate(self, *tables: str) -> None:
        """Build layouts of these tables of the database, all of them if none is named, as they are now.

        They lie beside the database file, and serve until the database is written to again.

        Raises:
            CatalogError: there is no such table. SchemaError: a table can't be kept exactly as it is.
            StoreError: the database is in memory and others may reach it, or they keep writing to it.
        """
        layouts = self._sidecar()
        if layouts.alone is not None:
            layouts.alone.claim(self)
        layouts.build(self._raw, tables)

    def refresh(self) -> None:
        """Have the layouts hold what the database holds; raises as :meth:`accelerate` does.

        Rows that were added behind those that are there are appended; of tables with other changes all rows are copied.
        """
        self._sidecar().refresh(self._raw)

    def forget(self, *tables: str) -> None:
        """Drop the layouts of these tables, all if none is named; raises CatalogError for one without."""
        layouts = self._sidecar()
        layouts.forget(tables or layouts.tables)

    # --- rows of the last execute

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None after the last."""
        return (self._raw if self._pending is None else self._pending).fetchone()

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """The next ``size`` rows, fewer at the end."""
        return (self._raw if self._pending is None else self._pending).fetchmany(size)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        return (self._raw if self._pending is None else self._pending).fetchall()

    @property
    def description(self) -> Any:
        """Name and type of each column of the last ``execute``."""
        return (self._raw if self._pending is None else self._pending).description

    @property
    def rowcount(self) -> int:
        """DuckDB's."""
        return (self._raw if self._pending is None else self._pending).rowcount

    # --- the rest

    def executemany(self, query: Any, parameters: Any = None) -> AttachedConnection:
        """Run a statement once for each set of parameters."""
        self._pending = None
        variables = variables_of(sys._getframe(1))
        self._told(query, partial(call_with, variables, partial(self._raw.executemany, query, parameters)))
        return self

    def cursor(self) -> AttachedConnection:
        """Another connection to the same database, with the same layouts."""
        raw = self._raw.cursor() if self._layouts is None else self._layouts.cursor(self._raw)
        return AttachedConnection(raw, self._layouts, is_new=True)

    duplicate = cursor

    def interrupt(self) -> None:
        """Stop what another thread is running on this connection."""
        if self._layouts is not None:
            self._layouts.interrupt()
        self._raw.interrupt()

    def close(self) -> None:
        """Close DuckDB's connection; the layouts stay where they are."""
        self._pending = None
        self._raw.close()

    def __enter__(self) -> AttachedConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return self._raw.__reduce_ex__(protocol)  # which fails as pickling and copying fail in DuckDB

    def __getattr__(self, name: str) -> Any:
        if name in _FETCHES and self._pending is not None:
            return partial(self._fetched, name)
        value = getattr(self._raw, name)
        return partial(self._delegated, name) if callable(value) else value

    def _fetched(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "fetch_df_chunk" and self._pending is not None:
            return self._pending.df_chunk(*args, **kwargs)
        rest = None if self._pending is None else self._pending.rest()
        return None if rest is None else getattr(rest, _AS.get(name, name))(*args, **kwargs)

    def _delegated(self, called: str, *args: Any, **kwargs: Any) -> Any:
        given = {name: raw_of(each) for name, each in kwargs.items()}
        run = partial(getattr(self._raw, called), *map(raw_of, args), **given)
        value = self.told(called, (*args, *kwargs.values()), run)
        if value is self._raw:
            return self
        return self._related(value) if isinstance(value, duckdb.DuckDBPyRelation) else value

    def _related(self, raw: duckdb.DuckDBPyRelation | None, params: Any = None) -> AttachedRelation | None:
        return None if raw is None else AttachedRelation(self, lambda: raw, params)

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        rows = self._raw.sql(sql).fetchall()
        self._transactions.ran()
        return rows

    def _ask_again(self, sql: str) -> list[tuple[Any, ...]]:
        rows = self._raw.execute(sql).fetchall()
        self._transactions.ran()
        return rows

    def parts(self) -> tuple[duckdb.DuckDBPyConnection, Layouts]:
        """DuckDB's connection, and the layouts; raises StoreError if there can't be any."""
        return self._raw, self._sidecar()

    def _sidecar(self) -> Layouts:
        if self._layouts is None:
            raise StoreError(
                "the database that the connection was opened with can't have layouts: it is not in use, or encrypted,"
                " or in memory with DuckDB 1.5"
            )
        return self._layouts
