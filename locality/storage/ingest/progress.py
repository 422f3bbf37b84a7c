"""The progress bar of an ingest: on standard error, where somebody can see it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

_MEGABYTE = 1_000_000

Report = Callable[[int], None]
"""Takes the number of rows that were just read."""


@contextlib.contextmanager
def shown(table: str, rows: int | None, size: int | None, wanted: bool | None) -> Iterator[Report]:
    """A bar over ``rows`` rows of ``size`` bytes (None: not known), if ``wanted``; None: if there is a terminal."""
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} rows"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # On a terminal the bar vanishes when it is done; elsewhere that is when it is written.
    with Progress(*columns, console=console, transient=console.is_terminal) as bar:
        task = bar.add_task(table, total=rows, rate="")

        def report(count: int) -> None:
            bar.update(task, advance=count)
            bar.update(task, rate=_rate(bar.tasks[task].speed, rows, size))

        yield report


def _rate(speed: float | None, rows: int | None, size: int | None) -> str:
    """Megabytes of the source a second, from rows a second."""
    if not speed or not rows or not size:
        return ""
    return f"{speed * size / rows / _MEGABYTE:,.0f} MB/s"
