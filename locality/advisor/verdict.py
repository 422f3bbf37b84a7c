"""Measured beside predicted: what an optimize was to save, by its advice, and what it did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from locality.advisor.advice import Advice, Removal
from locality.advisor.analysis import Analysis
from locality.advisor.logfile import Log
from locality.advisor.shapes import LoggedShape, Runs
from locality.plan.nodes import PRIMARY, Scan
from locality.sql.shape import shape_of
from locality.storage.snapshot import Snapshot
from locality.units import byte_size

#: The share of what was predicted that a layout must have saved, once its queries ran so often.
_LEAST_SHARE = 0.5
_LEAST_RUNS = 3


def predictions(advice: Advice) -> dict[str, LoggedShape]:
    """The queries of an advice as shapes, with what they moved before and are predicted to move."""
    found: dict[str, LoggedShape] = {}
    totals: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for forecast in advice.forecasts:
        total = totals[shape_of(forecast.sql).text]
        for place, value in enumerate((1.0, forecast.bytes_before, forecast.bytes_after)):
            total[place] += forecast.weight * value
    for text, (weight, before, after) in totals.items():
        found[text] = LoggedShape(text, before=Runs(1, 0.0, round(before / weight)), predicted=after / weight)
    return found


def disappointing(analyses: Sequence[Analysis], log: Log, snapshot: Snapshot) -> list[Removal]:
    """Further layouts, and orders of tables, whose queries saved much less than predicted since the last optimize."""
    expected: defaultdict[tuple[str, str], float] = defaultdict(float)
    measured: defaultdict[tuple[str, str], float] = defaultdict(float)
    for analysis in analyses:
        shape = log.shapes.get(shape_of(analysis.query.sql).text)
        if shape is None or shape.predicted is None or shape.since.count < _LEAST_RUNS or not shape.before.count:
            continue
        for place in {(use.scan.table, use.scan.layout) for use in analysis.uses if _was_chosen(use.scan, snapshot)}:
            expected[place] += analysis.weight * (shape.before.mean_bytes - shape.predicted)
            measured[place] += analysis.weight * (shape.before.mean_bytes - shape.since.mean_bytes)
    return [
        Removal(
            table, layout, _bytes(snapshot, table, layout), _reason(expected[table, layout], measured[table, layout])
        )
        for table, layout in expected
        if expected[table, layout] > 0 and measured[table, layout] < _LEAST_SHARE * expected[table, layout]
    ]


def _was_chosen(scan: Scan, snapshot: Snapshot) -> bool:
    """Whether a scan reads a layout that is not as its rows came."""
    return scan.layout != PRIMARY or bool(snapshot.entries[scan.table].primary.placement)


def _bytes(snapshot: Snapshot, table: str, layout: str) -> int:
    """Bytes that would be free; none if the table itself is to lie otherwise."""
    entry = next(each for each in snapshot.entries[table].layouts if each.name == layout)
    return 0 if layout == PRIMARY else sum(file.size for file in entry.files)


def _reason(expected: float, measured: float) -> str:
    did = f"they move {byte_size(-measured)} more" if measured < 0 else f"it was {byte_size(measured)}"
    return f"it was predicted to save its queries {byte_size(expected)} a run, and {did}"
