"""Queries that DuckDB has to answer, of which Locality runs parts: which ones, and what they are worth."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from locality.errors import LocalityError, SchemaError
from locality.optimizer import optimize
from locality.optimizer.estimate import Estimator
from locality.plan.expressions import conjuncts
from locality.plan.nodes import Aggregate, Filter, Join, Scan, SetOperation, Window, walk_nodes
from locality.runtime.profile import PartProfile
from locality.runtime.query import PreparedQuery
from locality.runtime.result import Result
from locality.runtime.statistics import StoredStatistics
from locality.sql.given import Parameters, numbered, of_part, shape
from locality.sql.parts import Column, Judge, Split, split
from locality.sql.planner import Planner
from locality.sql.templates import Templates
from locality.storage.snapshot import Snapshot
from locality.types import from_arrow, to_arrow

#: Bytes that a part must read at least: below, DuckDB is done before we have looked.
LEAST_BYTES = 1 << 24
#: A part that only filters must leave at most this share of the bytes that it reads; one that joins or groups, all.
_FILTERED = 0.25
#: Texts that are remembered.
_TEXTS = 256

Plan = Callable[[str, Parameters | None], PreparedQuery | str]


@dataclass(frozen=True)
class Ran:
    """Parts of a statement that were run; its rest reads ``tables``, by name."""

    split: Split
    tables: Mapping[str, pa.Table]
    profiles: tuple[PartProfile, ...]


class Splitter:
    """Splits statements over one snapshot; what was found of one is kept. Callers hold a lock around each call."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, Split | None] = OrderedDict()
        self._templates = Templates()
        self._snapshot: Snapshot | None = None

    def split(
        self, sql: str, params: Parameters | None, snapshot: Snapshot, planner: Planner, plan: Plan
    ) -> Split | None:
        """As :func:`find_parts`."""
        self._sync(snapshot)
        key = shape(sql, params)
        if key not in self._known:
            self._known[key] = self.find(sql, params, snapshot, planner, plan)
            if len(self._known) > _TEXTS:
                self._known.popitem(last=False)
        return self._known[key]

    def find(
        self, sql: str, params: Parameters | None, snapshot: Snapshot, planner: Planner, plan: Plan
    ) -> Split | None:
        """As :func:`find_parts`, once for texts that differ in values of conditions alone."""
        self._sync(snapshot)
        found = partial(find_parts, sql, params, snapshot, planner, plan)
        return found() if params is not None else self._templates.split(sql, planner.parse, found)

    def _sync(self, snapshot: Snapshot) -> None:
        if snapshot is not self._snapshot:
            self._known.clear()
            self._templates = Templates()
            self._snapshot = snapshot

    def refuse(self, sql: str, params: Parameters | None) -> None:
        """Leave this text as a whole to DuckDB from now on."""
        self._known[shape(sql, params)] = None


def find_parts(sql: str, params: Parameters | None, snapshot: Snapshot, planner: Planner, plan: Plan) -> Split | None:
    """The parts of a statement that ``plan`` can plan and that pay; None if there are none.

    The texts of the split have parameters by name or number; :func:`locality.sql.given.of_part` has their values.
    """
    if not any(table.row_count * len(table.columns) * 8 >= LEAST_BYTES for table in snapshot.tables.values()):
        return None
    text = sql if params is None else numbered(sql)
    if text is None or (params is not None and len(of_part(text, params) or {}) < len(params)):  # which is an error
        return None
    worth = _Worth(lambda part: plan(part, of_part(part, params)), StoredStatistics(snapshot.scanned))

    def names(part: str) -> Sequence[str]:
        return planner.names(part, of_part(part, params))

    try:
        return split(text, Judge(worth.columns, worth.is_worth, names, planner.parse))
    except (LocalityError, RecursionError):
        return None


def run_parts(found: Split, params: Parameters | None, run: Callable[[str, Parameters | None], Result]) -> Ran | None:
    """Run the parts, each by ``run``; None if Locality doesn't answer one of them after all."""
    tables, profiles = {}, []
    for part in found.parts:
        result = run(part.sql, of_part(part.sql, params))
        if result.profile.engine != "locality":
            return None
        tables[part.name] = result.numbered()
        profiles.append(PartProfile(part.sql, result.profile.rows, result.profile.seconds))
    return Ran(found, tables, tuple(profiles))


@dataclass(frozen=True)
class _Worth:
    plan: Callable[[str], PreparedQuery | str]
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
        plan = optimize(planned.root, self.statistics, frozenset())
        nodes = list(walk_nodes(plan))
        tests = {id(node.child): conjuncts(node.predicate) for node in nodes if isinstance(node, Filter)}
        scans = [node for node in nodes if isinstance(node, Scan)]
        if sum(self.statistics.scan_bytes(scan, tests.get(id(scan), ())) for scan in scans) < LEAST_BYTES:
            return False
        read = sum(self.statistics.rows(scan.table) * sum(dtype.row_bytes for dtype in scan.types) for scan in scans)
        handed = Estimator(self.statistics).estimate(plan).rows * sum(dtype.row_bytes for dtype in plan.types)
        works = any(isinstance(node, Aggregate | Join | SetOperation | Window) for node in nodes)
        return handed <= read * (1 if works else _FILTERED)

    def _planned(self, sql: str) -> PreparedQuery | None:
        try:
            planned = self.plan(sql)
        except LocalityError:
            return None
        return planned if isinstance(planned, PreparedQuery) else None
