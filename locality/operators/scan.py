"""Running a pipeline over its morsels, and counting the bytes that this moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from locality.errors import Unsupported
from locality.operators.filters.filter import CodeTest
from locality.operators.morsels import Morsel
from locality.operators.physical import Execution, Traffic
from locality.operators.pipeline import Pipeline
from locality.operators.relations.traffic import gathered_reads, touched_share
from locality.plan.expressions import columns_of

#: Rows that are not worth waking another thread for.
_FEW_ROWS = 131_072


def run_pipeline(
    pipeline: Pipeline, execution: Execution, traffic: Traffic, work: Callable[[int, Morsel], int]
) -> None:
    """Runs ``work`` over every morsel, see :func:`run_morsels`, and counts what the scan reads."""
    run_morsels(pipeline, execution, pipeline.morsels, work)
    count_scan(pipeline, traffic)


def run_morsels(
    pipeline: Pipeline, execution: Execution, morsels: Sequence[Morsel], work: Callable[[int, Morsel], int]
) -> None:
    """Runs ``work`` over morsels; raises Unsupported if a row may be an error in SQL, for DuckDB to say."""
    faults: list[int] = []

    def step(worker: int, morsel: Morsel) -> None:
        if work(worker, morsel):
            faults.append(morsel.segment)

    def each(worker: int, several: Sequence[Morsel]) -> None:
        for morsel in several:
            step(worker, morsel)

    try:
        if sum([morsel.rows for morsel in morsels]) <= _FEW_ROWS:
            execution.run((morsels,), each)
        else:
            execution.run(morsels, step)
    finally:
        pipeline.finish()
    if faults:
        raise Unsupported("a value may be out of range for its type")


def count_scan(pipeline: Pipeline, traffic: Traffic) -> None:
    """Adds the bytes that the scan of all morsels reads, and the least that any scan must."""
    if not pipeline.scan_reads:
        pipeline.scan_reads.append(_scan_reads(pipeline))
    reads, minimum = pipeline.scan_reads[0]
    traffic.add_reads(reads)
    traffic.minimum += minimum
    traffic.zones_read += pipeline.zones_read
    traffic.zones_total += pipeline.zones_total
    traffic.zones_answered += _answered(pipeline)


def _scan_reads(pipeline: Pipeline) -> tuple[Counter[str], int]:
    """Bytes of the columns' rows that were not excluded, by column; and the least that any scan must read: the filters'
    columns, and the lines of the other columns that hold a row that survives.
    """
    relation = pipeline.relation
    own = [index for index in pipeline.columns if relation.link_of(index) is None]
    filtered = {index for test in pipeline.tests for e in test.reads for index in columns_of(e)}
    nbytes = dict.fromkeys(own, 0)
    minimum, shares = 0.0, dict[float, float]()
    for position, rows in _rows_by_segment(pipeline).items():
        segment = relation.segments[position]
        for index in own:
            width = segment.width(index)
            nbytes[index] += int(rows * width)
            if index not in filtered and width not in shares:
                shares[width] = touched_share(width, pipeline.passing_share)
            minimum += rows * width * (1.0 if index in filtered else shares[width])
    reads: Counter[str] = Counter()
    for index in own:
        reads[relation.stored_name(index)] += nbytes[index]
    for index in own:
        if len(relation.segments) == 1 and relation.segments[0].origin(index) is not None:
            reads.update(gathered_reads([(relation, index, None)]))
    if not relation.links:
        return +reads, int(minimum)
    linked = _linked_reads(pipeline)
    return reads + linked, int(minimum) + linked.total()


def _linked_reads(pipeline: Pipeline) -> Counter[str]:
    """Bytes of the links' columns: gathered once, then the lines of them that the rows which pass may lie on."""
    relation = pipeline.relation
    passing = pipeline.passing_share * sum(morsel.rows for morsel in pipeline.morsels)
    reads: Counter[str] = Counter()
    for index in pipeline.columns:
        link = relation.link_of(index)
        if link is None:
            continue
        target, column = link.target, index - link.first
        reads.update(gathered_reads([(target, column, None)]))
        width = target.segments[0].width(column)
        reads[""] += int(target.row_count * width * touched_share(width, passing / max(target.row_count, 1)))
    return reads


def _rows_by_segment(pipeline: Pipeline) -> Counter[int]:
    rows: Counter[int] = Counter()
    for morsel in pipeline.morsels:
        rows[morsel.segment] += morsel.rows
    return rows


def _answered(pipeline: Pipeline) -> int:
    return sum(int(zones.sum()) for zones in pipeline.answered.values())


def describe_scan(pipeline: Pipeline) -> tuple[str, ...]:
    """What EXPLAIN says of a pipeline's source."""
    relation = pipeline.relation
    lines = [f"over {relation.name or 'an intermediate result'}: {relation.row_count:,} rows"]
    if pipeline.zones_total:
        answered = _answered(pipeline)
        skipped = pipeline.zones_total - pipeline.zones_read - answered
        lines.append(f"zones: {skipped:,} of {pipeline.zones_total:,} skipped by proof")
        if answered:
            lines[-1] += f", {answered:,} answered by their statistics"
    if pipeline.rows is not None:
        ranges = sum(len(found) for found in pipeline.rows.values())
        lines.append(f"rows: {ranges:,} ranges, by bounds of what is tested")
    if pipeline.tests:
        codes = sum(isinstance(test, CodeTest) for test in pipeline.tests)
        lines.append(
            f"filter: {codes} on codes, {len(pipeline.tests) - codes} computed, "
            f"{pipeline.selectivity:.2%} expected to pass"
        )
    return tuple(lines)
