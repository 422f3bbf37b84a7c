"""What the machine's memory and disk give, by working set: the rates that queries are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .plot import Line, Plot
from .run import Run
from .scale import LogScale, round_size

_KINDS = {"read": "reading", "write": "writing", "random": "random reads of 8 bytes", "disk": "reading the disk"}


@dataclass(frozen=True)
class Memory:
    """plots: a wide and a narrow one, of all threads together. levels: the columns of the table, from the first cache
    to memory. rows: what was done, by how many threads, and GB/s for each level. disk: GB/s, None if not known.
    """

    plots: tuple[Plot, Plot]
    levels: list[str]
    rows: list[tuple[str, int, list[str]]]
    disk: str | None


def memory(run: Run) -> Memory | None:
    """The rates that the run's probe found; None if there was no probe."""
    found = run.record["roofline"]
    points = [point for point in found if point["kind"] != "disk"]
    if not points:
        return None
    levels = list(dict.fromkeys(point["level"] for point in sorted(points, key=lambda point: point["working_set"])))
    pairs = dict.fromkeys((point["kind"], point["threads"]) for point in points)
    rows = [(_KINDS[kind], threads, _best(points, kind, threads, levels)) for kind, threads in pairs]
    disk = next((f"{point['bytes_per_second'] / 1e9:.1f}" for point in found if point["kind"] == "disk"), None)
    return Memory(_plots(points), levels, rows, disk)


def _best(points: list[dict[str, Any]], kind: str, threads: int, levels: list[str]) -> list[str]:
    """The best rate of each level."""
    rates: dict[str, float] = {}
    for point in points:
        if (point["kind"], point["threads"]) == (kind, threads):
            rates[point["level"]] = max(rates.get(point["level"], 0.0), point["bytes_per_second"] / 1e9)
    return [f"{rates[level]:,.1f}" if level in rates else "-" for level in levels]


def _plots(points: list[dict[str, Any]]) -> tuple[Plot, Plot]:
    threads = max(point["threads"] for point in points)
    lines = []
    for number, kind in enumerate(dict.fromkeys(point["kind"] for point in points)):
        along = sorted(
            (float(point["working_set"]), point["bytes_per_second"] / 1e9)
            for point in points
            if point["kind"] == kind and point["threads"] == threads
        )
        lines.append(Line(along, kind, f"e{number}"))
    x = LogScale.around((place for line in lines for place, _ in line.points), margin=2.5)
    y = LogScale.around((rate for line in lines for _, rate in line.points), margin=1.5)
    axes = ("bytes that each thread works on", round_size), ("GB/s", "{:g}".format)
    wide, narrow = (Plot.of(*size, x, y, axes, [], lines) for size in ((720, 320), (360, 320)))
    return wide, narrow
