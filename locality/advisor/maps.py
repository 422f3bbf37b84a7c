"""Maps of layouts: which zones of which columns a workload reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locality.advisor.analysis import Analysis
from locality.advisor.tablesearch import Placements, TableSearch
from locality.advisor.whatif import Placement

#: Parts that a map has side by side; those of larger tables stand for several zones each.
_MOST_PARTS = 96

Reads = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MappedColumn:
    """A column of a layout.

    width: bytes of a value. reads: for each part of the rows, in order, the share of the queries that read it.
    bytes_read: of it by a query on average, as measured or predicted.
    """

    name: str
    width: float
    reads: tuple[float, ...]
    bytes_read: float


@dataclass(frozen=True)
class LayoutMap:
    """A layout, as it is or as it is proposed. order: for people; empty if rows lie as they came."""

    table: str
    layout: str
    order: str
    rows: int
    columns: tuple[MappedColumn, ...]

    @property
    def bytes_read(self) -> float:
        """Of the layout, by a query on average, as measured or predicted."""
        return sum(column.bytes_read for column in self.columns)


@dataclass(frozen=True)
class Maps:
    """The layouts of a store that a workload reads, and what they would be by an advice; empty if it has none.

    moved_today, moved_proposed: bytes that a query moves on average, of all tables and between its steps.
    """

    today: tuple[LayoutMap, ...] = ()
    proposed: tuple[LayoutMap, ...] = ()
    moved_today: float = 0.0
    moved_proposed: float = 0.0


def maps_of(
    searches: Mapping[str, TableSearch],
    design: Mapping[str, Placements],
    analyses: Sequence[Analysis],
    later: Sequence[Analysis],
) -> Maps:
    """Maps of all layouts of tables as the queries read them: planned as now, and ``later`` over the design."""
    today = [each for search in searches.values() for each in _mapped(search, search.stored, analyses)]
    if all(design[table] == search.stored for table, search in searches.items()):
        return Maps(tuple(today), moved_today=_moved(analyses))
    proposed = [each for table, search in searches.items() for each in _mapped(search, design[table], later)]
    return Maps(tuple(today), tuple(proposed), _moved(analyses), _moved(later))


def _moved(analyses: Sequence[Analysis]) -> float:
    """Bytes that a query moves on average."""
    return sum(a.weight * a.bytes for a in analyses) / max(sum(a.weight for a in analyses), 1e-9)


def _mapped(search: TableSearch, placements: Placements, analyses: Sequence[Analysis]) -> list[LayoutMap]:
    stored = placements == search.stored
    return [
        LayoutMap(
            search.table.name,
            placement.name,
            _order(search, placement),
            search.table.row_count,
            tuple(_columns(search, placement, placements, analyses, stored=stored)),
        )
        for placement in placements
    ]


def _columns(
    search: TableSearch, placement: Placement, placements: Placements, analyses: Sequence[Analysis], *, stored: bool
) -> list[MappedColumn]:
    reads, sizes = _reads(search, placement, placements, analyses, stored=stored)
    weight = max(sum(analysis.weight for analysis in analyses), 1e-9)
    held = range(len(search.table.columns)) if placement.columns is None else sorted(placement.columns)
    nothing = np.zeros(1)
    return [
        MappedColumn(
            search.table.column_name(column),
            search.model.width(column, placement),
            tuple((reads.get(column, nothing) / weight).tolist()),
            sizes.get(column, 0.0) / weight,
        )
        for column in held
    ]


def _reads(
    search: TableSearch, placement: Placement, placements: Placements, analyses: Sequence[Analysis], *, stored: bool
) -> tuple[dict[int, Reads], dict[int, float]]:
    """The weight of the queries that read each part of each column, and the bytes that a run of all reads of it."""
    found: dict[int, Reads] = {}
    sizes: defaultdict[int, float] = defaultdict(float)
    for analysis in analyses:
        seen: dict[int, Reads] = {}
        own: Counter[int] = Counter()
        total: Counter[int] = Counter()  # in all layouts, by which what a query touches is shared out
        for use in analysis.uses:
            if use.scan.table != search.table.name:
                continue
            chosen = Placement(use.scan.layout) if stored else search.model.routed(use, placements)
            if chosen is None:
                continue
            columns = [use.scan.columns[index] for index in use.scanned | use.gathered]
            total.update(columns)
            if chosen.name != placement.name:
                continue
            own.update(columns)
            parts = _parts(search.model.zones_read(use, placement)[0])
            for column in columns:
                seen[column] = np.maximum(seen[column], parts) if column in seen else parts
        for column, parts in seen.items():
            found[column] = found.get(column, 0.0) + analysis.weight * parts
            touched = analysis.touched.get(f"{search.table.name}.{search.table.column_name(column)}", 0)
            sizes[column] += analysis.weight * touched * own[column] / total[column]
    return found, sizes


def _parts(zones: npt.NDArray[np.bool_]) -> Reads:
    """The share of the zones of each part that is read."""
    starts = np.unique(np.linspace(0, len(zones), min(len(zones), _MOST_PARTS), endpoint=False).astype(np.int64))
    sizes = np.diff(np.append(starts, len(zones)))
    return np.add.reduceat(zones.astype(np.float64), starts) / sizes


def _order(search: TableSearch, placement: Placement) -> str:
    if placement.order is None:
        entry = next(layout for layout in search.entry.layouts if layout.name == placement.name)
        return ", ".join(entry.placement)
    columns, curve = placement.order.names
    return ", ".join([*columns, *([f"curve({', '.join(curve)})"] if curve else [])])
