"""A connection to a store: ingest, SQL, EXPLAIN, and what the store holds."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from locality.advisor.log import WorkloadLog
from locality.advisor.methods import Advised
from locality.errors import ConnectionClosedError, LocalityError, NoFallbackError, QueryError, StoreError, Unsupported
from locality.kernel.loader import warm_up
from locality.runtime.changes import Changer, Statement, writes
from locality.runtime.divides import Divides
from locality.runtime.execution import QueryExecution, Workers
from locality.runtime.explain import Explained, explain_fallback, explain_query, requested
from locality.runtime.generic import GenericPlans
from locality.runtime.interrupts import Interrupt, Interrupts
from locality.runtime.parts import Splitter
from locality.runtime.plans import Plans, key_of
from locality.runtime.profile import Profile
from locality.runtime.query import PreparedQuery, check_optimizers
from locality.runtime.repair import Checks
from locality.runtime.result import Result
from locality.runtime.rollups import RollupRows, Rollups
from locality.runtime.sources import sources_of
from locality.runtime.stored import StoredTables
from locality.runtime.writes import Writes
from locality.scratch import ScratchDirectory
from locality.settings import Settings
from locality.sql.evaluate import session_time_zone
from locality.sql.fallback import Fallback
from locality.sql.given import Parameters
from locality.sql.parameters import check
from locality.sql.planner import Planner
from locality.sql.settings import followed
from locality.sql.shadow import NotASelect
from locality.storage.damage import from_whole_layouts
from locality.storage.rollups import maintaining
from locality.storage.segment import decompressed
from locality.storage.snapshot import Snapshot
from locality.storage.store import Store
from locality.units import quantity

#: Tables that are named where a connection is printed.
_NAMED = 12


def connect(
    path: str | Path | None = None,
    *,
    read_only: bool = False,
    threads: int | None = None,
    memory_limit: int | str | None = None,
    disabled_optimizers: Iterable[str] = (),
    workload_log: bool | None = None,
) -> Connection:
    """Opens a store, and creates it if there is none; without a path, a temporary one that is removed at close.

    Args:
        path: the store's directory.
        read_only: refuse to write, and to create a store.
        threads: worker threads; default all cores that this process may use.
        memory_limit: bytes that a query's intermediate state may take, such as ``"2GB"``; default 80% of the machine's
            memory.
        disabled_optimizers: names of optimizer passes and operator choices to go without; see docs/benchmarks.md.
        workload_log: keep in the store what is asked of it; default unless ``read_only``. See docs/advisor.md.

    Raises:
        StoreError: the directory is no store; or, read-only, there is none.
        ValueError: a setting has no such value, or one of ``disabled_optimizers`` isn't there or can't be disabled.
    """
    settings = Settings(disabled_optimizers=frozenset(disabled_optimizers), workload_log=workload_log)
    check_optimizers(settings.disabled_optimizers)
    if threads is not None:
        settings.threads = threads
    if memory_limit is not None:
        settings.memory_limit = memory_limit
    return Connection(path, settings, read_only=read_only)


class Connection(Rollups, Advised, StoredTables, Checks, Writes, Divides):
    """An open store; threads may share one connection. Use it as a context manager, or call :meth:`close`."""

    def __init__(
        self, path: str | Path | None, settings: Settings, *, read_only: bool = False, planner: Planner | None = None
    ) -> None:
        """See :func:`connect`; ``planner``: one of this connection's own, for another session than DuckDB's default."""
        self._temporary: ScratchDirectory | None = None
        if path is None:
            self._temporary = ScratchDirectory("store")
            path = Path(self._temporary.name, "temporary")
        self._store = Store.open(path, create=not read_only)
        self._read_only = read_only
        self.settings = settings
        self._workers = Workers(settings.threads)
        self._rollup_rows = RollupRows(settings, self._workers)
        self._store.maintain = maintaining(self._rollup_rows)
        self._interrupts = Interrupts()
        self._splitter = Splitter()
        self._planner = planner or Planner()
        self._changer = Changer(self._store, self._workers)
        self._log = WorkloadLog(self._store, writable=bool(settings.workload_log) or not read_only)
        self._left_open = weakref.finalize(self, self._log.flush)
        self._followed: Mapping[str, str] = {}
        self._fallback: Fallback | None = None
        self._spill: ScratchDirectory | None = None
        self._plans = Plans()
        self._generic = GenericPlans()
        self._synced: Snapshot | None = None
        self._trimmed = 0
        self._lock = threading.RLock()
        self._closed = False
        # Not a daemon: a thread that dies in the middle of an import leaves objects that DuckDB's client reports.
        threading.Thread(target=_warm_up).start()

    # --- queries

    def sql(self, sql: str, params: Parameters | None = None) -> Result:
        """Runs SQL and returns its result; of several statements, the last one's.

        Args:
            sql: anything that DuckDB accepts as a query, or a statement that changes rows.
            params: values of ``?`` or ``$1`` by position, or of ``$name`` by name.

        Raises:
            QueryError: the query is wrong, or a value overflows. MemoryLimitError: it needs too much memory.
            InterruptError: :meth:`interrupt` was called.
        """
        if not isinstance(sql, str):
            raise QueryError(f"a statement is text, not {type(sql).__name__}")
        return self._answer(sql, check(params), logged=self.settings.workload_log is not False)

    def execute(self, sql: str, params: Parameters | None = None) -> Result:
        """The same as :meth:`sql`, by the name that DuckDB's client and DB-API have for it."""
        return self.sql(sql, params)

    def _answer(self, sql: str, params: Parameters | None, *, logged: bool = False) -> Result:
        """See :meth:`sql`; ``logged``: whether the query belongs to the workload."""
        return from_whole_layouts(self._store, lambda: self._answered(sql, params, logged=logged))

    def _answered(self, sql: str, params: Parameters | None, *, logged: bool) -> Result:
        if (request := requested(sql)) is not None:
            with contextlib.suppress(QueryError):  # which DuckDB raises again, about the whole statement
                explained = self.explain(request.query, params, analyze=request.analyze)
                if explained.engine == "locality":
                    return request.result(explained)
        with self._interrupts.query() as interrupt:
            started = time.perf_counter()
            snapshot = self._snapshot()
            try:
                planned = self._plan(sql, params, snapshot)
            except NotASelect as statement:
                return self._change(Statement(sql, params, statement.kind), interrupt)
            planning = time.perf_counter() - started
            if isinstance(planned, PreparedQuery):
                execution = QueryExecution(self._workers, self.settings.memory_bytes, interrupt)
                try:
                    result = planned.run(execution, started, planning)
                    if decompressed.nbytes != self._trimmed:
                        self._trim(snapshot)
                    if logged:
                        self._log.add(sql, params, result.profile, snapshot.version)
                    return result
                except Unsupported as reason:
                    planned = str(reason)
                    self._remember(sql, params, snapshot, planned)
            interrupt.check()
            result = self._run_fallback(sql, params, snapshot, planned, started, planning, interrupt)
            if logged:
                self._log.add(sql, params, result.profile, snapshot.version)
            return result

    def interrupt(self) -> None:
        """Stops the queries that other threads are running on this connection: they raise InterruptError."""
        self._interrupts.request()

    def explain(self, sql: str, params: Parameters | None = None, *, analyze: bool = False) -> Explained:
        """The plan of a query, as an object that prints as text; with ``analyze`` it runs and its bytes are counted.

        A query of several steps runs without ``analyze`` too, if it has not yet: whether its later operators can take
        what the earlier ones put out, or DuckDB has to answer, shows only then. Of a statement that changes rows, the
        plan is that of finding them.
        """
        return from_whole_layouts(self._store, lambda: self._explained(sql, params, analyze=analyze))

    def _explained(self, sql: str, params: Parameters | None, *, analyze: bool) -> Explained:
        snapshot = self._snapshot()
        try:
            planned = self._plan(sql, params, snapshot)
        except NotASelect as statement:
            return self._explain_change(Statement(sql, params, statement.kind), snapshot, analyze=analyze)
        is_open = isinstance(planned, PreparedQuery) and not planned.is_settled
        profile = self._answer(sql, params).profile if analyze or is_open else None
        shown = profile if analyze else None
        if isinstance(planned, str) or (profile is not None and profile.engine != "locality"):
            reason = profile.reason if profile is not None else str(planned)
            found = self._split(sql, params, snapshot)
            return explain_fallback(reason, shown, () if found is None else [part.sql for part in found.parts])
        return explain_query(planned, shown)

    def _plan(self, sql: str, params: Parameters | None, snapshot: Snapshot) -> PreparedQuery | str:
        """The prepared query, or why DuckDB has to answer; kept for the next time where that is sound.

        Raises NotASelect for a statement that changes rows.
        """
        disabled = self.settings.disabled_optimizers
        key = key_of(sql, params, disabled)
        with self._lock:
            if self._fallback is not None and self._fallback.changed_settings != self._followed:
                self.follow(self._fallback.changed_settings)
            if foreign := self._followed.keys() - followed():
                if writes(kind := self._planner.kind(sql), sql):
                    raise NotASelect(kind)
                return f"setting {min(foreign)} was changed, which may change answers"
            if snapshot is not self._synced:
                self._sync(snapshot)
            if (planned := self._plans.find(key)) is not None:
                return planned
            try:
                planned, cacheable = self._generic.prepare(self._planner, sql, params, snapshot.scanned, self.settings)
            except Unsupported as reason:
                if isinstance(reason, NotASelect) and writes(reason.kind, sql):
                    raise
                planned, cacheable = str(reason), False
            if cacheable:
                self._plans.keep(key, planned)
            return planned

    def _trim(self, snapshot: Snapshot) -> None:
        """Lets decompressed strings go, and the plans that hold them, where they take more than half of the limit.

        Called after a query that had to decompress some.
        """
        self._trimmed = decompressed.nbytes
        segments = [
            segment for table in snapshot.tables.values() for layout in table.layouts for segment in layout.segments
        ]
        if sum(segment.cached_bytes for segment in segments) > self.settings.memory_bytes // 2:
            self._forget_plans()
            for segment in segments:
                segment.drop_cache()

    def _forget_plans(self) -> None:
        with self._lock:
            self._plans.clear()
            self._generic.clear()

    def _remember(self, sql: str, params: Parameters | None, snapshot: Snapshot, reason: str) -> None:
        """Has DuckDB answer at once when the query comes again: the same data would fail in the same way."""
        with self._lock:
            key = key_of(sql, params, self.settings.disabled_optimizers)
            if snapshot is self._synced and self._plans.find(key) is not None:
                self._plans.keep(key, reason)

    def follow(self, settings: Mapping[str, str]) -> None:
        """Plan with these values of DuckDB's settings, by name, from now on."""
        self._followed = settings
        self._planner.close()
        self._planner = Planner({name: value for name, value in settings.items() if name in followed()})
        self._forget_plans()
        self._synced = None

    def _after_rewrite(self) -> None:
        with self._lock:
            self._forget_plans()
            self._synced = None
        self._store.reclaim()

    def _sync(self, snapshot: Snapshot) -> None:
        self._planner.sync(
            {name: [(c.name, c.sql_type) for c in table.columns] for name, table in snapshot.tables.items()}
        )
        self._forget_plans()
        self._synced = snapshot

    def _run_fallback(
        self,
        sql: str,
        params: Parameters | None,
        snapshot: Snapshot,
        reason: str,
        started: float,
        planning: float,
        interrupt: Interrupt,
    ) -> Result:
        if not self.settings.fallback:
            raise NoFallbackError(f"not answered by Locality's own operators: {reason}")
        ran = self._run_parts(sql, params, snapshot, interrupt)
        with self._lock:
            fallback = self._opened_fallback()
            fallback.sync(sources_of(snapshot))
            answer = None
            if ran is not None:
                answer = fallback.run_rest(ran.split, ran.tables, params, lambda: interrupt.requested)
            if answer is None:
                if ran is not None:
                    self._splitter.refuse(sql, params)
                ran, answer = None, fallback.run(sql, params, lambda: interrupt.requested)
        profile = Profile(
            engine="duckdb",
            reason=reason,
            seconds=time.perf_counter() - started,
            planning_seconds=planning,
            rows=answer.table.num_rows,
            threads=self.settings.threads,
            parts=() if ran is None else ran.profiles,
        )
        return Result(answer.table, answer.names, answer.types, profile)

    def _opened_fallback(self) -> Fallback:
        """The DuckDB of this connection; called with the lock held."""
        if self._fallback is None:
            self._spill = ScratchDirectory("spill")
            self._fallback = Fallback(self.settings.threads, self.settings.memory_bytes, self._spill.name)
        return self._fallback

    # --- life

    def close(self) -> None:
        """Releases the store and the worker threads; a temporary store is removed. A second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._left_open.detach()
            if self._temporary is None:
                self._log.flush()
            self._forget_plans()
            self._workers.close()
            self._planner.close()
            self._changer.close()
            if self._fallback is not None:
                self._fallback.close()
            if self._spill is not None:
                self._spill.cleanup()
            self._store.close()
            if self._temporary is not None:
                self._temporary.cleanup()
            elif not self._read_only:
                self._store.reclaim()

    def __enter__(self) -> Connection:
        return self

    def __repr__(self) -> str:
        place = str(self._store.path) if self._temporary is None else "a temporary store"
        if self._closed:
            return f"<closed connection to {place}>"
        with contextlib.suppress(LocalityError):
            tables = self.tables()
            place += f": {quantity(len(tables), 'table')}" if len(tables) > _NAMED else f": {', '.join(tables)}"
        return f"<connection to {place}>"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _snapshot(self) -> Snapshot:
        self._check_open()
        return self._store.snapshot()

    def _check_open(self) -> None:
        if self._closed:
            raise ConnectionClosedError("the connection is closed; open another with locality.connect(path)")

    def _check_writable(self) -> None:
        if self._read_only:
            raise StoreError(
                "the store is open read-only: connect without read_only=True, or give locality sql --write"
            )


def _warm_up() -> None:
    warm_up()
    session_time_zone()  # asks the database that evaluates expressions
