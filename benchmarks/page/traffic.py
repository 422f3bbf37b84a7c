"""Bytes: how many fewer than whole rows, what a query touched, and time against bytes moved under the roofline."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from ..units import data_size, milliseconds
from .plot import Line, Plot, Point
from .run import OURS, Run
from .scale import LogScale, round_milliseconds, round_size


@dataclass(frozen=True)
class Reduction:
    """Bytes of one query. shares: of whole rows, as places on a logarithmic axis from 0 to 1."""

    name: str
    whole: str
    moved: str
    minimum: str
    fewer: str
    share: str
    places: tuple[float, float, float]


def ledgers(run: Run) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The queries that Locality answered itself, with its ledger."""
    found = [(query, query["measurements"].get(OURS)) for query in run.queries]
    return [(q, m) for q, m in found if m and m["ledger"] and m["ledger"]["engine"] == OURS and m["median_seconds"]]


def reductions(run: Run) -> list[Reduction]:
    """How much less than whole rows each query moved; none where no bytes were counted."""
    found = [(query, m) for query, m in ledgers(run) if m["ledger"]["bytes_moved"] and m["ledger"]["bytes_naive"]]
    if not found:
        return []
    sizes = [m["ledger"][key] for _, m in found for key in ("bytes_naive", "bytes_moved", "bytes_minimum")]
    scale = LogScale(min(size for size in sizes if size) / 2, max(sizes))
    return [_reduction(query, measurement, scale) for query, measurement in found]


def _reduction(query: dict[str, Any], measurement: dict[str, Any], scale: LogScale) -> Reduction:
    ledger, share = measurement["ledger"], measurement["bandwidth_share"]
    whole, moved, minimum = ledger["bytes_naive"], ledger["bytes_moved"], ledger["bytes_minimum"]
    return Reduction(
        query["name"],
        data_size(whole),
        data_size(moved),
        data_size(minimum),
        f"{whole / moved:,.0f}x" if whole >= 10 * moved else f"{whole / moved:.1f}x",
        "-" if share is None else f"{share:.0%}",
        (scale.at(minimum or 1), scale.at(moved), scale.at(whole)),
    )


@dataclass(frozen=True)
class Heat:
    """One cell: how much of all that the query read from layouts, 0 to 1; ``level`` of 0 to 5 gives its colour."""

    level: int
    note: str


@dataclass(frozen=True)
class HeatMap:
    """tables: name, and its columns in order. rows: a query's name and its cells."""

    tables: list[tuple[str, list[str]]]
    rows: list[tuple[str, list[Heat]]]


def heat_map(run: Run) -> HeatMap | None:
    """Which columns each query read, for all columns that any of them read; None if that was not kept."""
    touched = {q["name"]: t for q, m in ledgers(run) if (t := m["ledger"].get("touched"))}
    if not touched:
        return None
    tables: dict[str, set[str]] = defaultdict(set)
    for columns in touched.values():
        for column in columns:
            table, _, name = column.partition(".")
            tables[table].add(name)
    ordered = [(table, sorted(names)) for table, names in sorted(tables.items(), key=lambda item: -len(item[1]))]
    flat = [f"{table}.{name}" for table, names in ordered for name in names]
    most = max(nbytes for columns in touched.values() for nbytes in columns.values())
    return HeatMap(ordered, [(q, [_heat(c, columns.get(c, 0), most) for c in flat]) for q, columns in touched.items()])


def _heat(column: str, nbytes: int, most: int) -> Heat:
    """Each level is a third of the next."""
    if nbytes == 0:
        return Heat(0, "")
    return Heat(max(5 - int(math.log(most / nbytes, 3)), 1), f"{column}: {data_size(nbytes)}")


def roofline(run: Run, width: int, height: int) -> Plot | None:
    """Locality's hot times against the bytes that it moved; the line is the machine's measured read bandwidth."""
    found = [(q["name"], m["ledger"]["bytes_moved"], m["median_seconds"]) for q, m in ledgers(run)]
    found = [point for point in found if point[1] > 0]
    if not found or not run.record["bandwidth"]:
        return None
    bandwidth = run.record["bandwidth"]
    x = LogScale.around((nbytes for _, nbytes, _ in found), margin=1.6)
    fastest = min(nbytes / bandwidth for _, nbytes, _ in found)
    y = LogScale.around([fastest, *(seconds for _, _, seconds in found)], margin=1.6)
    label = f"{bandwidth / 1e9:.0f} GB/s, all that memory gives"
    line = Line([(x.low, x.low / bandwidth), (x.high, x.high / bandwidth)], label, "roof")
    points = [Point(b, s, name, f"{name}: {data_size(b)} in {milliseconds(s)} ms") for name, b, s in found]
    axes = ("bytes moved", round_size), ("milliseconds", round_milliseconds)
    return Plot.of(width, height, x, y, axes, points, [line])
