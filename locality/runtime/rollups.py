"""Rollups: what a user says that one is to hold, and computing its rows."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from dataclasses import replace
from itertools import count

import pyarrow as pa

from locality.errors import SchemaError, Unsupported
from locality.plan.expressions import AggregateCall, Call, Cast, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import Aggregate, Node, Project, Query, Sort
from locality.plan.rollups import Grouping, grouping_of, kept
from locality.runtime.columns import columns_of_plan
from locality.runtime.execution import QueryExecution
from locality.runtime.opened import Opened
from locality.settings import Settings
from locality.sql.planner import Planner
from locality.storage.catalog import fold
from locality.storage.ingest.source import Place, Source, StreamSource, ready
from locality.storage.rollups import RollupReport, drop_rollup, make_rollup
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table


class Rollups(Opened):
    """What :class:`locality.connection.Connection` can do about stored aggregations."""

    _planner: Planner
    _lock: threading.RLock

    @abstractmethod
    def _sync(self, snapshot: Snapshot) -> None:
        """Has the planner plan over the tables of a snapshot."""

    def rollup(self, name: str, sql: str) -> RollupReport:
        """Stores an aggregation of a table, from which queries are then answered wherever that gives the same.

        Such are queries that group by the rollup's groups, by fewer of them, or by what can be told from them, such as
        months from days; that filter by these; and whose aggregates can be put together from the stored ones. Rows that
        are appended to the table add rows to the rollup in the same commit. Deletions and updates leave it out of use,
        until the table is compacted or optimized, or this method is called again.

        Args:
            name: what the rollup is called; one of that name is made anew.
            sql: ``select ... from table [where ...] group by ...``, a query that selects groups and aggregates:
                ``count``, ``sum`` and ``avg`` of integers and decimals, ``min``, ``max``, ``bool_and``, ``bool_or``.

        Raises:
            QueryError: the query is wrong. SchemaError: it is no such aggregation.
            StoreLockedError, StoreFullError, StoreError: the store can't be written to; it is as it was.
        """
        self._check_writable()
        started = time.perf_counter()
        with self._lock:
            self._sync(self._snapshot())
            try:
                grouping = _definition(self._planner.plan(sql))
            except Unsupported as reason:
                raise SchemaError(f"rollup {name!r} can't be kept: {reason}") from None
        try:
            report = make_rollup(self._store, name, sql, grouping, self._partial_rows)
        except Unsupported as reason:
            raise SchemaError(f"rollup {name!r} can't be kept: {reason}") from None
        return replace(report, seconds=time.perf_counter() - started)

    def drop_rollup(self, name: str) -> None:
        """Removes a rollup; raises CatalogError if there is none of that name."""
        self._check_writable()
        drop_rollup(self._store, name)

    def _partial_rows(self, grouping: Grouping, table: Table) -> Source:
        return partial_rows(grouping, table, self.settings, QueryExecution(self._workers, self.settings.memory_bytes))


def partial_rows(grouping: Grouping, table: Table, settings: Settings, execution: QueryExecution) -> Source:
    """The rows of a rollup of all rows of ``table``, in the order of its groups; raises Unsupported."""
    groups = grouping.plan
    keys = tuple(SortKey(ColumnRef(i, group.type)) for i, group in enumerate(groups.groups))
    root: Node = Sort(groups, keys) if keys else groups
    columns, _ = columns_of_plan(root, {grouping.table: table}, settings, execution)
    names = _names(grouping, table)
    rows = pa.table(columns, names=names)
    types = dict(zip(names, root.types, strict=True))
    return StreamSource(rows.to_reader(), Place("the rollup"), ready, rows.num_rows, types)


def _definition(query: Query) -> Grouping:
    """What a query says that a rollup is to hold; raises Unsupported if it says anything else."""
    if not query.cacheable:
        raise Unsupported("what depends on the moment at which it is asked")
    node = query.root
    while isinstance(node, Project | Sort):
        if isinstance(node, Project) and not all(isinstance(e, ColumnRef) for e in node.expressions):
            raise Unsupported("it selects more than groups and aggregates")
        node = node.child
    grouping = grouping_of(node) if isinstance(node, Aggregate) else None
    if grouping is None:
        raise Unsupported("it is no aggregation of one table's rows")
    return kept(grouping)


def _names(grouping: Grouping, table: Table) -> list[str]:
    """Names of a rollup's columns, all different, for people to see what is read."""
    names: dict[str, str] = {}
    for name in (*(_told(e, table) for e in grouping.groups), *(_told_call(c, table) for c in grouping.aggregates)):
        different = (name if number == 1 else f"{name} {number}" for number in count(1))
        names.setdefault(*next((fold(each), each) for each in different if fold(each) not in names))
    return list(names.values())


def _told_call(call: AggregateCall, table: Table) -> str:
    return f"{call.name}({', '.join(_told(arg, table) for arg in call.args)})" if call.args else "count(*)"


def _told(expression: Expression, table: Table) -> str:
    match expression:
        case ColumnRef(index):
            return table.column_name(index)
        case Call("date_trunc", (Constant(str(period)), argument)):
            return f"{period} of {_told(argument, table)}"
        case Cast(arg, dtype):
            return f"{_told(arg, table)} as {dtype}"
        case Call(name, args):
            return f"{name}({', '.join(_told(arg, table) for arg in args if not isinstance(arg, Constant))})"
        case _:
            return "value"
