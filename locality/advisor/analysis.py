"""The queries of a workload as they are today: their plans, and the bytes that they were measured to move."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from locality.advisor.uses import TableUse, table_uses
from locality.advisor.workload import Measurement, Skipped, WorkloadQuery
from locality.errors import LocalityError
from locality.optimizer import optimize
from locality.plan.nodes import Node
from locality.runtime.query import PreparedQuery
from locality.runtime.result import Result
from locality.runtime.statistics import StoredStatistics
from locality.sql.given import Parameters
from locality.sql.shape import shape_of
from locality.storage.snapshot import Snapshot

#: Queries of a workload that are looked at, those of the greatest weight.
MOST_QUERIES = 200
#: Queries of a shape that are looked at where there are more than these.
_OF_A_SHAPE = 5

Prepare = Callable[[str, Parameters | None], PreparedQuery | str]
Run = Callable[[str, Parameters | None], Result]


@dataclass(frozen=True, eq=False)
class Analysis:
    """A query of the workload as it is today. bytes, seconds, touched: measured, see Profile.

    root: its plan before it is optimized. effort: the work of its plan, in bytes that could be read meanwhile, see
    :mod:`locality.advisor.effort`; 0 where it was not estimated yet.
    """

    query: WorkloadQuery
    root: Node
    bytes: int
    seconds: float
    touched: Mapping[str, int]
    uses: tuple[TableUse, ...]
    effort: float = 0.0

    @property
    def state(self) -> int:
        """Bytes that were not read of stored columns: no more of them can be saved by grouping otherwise."""
        return max(self.bytes - sum(self.touched.values()), 0)

    @property
    def weight(self) -> float:
        """How often it is asked."""
        return self.query.weight


def analyse(
    queries: Sequence[WorkloadQuery], snapshot: Snapshot, prepare: Prepare, run: Run
) -> tuple[list[Analysis], list[Skipped]]:
    """Reads the plan of each query, and runs those that were not measured; those that can't be run are told.

    Of many queries, some of each shape stand for all of it, and shapes of little weight are left out.
    """
    analyses, skipped = [], []
    chosen = _representatives(queries)
    for query in chosen:
        try:
            prepared = prepare(query.sql, query.params)
            if isinstance(prepared, str):
                skipped.append(Skipped(query.place, query.sql, prepared))
                continue
            measured = query.measured or _measured(query, run)
        except LocalityError as error:
            skipped.append(Skipped(query.place, query.sql, str(error).splitlines()[0]))
            continue
        if isinstance(measured, str):
            skipped.append(Skipped(query.place, query.sql, measured))
            continue
        uses = table_uses(optimize(prepared.root, StoredStatistics(snapshot.scanned)))
        analyses.append(Analysis(query, prepared.root, measured.bytes, measured.seconds, measured.touched, uses))
    if unseen := len(queries) - len(chosen):
        reason = f"{len(chosen)} others are looked at, those of the same shapes and of the greatest weight"
        skipped.append(Skipped(f"{unseen:,} queries", "", reason))
    return analyses, skipped


def _representatives(queries: Sequence[WorkloadQuery]) -> Sequence[WorkloadQuery]:
    """The queries, or if they are too many, some of each shape, evenly spread, with the weight of all of it."""
    if len(queries) <= MOST_QUERIES:
        return queries
    shapes: defaultdict[str, list[WorkloadQuery]] = defaultdict(list)
    for query in queries:
        shapes[shape_of(query.sql).text].append(query)
    found: list[WorkloadQuery] = []
    for alike in shapes.values():
        some = alike[:: -(-len(alike) // _OF_A_SHAPE)]
        weight = sum(query.weight for query in alike) / len(some)
        found += [replace(query, weight=weight) for query in some]
    return sorted(found, key=lambda query: -query.weight)[:MOST_QUERIES]


def _measured(query: WorkloadQuery, run: Run) -> Measurement | str:
    """What a run moves that finds what an earlier one has left, such as indexes of keys; or why DuckDB answered.

    The seconds are those of the quicker of two such runs: others use the machine, too.
    """
    profile = run(query.sql, query.params).profile
    if profile.engine == "locality" and not profile.plan_reused:
        profile = run(query.sql, query.params).profile
    if profile.engine != "locality":
        return profile.reason
    again = run(query.sql, query.params).profile
    seconds = min(max(each.seconds - each.compile_seconds, 0.0) for each in (profile, again))
    return Measurement(profile.bytes_moved, seconds, profile.touched)
