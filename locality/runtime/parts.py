"""Queries that DuckDB has to answer, of which Locality runs parts: which ones, and what they are worth."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from locality.errors import LocalityError, SchemaError
from locality.optimizer import optimize
from locality.optimizer.estimate import Estimator
from locality.plan.nodes import Aggregate, Join, Scan, SetOperation, Window, walk_nodes
from locality.runtime.profile import PartProfile
from locality.runtime.query import PreparedQuery
from locality.runtime.result import Result
from locality.runtime.statistics import StoredStatistics
from locality.sql.parts import Column, Judge, Split, split
from locality.sql.planner import Planner
from locality.storage.snapshot import Snapshot
from locality.types import from_arrow, to_arrow

#: Bytes that a part must read at least: below, DuckDB is done before we have looked.
LEAST_BYTES = 1 << 20
#: A part that only filters must leave at most this share of the bytes that it reads; one that joins or groups, all.
_FILTERED = 0.25
#: Texts that are remembered.
_TEXTS = 256

Plan = Callable[[str], PreparedQuery | str]


@dataclass(frozen=True)
class Ran:
    """Parts of a query that were run. text: the rest of the query, which reads ``tables``, by name."""

    text: str
    tables: Mapping[str, pa.Table]
    profiles: tuple[PartProfile, ...]


class Splitter:
    """Splits queries over one snapshot; what was found of a text is kept. Callers hold a lock around each call."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Split | None] = OrderedDict()
        self._snapshot: Snapshot | None = None

    def split(self, sql: str, snapshot: Snapshot, planner: Planner, plan: Plan) -> Split | None:
        """As :func:`find_parts`."""
        if snapshot is not self._snapshot:
            self._known.clear()
            self._snapshot = snapshot
        if sql not in self._known:
            self._known[sql] = find_parts(sql, snapshot, planner, plan)
            if len(self._known) > _TEXTS:
                self._known.popitem(last=False)
        return self._known[sql]

    def refuse(self, sql: str) -> None:
        """Leave this text as a whole to DuckDB from now on."""
        self._known[sql] = None


def find_parts(sql: str, snapshot: Snapshot, planner: Planner, plan: Plan) -> Split | None:
    """The parts of a query that ``plan`` can plan and that pay; None if there are none."""
    if not any(table.row_count * len(table.columns) * 8 >= LEAST_BYTES for table in snapshot.tables.values()):
        return None
    worth = _Worth(plan, StoredStatistics(snapshot.scanned))
    try:
        return split(sql, Judge(worth.columns, worth.is_worth, planner.names, planner.parse))
    except (LocalityError, RecursionError):
        return None


def run_parts(found: Split, run: Callable[[str], Result]) -> Ran | None:
    """Run the parts, each by ``run``; None if Locality doesn't answer one of them after all."""
    tables, profiles = {}, []
    for part in found.parts:
        result = run(part.sql)
        if result.profile.engine != "locality":
            return None
        tables[part.name] = result.numbered()
        profiles.append(PartProfile(part.sql, result.profile.rows, result.profile.seconds))
    return Ran(found.text, tables, tuple(profiles))


@dataclass(frozen=True)
class _Worth:
    plan: Plan
    statistics: StoredStatistics

    def columns(self, sql: str) -> Sequence[Column] | None:
        planned = self._planned(sql)
        if planned is None:
            return None
        try:
            named = zip(planned.query.names, planned.query.types, strict=True)
            return [
                Column(name, f"c{i}" if from_arrow(to_arrow(dtype)) == dtype else f"cast(c{i} as {dtype})")
                for i, (name, dtype) in enumerate(named)
            ]
        except SchemaError:
            return None

    def is_worth(self, sql: str) -> bool:
        """Whether a query reads much, and gives less than it reads, by the optimizer's estimates."""
        planned = self._planned(sql)
        if planned is None or planned.naive_bytes < LEAST_BYTES or not planned.query.cacheable:
            return False
        plan = optimize(planned.query.root, self.statistics, frozenset())
        nodes = list(walk_nodes(plan))
        read = sum(
            self.statistics.rows(node.table) * sum(dtype.row_bytes for dtype in node.types)
            for node in nodes
            if isinstance(node, Scan)
        )
        handed = Estimator(self.statistics).estimate(plan).rows * sum(dtype.row_bytes for dtype in plan.types)
        works = any(isinstance(node, Aggregate | Join | SetOperation | Window) for node in nodes)
        return handed <= read * (1 if works else _FILTERED)

    def _planned(self, sql: str) -> PreparedQuery | None:
        try:
            planned = self.plan(sql)
        except LocalityError:
            return None
        return planned if isinstance(planned, PreparedQuery) else None
