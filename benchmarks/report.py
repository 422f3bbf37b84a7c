"""A run as tables on a terminal: loads, bytes, and last the speed-ups, with losses as visible as wins."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from .record import Measurement, Outcome, QueryRecord, RunRecord
from .units import data_size, duration, milliseconds, times

OURS = "locality"

_WIDE = 100
"""Columns of a terminal that times and ratios fit in side by side."""


def print_report(record: RunRecord, console: Console) -> None:
    """Print everything there is; the table of speed-ups and its summary come last."""
    console.print(_heading(record), highlight=False)
    if record.loads:
        console.print(_loads(record))
    if any(m.ledger for query in record.queries for m in query.measurements.values()):
        console.print(_bytes(record))
    if record.queries:
        for table in _results(record, console.width):
            console.print(table)
        for line in _notes(record):
            console.print(line, highlight=False)


def _heading(record: RunRecord) -> str:
    machine = record.machine
    memory = data_size(machine["memory_bytes"])
    lines = [
        f"[bold]{record.suite}[/bold] at scale {record.scale:g}, {record.threads} threads, {record.started}",
        escape(f"{machine['cpu']}, {machine['cores']} cores, {memory}, {machine['os']}, Python {machine['python']}"),
    ]
    if record.bandwidth:
        lines.append(f"measured read bandwidth {record.bandwidth / 1e9:.1f} GB/s")
    if not record.complete:
        lines.append("[bold red]interrupted: what there was up to then[/bold red]")
    return "\n".join(lines)


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False)


def _titled(title: str, table: Table) -> RenderableType:
    """The table below its title, which rich would wrap to the table's width."""
    return Group(f"[bold]{title}[/bold]", table)


def _loads(record: RunRecord) -> RenderableType:
    table = _table()
    table.add_column("engine")
    table.add_column("version")
    for heading in ("rows", "time", "size", "of Parquet"):
        table.add_column(heading, justify="right")
    parquet = sum(record.source_bytes.values())
    for load in record.loads:
        size = load.stored_bytes
        share = f"{size / parquet:.2f}x" if size is not None else "-"
        rows = f"{sum(load.rows.values()):,}"
        table.add_row(load.engine, load.version, rows, duration(sum(load.seconds.values())), data_size(size), share)
    return _titled("Loading", table)


def _bytes(record: RunRecord) -> RenderableType:
    table = _table()
    table.add_column("query", no_wrap=True)
    table.add_column("what it asks", ratio=1)
    for heading in ("first run", "hot", "moved", "minimum", "rows whole", "bandwidth"):
        table.add_column(heading, justify="right", no_wrap=True)
    for query in record.queries:
        ours = query.measurements.get(OURS)
        if ours is None or ours.ledger is None or ours.ledger.engine != OURS:
            continue
        share = record.bandwidth_share(ours)
        table.add_row(
            query.name,
            escape(query.title),
            milliseconds(ours.first_seconds),
            milliseconds(ours.seconds),
            data_size(ours.ledger.bytes_moved),
            data_size(ours.ledger.bytes_minimum),
            data_size(ours.ledger.bytes_naive),
            "-" if share is None else f"{share:.0%}",
        )
    return _titled("Bytes that Locality moved", table)


def _results(record: RunRecord, width: int) -> list[RenderableType]:
    """Medians and speed-ups side by side, or one table after the other where the terminal is narrow."""
    peers = [engine for engine in record.engines if engine != OURS]
    if OURS not in record.engines or not peers:
        return [_comparison(record, "Medians in ms", record.engines, [])]
    if width >= _WIDE:
        title = "Medians in ms, and how many times as fast Locality is"
        return [_comparison(record, title, record.engines, peers)]
    return [
        _comparison(record, "Medians in ms", record.engines, []),
        _comparison(record, "How many times as fast Locality is", [], peers),
    ]


def _comparison(record: RunRecord, title: str, engines: list[str], peers: list[str]) -> RenderableType:
    """A row for each query: the medians of ``engines``, and the ratios to ``peers`` with their means below."""
    table = _table()
    table.add_column("query", no_wrap=True)
    for heading in (*engines, *(f"vs {peer}" for peer in peers)):
        table.add_column(heading, justify="right", no_wrap=True)
    for query in record.queries:
        cells = [_time(query.measurements.get(engine)) for engine in engines]
        table.add_row(query.name, *cells, *(_ratio(query, peer) for peer in peers))
    if peers:
        table.add_section()
        means = [f"[bold]{times(record.geomean(peer))}[/bold]" for peer in peers]
        table.add_row("[bold]geometric mean[/bold]", *[""] * len(engines), *means)
    return _titled(title, table)


def _time(measurement: Measurement | None) -> str:
    if measurement is None:
        return "-"
    text = milliseconds(measurement.seconds)
    match measurement.outcome:
        case Outcome.OK:
            return f"~{text}" if measurement.extrapolation else text
        case Outcome.FALLBACK:
            return f"[yellow]{text} fallback[/yellow]"
        case Outcome.TOO_LONG:
            return "too long"
        case Outcome.WRONG | Outcome.ERROR:
            return f"[bold red]{measurement.outcome.value.upper()}[/bold red]"


def _ratio(query: QueryRecord, peer: str) -> str:
    ratio = query.ratio(peer)
    if ratio is None:
        return "-"
    return times(ratio) if ratio >= 1 else f"[bold red]{times(ratio)} LOSS[/bold red]"


def _notes(record: RunRecord) -> list[str]:
    notes = [_score(record, peer) for peer in record.engines if peer != OURS and OURS in record.engines]
    limited = {}
    for query in record.queries:
        for name, measurement in query.measurements.items():
            if measurement.extrapolation:
                limited[name] = measurement.extrapolation.measured_rows
    notes += [
        f"~ {engine}: extrapolated from {rows:,} rows, the first of the table; answers checked over the same rows"
        for engine, rows in limited.items()
    ]
    notes += [f"[yellow]{escape(remark)}[/yellow]" for remark in record.remarks()]
    notes += [f"[bold red]{escape(problem)}[/bold red]" for problem in record.problems()]
    return notes


def _score(record: RunRecord, peer: str) -> str:
    ratios = [(ratio, query.name) for query in record.queries if (ratio := query.ratio(peer)) is not None]
    lost = [f"{name} ({times(ratio)})" for ratio, name in sorted(ratios) if ratio < 1]
    score = f"against {peer}: faster in {len(ratios) - len(lost)} of {len(ratios)}"
    return f"{score}; [bold red]slower in {', '.join(lost)}[/bold red]" if lost else score
