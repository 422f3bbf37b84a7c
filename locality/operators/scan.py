"""Running a pipeline over its morsels, and counting the bytes that this moves."""

from __future__ import annotations

from collections.abc import Callable

from locality.encodings import stored_bytes
from locality.errors import Unsupported
from locality.operators.filter import CodeTest
from locality.operators.physical import Execution, Traffic
from locality.operators.pipeline import Morsel, Pipeline
from locality.plan.expressions import columns_of


def run_pipeline(
    pipeline: Pipeline, execution: Execution, traffic: Traffic, work: Callable[[int, Morsel], int]
) -> None:
    """Runs ``work`` over every morsel; raises Unsupported if a row may be an error in SQL, for DuckDB to say."""
    faults: list[int] = []

    def step(worker: int, morsel: Morsel) -> None:
        if work(worker, morsel):
            faults.append(morsel.segment)

    execution.run(pipeline.morsels, step)
    if faults:
        raise Unsupported("a value may be out of range for its type")
    count_scan(pipeline, traffic)


def count_scan(pipeline: Pipeline, traffic: Traffic) -> None:
    """Adds the bytes that the scan of all morsels reads: whole columns of the rows that were not excluded."""
    rows_by_segment: dict[int, int] = {}
    for morsel in pipeline.morsels:
        rows_by_segment[morsel.segment] = rows_by_segment.get(morsel.segment, 0) + morsel.rows
    for position, rows in rows_by_segment.items():
        segment = pipeline.relation.segments[position]
        for index in pipeline.columns:
            whole = stored_bytes(segment.column(index))
            traffic.read += whole * rows // max(segment.row_count, 1)
    traffic.minimum += minimum_bytes(pipeline)
    traffic.zones_read += pipeline.zones_read
    traffic.zones_total += pipeline.zones_total


def minimum_bytes(pipeline: Pipeline) -> int:
    """What any plan over these layouts must read: the filters' columns, and of the others the share that survives."""
    filtered = {index for test in pipeline.tests for e in test.reads for index in columns_of(e)}
    total = 0.0
    rows_by_segment: dict[int, int] = {}
    for morsel in pipeline.morsels:
        rows_by_segment[morsel.segment] = rows_by_segment.get(morsel.segment, 0) + morsel.rows
    for position, rows in rows_by_segment.items():
        segment = pipeline.relation.segments[position]
        for index in pipeline.columns:
            share = 1.0 if index in filtered else pipeline.selectivity
            total += stored_bytes(segment.column(index)) * share * rows / max(segment.row_count, 1)
    return int(total)


def describe_scan(pipeline: Pipeline) -> tuple[str, ...]:
    """What EXPLAIN says of a pipeline's source."""
    relation = pipeline.relation
    lines = [f"over {relation.name or 'an intermediate result'}: {relation.row_count:,} rows"]
    if pipeline.zones_total:
        skipped = pipeline.zones_total - pipeline.zones_read
        lines.append(f"zones: {skipped:,} of {pipeline.zones_total:,} skipped by proof")
    if pipeline.tests:
        codes = sum(isinstance(test, CodeTest) for test in pipeline.tests)
        lines.append(
            f"filter: {codes} on codes, {len(pipeline.tests) - codes} computed, "
            f"{pipeline.selectivity:.2%} expected to pass"
        )
    return tuple(lines)
