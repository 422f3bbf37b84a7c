"""The queries of a workload as they are today: their plans, and the bytes that they were measured to move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from locality.advisor.uses import TableUse, table_uses
from locality.advisor.workload import Measurement, Skipped, WorkloadQuery
from locality.errors import LocalityError
from locality.optimizer import optimize
from locality.runtime.query import PreparedQuery
from locality.runtime.result import Result
from locality.runtime.statistics import StoredStatistics
from locality.sql.parameters import Parameters
from locality.storage.snapshot import Snapshot

#: Queries of a workload that are looked at, those of the greatest weight.
MOST_QUERIES = 200

Prepare = Callable[[str, Parameters | None], PreparedQuery | str]
Run = Callable[[str, Parameters | None], Result]


@dataclass(frozen=True, eq=False)
class Analysis:
    """A query of the workload as it is today. bytes, seconds, touched: measured, see Profile."""

    query: WorkloadQuery
    bytes: int
    seconds: float
    touched: Mapping[str, int]
    uses: tuple[TableUse, ...]

    @property
    def weight(self) -> float:
        """How often it is asked."""
        return self.query.weight


def analyse(
    queries: Sequence[WorkloadQuery], snapshot: Snapshot, prepare: Prepare, run: Run
) -> tuple[list[Analysis], list[Skipped]]:
    """Reads the plan of each query, and runs those once that were not measured; those that can't be run are told."""
    analyses, skipped = [], []
    for number, query in enumerate(queries):
        if number >= MOST_QUERIES:
            skipped.append(Skipped(query.place, query.sql, f"only the first {MOST_QUERIES} queries are looked at"))
            continue
        try:
            prepared = prepare(query.sql, query.params)
            if isinstance(prepared, str):
                skipped.append(Skipped(query.place, query.sql, prepared))
                continue
            measured = query.measured or _measured(run(query.sql, query.params))
        except LocalityError as error:
            skipped.append(Skipped(query.place, query.sql, str(error).splitlines()[0]))
            continue
        if isinstance(measured, str):
            skipped.append(Skipped(query.place, query.sql, measured))
            continue
        uses = table_uses(optimize(prepared.root, StoredStatistics(snapshot.tables)))
        analyses.append(Analysis(query, measured.bytes, measured.seconds, measured.touched, uses))
    return analyses, skipped


def _measured(result: Result) -> Measurement | str:
    profile = result.profile
    if profile.engine != "locality":
        return profile.reason
    return Measurement(profile.bytes_moved, max(profile.seconds - profile.compile_seconds, 0.0), profile.touched)
