"""A planned query: its operators over one snapshot, and how it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Event

import pyarrow as pa

from locality.errors import Unsupported
from locality.kernel.optimiser import Improvable, optimiser
from locality.operators.build import CHOICES, Builder
from locality.operators.physical import Explanation, Physical
from locality.operators.relations.relation import Relation
from locality.operators.relations.scans import kept_relation
from locality.optimizer import PASSES, optimize
from locality.optimizer.distinct import split_distinct_aggregates
from locality.plan.expressions import PhysicalValue
from locality.plan.nodes import (
    Aggregate,
    Join,
    Node,
    Query,
    Recursive,
    Scan,
    SetOperation,
    Shared,
    Union,
    Window,
    walk_nodes,
)
from locality.plan.parameters import bound
from locality.runtime.execution import QueryExecution
from locality.runtime.interrupts import run_interruptibly
from locality.runtime.profile import Profile
from locality.runtime.relation import zoned
from locality.runtime.result import Result
from locality.runtime.statistics import StoredStatistics
from locality.runtime.tables import to_table
from locality.storage.table import Table
from locality.types import to_arrow

#: What is prepared for its input only when that is there.
_LATER = Join | Shared | Union | Window | SetOperation | Recursive
#: A query that took fewer seconds runs on the caller's thread the next time: an interrupt may wait so long (or, with
#: other values, for a morsel).
_SOON = 0.02
#: Runs with the same values after which making operators for these alone pays.
_FEW_RUNS = 8
#: Seconds that a query that is asked again may wait for its kernels to be optimised.
_PATIENCE = 2.0
#: How many times longer than the last run one is taken to be at most.
_SLOWER = 4


@dataclass
class Pace:
    """What runs of a plan were like, whatever its values were.

    seconds: those that the last one took. slow: kernels that it had optimised, as they took their time.
    """

    seconds: float = math.inf
    slow: frozenset[Improvable] = frozenset()


class ResultForm:
    """The columns of a query's result.

    schema: their Arrow types, under names of our own: SQL's may repeat. types: those of SQL. row_bytes: of a row.
    """

    def __init__(self, query: Query) -> None:
        types = [zoned(to_arrow(dtype), query.time_zone) for dtype in query.types]
        self.schema = pa.schema([(f"c{i}", arrow) for i, arrow in enumerate(types)])
        self.types = [str(dtype) for dtype in query.types]
        self.row_bytes = sum(dtype.row_bytes for dtype in query.types)


@dataclass(eq=False)
class PreparedQuery:
    """A query's operators, ready to run over the snapshot that they were planned for.

    naive_bytes: whole rows of all scanned tables.
    carried: the tables whose rows are read with columns of parents, each with such a column's name.
    values: of the parameters of the query's plan, where that is planned for all values.
    reused: whether its plan was made for an earlier query, of other values perhaps; pace: of the runs of that plan.
    own: makes the operators for these values alone, where they are shared with queries of others; runs: so far.
    settled: set once it is known that DuckDB need not answer.
    """

    query: Query
    form: ResultForm
    operator: Physical
    naive_bytes: int
    carried: Sequence[tuple[str, str]] = ()
    values: Sequence[PhysicalValue] = ()
    reused: bool = False
    own: Callable[[], Physical] | None = None
    runs: int = 0
    settled: Event = field(default_factory=Event)
    pace: Pace = field(default_factory=Pace)

    def run(self, execution: QueryExecution, started: float, planning: float) -> Result:
        """The result; raises Unsupported if DuckDB has to answer after all, InterruptError if it was interrupted."""

        def compute() -> Result:
            with execution.account:
                return self._run(execution, started, planning)

        result = compute() if self.pace.seconds < _SOON else run_interruptibly(compute, execution.interrupt)
        # one run that others kept waiting says little
        self.pace.seconds = min(result.profile.seconds, _SLOWER * self.pace.seconds)
        return result

    def _run(self, execution: QueryExecution, started: float, planning: float) -> Result:
        execution.values = self.values
        self._settle_down()
        waited = optimiser.hasten(self.pace.slow, _PATIENCE, execution.interrupt.check) if self.pace.slow else 0.0
        slow = optimiser.waiting
        batch = self.operator.execute(execution)
        with execution.measure("result") as traffic:
            execution.reserve(batch.row_count * self.form.row_bytes, "the result")
            table = to_table(batch, self.form.schema, execution)
            traffic.rows = batch.row_count
            traffic.add_reads(batch.reads())
            traffic.minimum = traffic.read
            traffic.written = table.get_total_buffer_size()
        kernels_compiled, compile_seconds = execution.compiled
        profile = Profile(
            engine="locality",
            seconds=time.perf_counter() - started,
            planning_seconds=planning,
            plan_reused=self.reused,
            rows=batch.row_count,
            threads=execution.threads,
            kernels_compiled=kernels_compiled,
            compile_seconds=compile_seconds + waited,
            bytes_naive=self.naive_bytes,
            operators=tuple(execution.ledger),
        )
        self.settled.set()
        self.reused = True
        self.pace.slow = optimiser.waiting - slow
        return Result(table, self.query.names, self.form.types, profile)

    def _settle_down(self) -> None:
        """Takes operators of its own if it runs often: what these keep of the last run is then of the same values."""
        own, self.runs = self.own, self.runs + 1
        if own is not None and self.runs > _FEW_RUNS:
            self.operator, self.own = own(), None

    def explained(self) -> Explanation:
        """The operators as they are for the query's own values, for people."""
        own = self.own
        return (self.operator if own is None else own()).explain()

    @cached_property
    def root(self) -> Node:
        """The plan as it was before it was optimized, with the query's values."""
        return bound(self.query.root, self.values) if self.values else self.query.root

    @property
    def is_settled(self) -> bool:
        """Whether planning or an earlier run has shown that DuckDB need not answer, errors of values apart."""
        steps = sum(isinstance(node, Aggregate) for node in walk_nodes(self.query.root))
        others = any(isinstance(node, _LATER) for node in walk_nodes(self.query.root))
        return self.settled.is_set() or (steps <= 1 and not others)


def check_optimizers(names: Collection[str]) -> None:
    """Raises ValueError if one of the names is no pass or choice that can be disabled."""
    required = [each.name for each in PASSES if each.required]
    known = [*(each.name for each in PASSES if not each.required), *CHOICES]
    for name in names:
        if name in required:
            raise ValueError(f"the optimizer {name!r} can't be disabled: no plan runs without it")
        if name not in known:
            raise ValueError(f"there is no optimizer {name!r}; those that can be disabled are {', '.join(known)}")


def prepare(
    query: Query, tables: Mapping[str, Table], threads: int, memory_limit: int, disabled: frozenset[str] = frozenset()
) -> PreparedQuery:
    """Builds the operators of a query; raises Unsupported for what kernels can't do within the memory limit.

    disabled: passes and choices to go without; raises ValueError for a name that isn't one.
    """
    check_optimizers(disabled)
    root = optimize(query.root, StoredStatistics(tables), disabled)
    return build(query, root, tables, threads, memory_limit, disabled)


def build(
    query: Query, root: Node, tables: Mapping[str, Table], threads: int, memory_limit: int, disabled: frozenset[str]
) -> PreparedQuery:
    """The operators of a query, given its optimized plan; see :func:`prepare`."""
    relations: list[Relation] = []
    carried: dict[tuple[str, str], None] = {}

    def relation_of(scan: Scan) -> Relation:
        table = tables[scan.table]
        carried.update(((table.name, table.column_name(i)), None) for i in scan.columns if table.is_derived(i))
        text = sum(table.raw_bytes(index) for index in scan.columns)
        if text > memory_limit // 2:
            raise Unsupported(f"raw strings of {text:,} bytes under a memory limit of {memory_limit:,}")
        relation = kept_relation(table, scan, zoned="zone_pruning" not in disabled)
        relations.append(relation)
        return relation

    operator = Builder(relation_of, threads, split_distinct_aggregates, disabled).build(root)
    naive = sum(int(relation.naive_row_bytes * relation.row_count) for relation in relations)
    return PreparedQuery(query, ResultForm(query), operator, naive, tuple(carried))
