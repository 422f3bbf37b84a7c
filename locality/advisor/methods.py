"""Methods of a connection that choose how the rows of tables lie, and that put them so."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from locality.advisor.advice import Advice
from locality.advisor.analysis import Analysis, analyse
from locality.advisor.budget import bytes_allowed, stored_bytes
from locality.advisor.log import WorkloadLog
from locality.advisor.logged import LoggedWorkload, logged_workload
from locality.advisor.maps import Maps
from locality.advisor.search import choose, mapped
from locality.advisor.verdict import disappointing, predictions
from locality.advisor.workload import Skipped, Workload, WorkloadQuery, read_workload
from locality.errors import QueryError
from locality.plan.nodes import PRIMARY
from locality.runtime.execution import QueryExecution
from locality.runtime.opened import Opened
from locality.runtime.query import PreparedQuery
from locality.runtime.reorganize import place_rows
from locality.runtime.result import Result
from locality.sql.given import Parameters
from locality.storage.rewrite import RewriteReport, drop_layout
from locality.storage.rollups import RollupReport
from locality.storage.snapshot import Snapshot
from locality.units import byte_size


class Advised(Opened):
    """What :class:`locality.connection.Connection` can do to the layouts of tables, by itself or by a workload."""

    _log: WorkloadLog

    @abstractmethod
    def _answer(self, sql: str, params: Parameters | None) -> Result:
        """See :meth:`locality.connection.Connection.sql`; the query is not logged."""

    @abstractmethod
    def _plan(self, sql: str, params: Parameters | None, snapshot: Snapshot) -> PreparedQuery | str:
        """The prepared query, or why DuckDB has to answer."""

    @abstractmethod
    def rollup(self, name: str, sql: str) -> RollupReport:
        """See :meth:`locality.runtime.rollups.Rollups.rollup`."""

    def advise(
        self, workload: Workload | None = None, budget: int | str | None = None, *, rollups: bool = False
    ) -> Advice:
        """Says how tables should lie for a workload: what to build and why, its worth to each query, and its cost.

        Queries that were not measured yet are run once; what they would move is predicted from samples, and nothing is
        written. Only what pays is proposed.

        Args:
            workload: SQL texts, each alone or with parameters or a weight (how often it is asked); a text with several
                queries separated by semicolons, or the path of a file of such. Default what the store's log holds, see
                :meth:`workload`: each query as often as it was asked lately.
            budget: bytes that the store's files may take in all, also as text (``"2GB"``), or as a multiple of the
                tables without further layouts (``"1.5x"``). Default what they take now: orders, and no further layouts.
            rollups: whether aggregations may be stored from which queries are answered; without a budget of any size.

        Raises:
            QueryError: the workload has no query, or the budget is none. SourceError: the file can't be read.
        """
        drifted = ""
        if workload is None:
            queries, drifted = self._logged(), self.workload().drifted
        else:
            queries = read_workload(workload)
        snapshot = self._snapshot()
        analyses, skipped = analyse(
            queries, snapshot, lambda sql, params: self._plan(sql, params, snapshot), self._answer
        )
        execution = QueryExecution(self._workers, self.settings.memory_bytes)
        held = stored_bytes(snapshot)
        room = 0 if budget is None else bytes_allowed(budget, snapshot) - held
        advice = choose(analyses, skipped, snapshot, execution, room, rollups=rollups)
        failed = disappointing(analyses, self._log.read(), snapshot)
        told = {(removal.table, removal.layout) for removal in failed}
        useless = (removal for removal in advice.removals if (removal.table, removal.layout) not in told)
        advice = replace(advice, removals=(*failed, *useless))
        if drifted:
            advice = replace(advice, notes=(f"since the last optimize {drifted}",))
        if budget is None or room > 0:
            return advice
        note = f"the budget of {byte_size(held + room)} leaves no room for further layouts: "
        return replace(advice, notes=(*advice.notes, f"{note}the store takes {byte_size(held)}"))

    @overload
    def optimize(
        self,
        table: Advice | None = None,
        *,
        workload: Workload | None = None,
        budget: int | str | None = None,
        rollups: bool = False,
    ) -> tuple[RewriteReport, ...]: ...

    @overload
    def optimize(
        self,
        table: str,
        *,
        order: str | Sequence[str] = (),
        curve: Sequence[str] = (),
        layout: str = PRIMARY,
        columns: Sequence[str] | None = None,
        carry: str | Sequence[str] | None = None,
    ) -> RewriteReport: ...

    def optimize(
        self,
        table: str | Advice | None = None,
        *,
        order: str | Sequence[str] = (),
        curve: Sequence[str] = (),
        layout: str = PRIMARY,
        columns: Sequence[str] | None = None,
        carry: str | Sequence[str] | None = None,
        workload: Workload | None = None,
        budget: int | str | None = None,
        rollups: bool = False,
    ) -> RewriteReport | tuple[RewriteReport, ...]:
        """Writes the rows of a table again, placed so that queries which filter or group by these columns move less.

        Zones of rows whose values a filter excludes are not read, so the more of them lie together the fewer are. The
        rows of the table are the same; where SQL leaves an order open, they come in the new one. Other connections read
        on meanwhile. Rows that are appended later lie after the others, until the table is optimized again.

        Args:
            table: the table's name; or advice, whose proposals are carried out one after the other. Default what
                :meth:`advise` says of ``workload`` and ``budget``.
            order: a column or several, the most significant first: of the table, or ``parent.column`` of a table that
                its foreign keys lead to, so that rows lie with those of their parents. NULLs come last.
            curve: columns that queries filter by alike, now by one and now by another: rows that are equal in ``order``
                lie along a Hilbert curve through them, near each other in all of them.
            layout: the name of a further copy of the rows to make, or to make anew, instead: the table stays as it is,
                every later change goes to all layouts, and a query reads the one of which it moves the fewest bytes.
            columns: those that the copy has; default all.
            carry: columns of parents to store with the rows, so that queries need not join for them:
                ``"orders.o_orderdate"``, the whole way as ``"orders.customer.nation.n_name"``, or the position of the
                parent's row as ``"orders.rowid"``. A foreign key's first column tells two keys to one table apart.
                Default those that the layout has; none for ``[]``. They serve until values of a table on the way
                change, and from the next time on that the layout is written.
            workload: see :meth:`advise`.
            budget: see :meth:`advise`.
            rollups: see :meth:`advise`.

        Returns:
            What was written; of advice, for each proposal for a table, in the order in which it was carried out.

        Raises:
            CatalogError: there is no such table. SchemaError: there is no such column, or it has no order.
            MemoryLimitError: the keys do not fit the memory limit. StoreLockedError, StoreFullError, StoreError: the
                store can't be written to; it is as it was.
        """
        self._check_writable()
        if table is None:
            table = self.advise(workload, budget, rollups=rollups)
        if isinstance(table, Advice):
            reports = tuple(self._place(p.table, p.order, p.curve, p.layout, p.columns, p.carry) for p in table.steps)
            for each in table.rollups:
                self.rollup(each.name, each.sql)
            self._after_rewrite()
            if reports or table.rollups:
                self._log.mark(predictions(table) if self.settings.workload_log is not False else {})
            return reports
        carry = [carry] if isinstance(carry, str) else carry
        report = self._place(table, [order] if isinstance(order, str) else order, curve, layout, columns, carry)
        self._after_rewrite()
        self._log.mark({})
        return report

    def drop_layout(self, table: str, layout: str) -> None:
        """Removes a layout that :meth:`optimize` made beside the primary one; raises CatalogError if there is none."""
        self._check_writable()
        drop_layout(self._store, table, layout)
        self._after_rewrite()
        self._log.mark({})

    def workload(self) -> LoggedWorkload:
        """What was asked of the store, by whatever connection, as an object that prints as a table.

        Queries that differ in constants alone are one. A connection opened with ``workload_log=False`` adds nothing to
        it, and what a read-only one adds is seen by itself alone, unless it was opened with ``workload_log=True``.
        """
        self._snapshot()
        return logged_workload(self._log.read())

    def maps(self, workload: Workload | None = None) -> Maps:
        """What a workload reads of each layout of each table: see :meth:`advise`; the log may be empty."""
        snapshot = self._snapshot()
        queries = self.workload().queries() if workload is None else read_workload(workload)
        analyses, _ = self._analysed(queries, snapshot)
        return mapped(analyses, snapshot, QueryExecution(self._workers, self.settings.memory_bytes))

    def clear_workload(self) -> None:
        """Forgets what was asked of the store; raises StoreError if it is open read-only."""
        self._snapshot()
        self._log.clear()

    def _analysed(self, queries: Sequence[WorkloadQuery], snapshot: Snapshot) -> tuple[list[Analysis], list[Skipped]]:
        return analyse(queries, snapshot, lambda sql, params: self._plan(sql, params, snapshot), self._answer)

    def _logged(self) -> list[WorkloadQuery]:
        queries = self.workload().queries()
        if not queries:
            raise QueryError(
                "no workload: the log of the store is empty; ask queries first, or pass the SQL texts that layouts are "
                "to be chosen for (workload=..., --workload FILE)"
            )
        return queries

    def _place(
        self,
        table: str,
        order: Sequence[str],
        curve: Sequence[str],
        layout: str = PRIMARY,
        columns: Sequence[str] | None = None,
        carry: Sequence[str] | None = None,
    ) -> RewriteReport:
        execution = QueryExecution(self._workers, self.settings.memory_bytes)
        return place_rows(self._store, execution, self.settings, table, order, curve, layout, columns, carry)
