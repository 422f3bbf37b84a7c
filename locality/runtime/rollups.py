"""Rollups: what a user says that one is to hold, and computing its rows."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

import pyarrow as pa

from locality.errors import SchemaError, Unsupported
from locality.optimizer.periods import next_start, start_of, truncation
from locality.plan.expressions import AggregateCall, Call, Cast, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import Aggregate, Join, JoinKey, Node, Project, Query, Scan, Sort
from locality.plan.rollups import COUNT_STAR, Grouping, grouping_of, kept
from locality.plan.virtual import ROW_ID
from locality.runtime.columns import columns_of_plan
from locality.runtime.execution import QueryExecution, Workers
from locality.runtime.opened import Opened
from locality.settings import Settings
from locality.sql.planner import Planner
from locality.storage.catalog import fold
from locality.storage.deletions import RowIds
from locality.storage.ingest.source import Place, Source, StreamSource, ready
from locality.storage.rollups import RollupReport, drop_rollup, make_rollup
from locality.storage.snapshot import Snapshot
from locality.storage.table import Table
from locality.types import BIGINT, BOOLEAN, DATE, INTEGER, TIMESTAMP, DataType

#: What plans call the rows that are gone; no table of a user is called so.
_GONE = "gone\0"
#: Types of groups whose ranges zones tell.
_BOUNDED = frozenset({DATE, TIMESTAMP, INTEGER, BIGINT})


class Rollups(Opened):
    """What :class:`locality.connection.Connection` can do about stored aggregations."""

    _planner: Planner
    _lock: threading.RLock
    _rollup_rows: RollupRows

    @abstractmethod
    def _sync(self, snapshot: Snapshot) -> None:
        """Has the planner plan over the tables of a snapshot."""

    def rollup(self, name: str, sql: str) -> RollupReport:
        """Stores an aggregation of a table, from which queries are then answered wherever that gives the same.

        Such are queries that group by the rollup's groups, by fewer of them, or by what can be told from them, such as
        months from days; that filter by these; and whose aggregates can be put together from the stored ones. Rows that
        are appended to the table add rows to the rollup in the same commit; the groups of rows that are deleted or
        updated are aggregated again.

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
            report = make_rollup(self._store, name, sql, grouping, self._rollup_rows)
        except Unsupported as reason:
            raise SchemaError(f"rollup {name!r} can't be kept: {reason}") from None
        return replace(report, seconds=time.perf_counter() - started)

    def drop_rollup(self, name: str) -> None:
        """Removes a rollup; raises CatalogError if there is none of that name."""
        self._check_writable()
        drop_rollup(self._store, name)


@dataclass(frozen=True, eq=False)
class RollupRows:
    """Computes what rollups hold, see :class:`locality.storage.rollups.Compute`."""

    settings: Settings
    workers: Workers

    def rows(self, grouping: Grouping, table: Table, gone: Table | None = None) -> Source:
        """The rows of a rollup of ``table``, in the order of its groups; of groups that ``gone`` has, if given."""
        groups = grouping.plan
        if gone is not None:
            affected = replace(grouping, table=_GONE, aggregates=()).plan
            groups = replace(grouping, terms=(*grouping.terms, *self._bounds(grouping, gone))).plan
            groups = replace(groups, child=_among(groups.child, groups.groups, affected))
        keys = tuple(SortKey(ColumnRef(i, group.type)) for i, group in enumerate(groups.groups))
        root: Node = Sort(groups, keys) if keys else groups
        names = _names(grouping, table)
        rows = pa.table(self._columns(root, {grouping.table: table}, gone), names=names)
        types = dict(zip(names, root.types, strict=True))
        return StreamSource(rows.to_reader(), Place("the rollup"), ready, rows.num_rows, types)

    def places(self, grouping: Grouping, gone: Table, stored: Table) -> RowIds:
        """The row ids, in a rollup's rows, of groups that ``gone`` has."""
        affected = replace(grouping, table=_GONE, aggregates=()).plan
        types = affected.types
        scan = Scan(stored.name, (*range(len(types)), ROW_ID), (*types, BIGINT))
        groups = [ColumnRef(i, dtype) for i, dtype in enumerate(types)]
        root = Project(_among(scan, groups, affected), (ColumnRef(len(types), BIGINT),))
        (found,) = self._columns(root, {stored.name: stored}, gone)
        places: RowIds = found.to_numpy()
        return places

    def _bounds(self, grouping: Grouping, gone: Table) -> list[Expression]:
        """What is true of all rows of the groups that ``gone`` has: ranges, by which zones are left out."""
        found = [(each, truncation(each) or (each, "")) for each in grouping.groups]
        parts = [part for each, part in found if part[0].type in _BOUNDED and (part[1] or isinstance(each, ColumnRef))]
        if not parts:
            return []
        calls = [(AggregateCall(name, (of,), of.type) for name in ("min", "max")) for of, _ in parts]
        counts = [AggregateCall("count", (of,), BIGINT) for of, _ in parts]
        asked = replace(grouping, table=_GONE, groups=(), aggregates=(COUNT_STAR, *chain(*calls), *counts))
        rows, *values = map(_only_integer, self._columns(asked.plan, {}, gone))
        terms: list[Expression] = []
        for number, (of, period) in enumerate(parts):
            least, most = values[2 * number : 2 * number + 2]
            if values[2 * len(parts) + number] < rows or not rows:
                continue  # there are NULLs, which lie in no range
            first, last = (least, most) if not period else _whole(least, most, of.type, period)
            terms += [] if first is None else [Call(">=", (of, Constant(first, of.type)), BOOLEAN)]
            terms += [] if last is None else [Call("<=", (of, Constant(last, of.type)), BOOLEAN)]
        return terms

    def _columns(self, root: Node, tables: dict[str, Table], gone: Table | None) -> list[pa.ChunkedArray]:
        execution = QueryExecution(self.workers, self.settings.memory_bytes)
        given = tables if gone is None else {**tables, _GONE: gone}
        return columns_of_plan(root, given, self.settings, execution)[0]


def _only_integer(column: pa.ChunkedArray) -> int:
    """The integer that the one value of a column is stored as; of NULL any."""
    value = column.combine_chunks().view(pa.int64() if column.type.bit_width == 64 else pa.int32())[0].as_py()
    return int(value or 0)


def _whole(least: int, most: int, dtype: DataType, period: str) -> tuple[int | None, int | None]:
    """The first moment of the period that ``least`` lies in, and the last of that of ``most``; None if not told."""
    start = start_of(most, dtype, period)
    after = None if start is None else next_start(start, dtype, period)
    return start_of(least, dtype, period), None if after is None else after - 1


def _among(rows: Node, groups: Sequence[Expression], affected: Node) -> Join:
    """The rows whose groups are among the affected ones."""
    keys = (JoinKey(g, ColumnRef(i, g.type), null_safe=True) for i, g in enumerate(groups))
    return Join(rows, affected, "semi", tuple(keys))


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
