"""A run as tables on a terminal: loads, bytes, and last the speed-ups, with losses as visible as wins."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from .estimates import geometric_mean
from .outcome import Outcome
from .record import BASELINE, Measurement, Record, RunRecord
from .units import data_size, duration, milliseconds, times

OURS = BASELINE

_BUSY = 0.1
"""Share of the processor that others may use before a run without a warning."""

_NAME_WIDTH, _FIGURE_WIDTH, _GAP = 18, 12, 3
"""Characters that a query's name, a figure and the space beside one take at most, for what fits side by side."""


def print_report(record: Record, console: Console) -> None:
    """Print everything there is; the table of speed-ups and its summary come last, or how they scale."""
    console.print(heading(record), highlight=False)
    for run in record.runs:
        _print_run(run, console)
    if len(record.runs) > 1:
        console.print(_scaling(record))


def _print_run(run: RunRecord, console: Console) -> None:
    console.print(_setting(run), highlight=False)
    if run.loads:
        console.print(_loads(run))
    if any(m.ledger for query in run.queries for m in query.measurements.values()):
        console.print(_bytes(run))
    if run.queries:
        for table in _results(run, console.width):
            console.print(table)
        for line in _notes(run):
            console.print(line, highlight=False)


def heading(record: Record) -> str:
    """What was measured, and on what."""
    machine = record.machine
    memory = data_size(machine["memory_bytes"])
    system = f"{machine['cpu']}, {machine['cores']} cores, {memory}, {machine['os']}, Python {machine['python']}"
    return f"[bold]{record.suite}[/bold]: {escape(record.title)}\n{escape(system)}"


def _setting(run: RunRecord) -> str:
    lines = [f"[bold]scale {run.scale:g}, {run.threads} threads[/bold], {run.started}, {duration(run.seconds)}"]
    if run.bandwidth:
        lines.append(f"measured read bandwidth {run.bandwidth / 1e9:.1f} GB/s")
    if run.busy_share > _BUSY:
        share = f"{run.busy_share:.0%}"
        lines.append(f"[bold red]others used {share} of the processor: times are too long and ratios unsure[/bold red]")
    if not run.complete:
        lines.append("[bold red]not complete: what there was when it ended[/bold red]")
    return "\n".join(lines)


def _scaling(record: Record) -> RenderableType:
    """Each engine's geometric mean over the queries that it answered in every run, run by run."""
    table = _table()
    table.add_column("engine")
    for run in record.runs:
        table.add_column(f"scale {run.scale:g}, {run.threads} threads", justify="right")
    for engine in record.runs[0].engines:
        seconds = [run.engine_seconds(engine) for run in record.runs]
        common = set.intersection(*(set(each) for each in seconds))
        means = [geometric_mean([each[name] for name in sorted(common)]) for each in seconds]
        table.add_row(engine, *map(milliseconds, means))
    return _titled("Geometric means in ms, run by run", table)


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
    """Medians and speed-ups side by side, or in as many tables as the terminal's width asks for."""
    peers = record.peers if record.baseline in record.engines else []
    if peers and len(_packed([*record.engines, *map(_against, peers)], width)) == 1:
        title = "Medians in ms, and how many times as fast Locality is"
        return [_comparison(record, title, record.engines, peers)]
    medians = [_comparison(record, "Medians in ms", part, []) for part in _packed(record.engines, width)]
    of_heading = {_against(peer): peer for peer in peers}
    ratios = [
        _comparison(record, "How many times as fast Locality is", [], [of_heading[heading] for heading in part])
        for part in _packed(of_heading, width)
    ]
    return [*medians, *ratios]


def _against(peer: str) -> str:
    return f"vs {peer}"


def _packed(headings: Iterable[str], width: int) -> list[list[str]]:
    """The columns' headings in order, in parts that fit beside the queries' names: nothing is cut short."""
    parts: list[list[str]] = []
    room = 0
    for heading in headings:
        taken = max(len(heading), _FIGURE_WIDTH) + _GAP
        if not parts or taken > room:
            parts.append([])
            room = width - _NAME_WIDTH
        parts[-1].append(heading)
        room -= taken
    return parts


def _comparison(record: RunRecord, title: str, engines: list[str], peers: list[str]) -> RenderableType:
    """A row for each query: the medians of ``engines``, and the ratios to ``peers`` with their means below."""
    table = _table()
    table.add_column("query", no_wrap=True)
    for heading in (*engines, *map(_against, peers)):
        table.add_column(heading, justify="right", no_wrap=True)
    for query in record.queries:
        cells = [_time(query.measurements.get(engine)) for engine in engines]
        table.add_row(query.name, *cells, *(_ratio(query.ratio(peer, record.baseline)) for peer in peers))
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
        case Outcome.TOO_LONG | Outcome.OUT_OF_MEMORY | Outcome.UNSUPPORTED | Outcome.SKIPPED:
            return measurement.outcome.value
        case Outcome.WRONG | Outcome.ERROR:
            return f"[bold red]{measurement.outcome.value.upper()}[/bold red]"


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return times(ratio) if ratio >= 1 else f"[bold red]{times(ratio)} LOSS[/bold red]"


def _notes(record: RunRecord) -> list[str]:
    notes = [_score(record, peer) for peer in record.peers if record.baseline in record.engines]
    limited = {}
    for query in record.queries:
        for name, measurement in query.measurements.items():
            if measurement.extrapolation:
                limited[name] = measurement.extrapolation.measured_rows
    notes += [
        f"~ {engine}: extrapolated from {rows:,} rows, the first of the table; answers checked over the same rows"
        for engine, rows in limited.items()
    ]
    return [*notes, *problems(record)]


def problems(run: RunRecord) -> list[str]:
    """What went wrong or was not possible, in colour."""
    remarks = [f"[yellow]{escape(remark)}[/yellow]" for remark in run.remarks()]
    return remarks + [f"[bold red]{escape(problem)}[/bold red]" for problem in run.problems()]


def _score(record: RunRecord, peer: str) -> str:
    ratios = [
        (ratio, query.name) for query in record.queries if (ratio := query.ratio(peer, record.baseline)) is not None
    ]
    lost = [f"{name} ({times(ratio)})" for ratio, name in sorted(ratios) if ratio < 1]
    score = f"against {peer}: faster in {len(ratios) - len(lost)} of {len(ratios)}"
    return f"{score}; [bold red]slower in {', '.join(lost)}[/bold red]" if lost else score
