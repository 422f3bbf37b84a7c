"""The choice: for each table the order under which the workload moves the fewest bytes, if it pays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from locality.advisor.advice import Advice, Forecast, Proposal
from locality.advisor.orders import candidate_orders
from locality.advisor.sample import Sample
from locality.advisor.uses import table_uses
from locality.advisor.whatif import Analysis, TableModel, predicted_bytes
from locality.advisor.workload import Skipped, WorkloadQuery
from locality.errors import LocalityError
from locality.operators.physical import Execution
from locality.optimizer import optimize
from locality.runtime.query import PreparedQuery
from locality.runtime.reorder import RowOrder
from locality.runtime.result import Result
from locality.runtime.statistics import StoredStatistics
from locality.sql.parameters import Parameters
from locality.storage.snapshot import Snapshot

#: A byte more of a query that loses counts as so many bytes less of one that gains.
_LOSS = 3.0
#: The share of the bytes read of a table that a proposal must save.
_LEAST_GAIN = 0.05
#: Queries of the workload after which building must have paid.
_MOST_QUERIES = 100_000
#: The share of the best candidate's value at which a simpler one is taken.
_NEARLY = 0.98
#: Bytes a second that writing a table again takes of its files: about a core's encoding and sorting.
_WRITE_BYTES = 60e6

Prepare = Callable[[str, Parameters | None], PreparedQuery | str]
Run = Callable[[str, Parameters | None], Result]


def analyse(
    queries: Sequence[WorkloadQuery], snapshot: Snapshot, prepare: Prepare, run: Run
) -> tuple[list[Analysis], list[Skipped]]:
    """Runs each query once to measure it, and reads its plan; those that can't be run are told."""
    analyses, skipped = [], []
    for query in queries:
        try:
            prepared = prepare(query.sql, query.params)
            reason = prepared if isinstance(prepared, str) else ""
            profile = run(query.sql, query.params).profile if isinstance(prepared, PreparedQuery) else None
        except LocalityError as error:
            prepared, profile, reason = "", None, str(error).splitlines()[0]
        if not isinstance(prepared, PreparedQuery) or profile is None or profile.engine != "locality":
            skipped.append(Skipped(query.place, query.sql, reason or (profile.reason if profile is not None else "")))
            continue
        uses = table_uses(optimize(prepared.root, StoredStatistics(snapshot.tables)))
        seconds = max(profile.seconds - profile.compile_seconds, 0.0)
        analyses.append(Analysis(query, profile.bytes_moved, seconds, profile.touched, uses))
    return analyses, skipped


def choose(
    analyses: Sequence[Analysis], skipped: Sequence[Skipped], snapshot: Snapshot, execution: Execution
) -> Advice:
    """The orders that pay, table by table: the bytes of a query are a sum over tables."""
    touched = dict.fromkeys(use.scan.table for analysis in analyses for use in analysis.uses)
    models = {}
    chosen: dict[str, RowOrder] = {}
    proposals = []
    for table in touched:
        stored = snapshot.tables[table]
        if len(stored.segments) == 0 or stored.row_count <= stored.segments[0].zone_rows:
            continue
        models[table] = TableModel(stored, Sample(snapshot, stored, execution))
        orders = candidate_orders(snapshot, table, analyses)
        scored = [(_value(analyses, models, {table: order}), order) for order in orders]
        best = max((value for value, _ in scored), default=0.0)
        # the first that is nearly as good: those of few columns come first
        order = next((each for value, each in scored if value >= _NEARLY * best), None)
        if order is None or best <= _LEAST_GAIN * _bytes_of(table, analyses):
            continue
        written = sum(file.size for file in snapshot.entries[table].files)
        proposal = _proposal(table, order, analyses, models, written)
        if proposal.break_even <= _MOST_QUERIES:
            chosen[table] = order
            proposals.append(proposal)
    forecasts = tuple(
        Forecast(a.query.place, a.query.sql, a.query.weight, a.bytes, round(predicted_bytes(a, models, chosen)))
        for a in analyses
    )
    return Advice(tuple(proposals), forecasts, tuple(skipped))


def _bytes_of(table: str, analyses: Sequence[Analysis]) -> float:
    """Bytes of a table's columns that a run of the workload reads."""
    return sum(
        a.query.weight * nbytes for a in analyses for name, nbytes in a.touched.items() if name.startswith(f"{table}.")
    )


def _value(analyses: Sequence[Analysis], models: Mapping[str, TableModel], orders: Mapping[str, RowOrder]) -> float:
    """Bytes that a run of the workload moves less, losses counting more."""
    changes = (a.query.weight * (a.bytes - predicted_bytes(a, models, orders)) for a in analyses)
    return sum(change if change > 0 else _LOSS * change for change in changes)


def _proposal(
    table: str, order: RowOrder, analyses: Sequence[Analysis], models: Mapping[str, TableModel], written: int
) -> Proposal:
    after = [predicted_bytes(a, models, {table: order}) for a in analyses]
    gains = sorted(((a.bytes - b, a) for a, b in zip(analyses, after, strict=True)), key=lambda pair: -pair[0])
    saved = sum(a.query.weight * gain for gain, a in gains)
    quicker = sum(
        a.query.weight * a.seconds * (1 - b / a.bytes) for a, b in zip(analyses, after, strict=True) if a.bytes
    )
    seconds = written / _WRITE_BYTES
    runs = seconds / quicker if quicker > 0 else float("inf")
    return Proposal(
        table,
        tuple(column.name for column in order.columns),
        tuple(column.name for column in order.curve),
        tuple(a.query.place for gain, a in gains if gain > 0.01 * a.bytes),
        round(saved),
        written,
        seconds,
        runs * sum(a.query.weight for a in analyses),
    )
