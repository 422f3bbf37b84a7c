"""What a manifest says of each table: its columns, its keys, and the layouts that hold its rows."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from locality.plan.nodes import PRIMARY
from locality.plan.rollups import Grouping
from locality.plan.serial import grouping_from_json, grouping_to_json
from locality.storage.files import FileEntry
from locality.storage.segment import SegmentFiles
from locality.storage.statistics import ColumnStatistics
from locality.storage.table import ForeignKey
from locality.types import DataType, parse


@dataclass(frozen=True, slots=True)
class ColumnEntry:
    """A column: its SQL type and its statistics over the table.

    statistics: ``sorted`` and ``stored_bytes`` are those of the primary layout.
    arrow: of a nested type, the Arrow type, as the base64 text of an Arrow schema of this one column; else None.
    """

    name: str
    type: DataType
    statistics: ColumnStatistics
    arrow: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values."""
        return {
            "name": self.name,
            "type": str(self.type),
            "statistics": self.statistics.to_json(),
            "arrow": self.arrow,
        }

    @staticmethod
    def from_json(entry: dict[str, Any]) -> ColumnEntry:
        """The inverse of :meth:`to_json`."""
        statistics = ColumnStatistics.from_json(entry["statistics"])
        return ColumnEntry(entry["name"], parse(entry["type"]), statistics, entry["arrow"])


@dataclass(frozen=True, slots=True)
class DerivedEntry:
    """A column of a table's parent that is stored with the table's rows.

    name: the whole way, as ``orders.customer.c_mktsegment``; no column of the table has it.
    path: the foreign keys of the way, one or more. column: its name in the last table; None for the row's position.
    statistics: over the rows of the layout.
    built: the version of the store whose values it has. It is worth nothing once a table on the way changed later.
    """

    name: str
    type: DataType
    path: tuple[ForeignKey, ...]
    column: str | None
    statistics: ColumnStatistics = field(default_factory=partial(ColumnStatistics, 0))
    built: int = 0

    @property
    def source(self) -> tuple[tuple[ForeignKey, ...], str | None]:
        """Which column it is, of which row: what two layouts' columns have in common."""
        return self.path, self.column

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values."""
        return {
            "name": self.name,
            "type": str(self.type),
            "path": [dataclasses.asdict(key) for key in self.path],
            "column": self.column,
            "statistics": self.statistics.to_json(),
            "built": self.built,
        }

    @staticmethod
    def from_json(entry: dict[str, Any]) -> DerivedEntry:
        """The inverse of :meth:`to_json`."""
        return DerivedEntry(
            entry["name"],
            parse(entry["type"]),
            tuple(_foreign_key(key) for key in entry["path"]),
            entry["column"],
            ColumnStatistics.from_json(entry["statistics"]),
            entry["built"],
        )


@dataclass(frozen=True, slots=True)
class LayoutEntry:
    """All rows of a table in one order. Paths of files are relative to the store.

    columns: those of the table that the layout has, in the table's order; None for all, as the primary layout has them.
    derived: columns of parents, which lie in the segments after the table's. A secondary layout's segments have one
        more, the last: each row's position in the primary layout.
    order: the columns that a rewrite put the rows in the order of; rows appended since come after.
    curve: the columns along a curve through which rows that are equal in ``order`` lie.
    written: the version of the store that last put all rows in their places; a later append adds to them.
    looked_up: columns in whose order rows lay once, which segments list the blocks of, see storage/lookups.py.
    seconds: that writing all rows took then; 0 if it was not measured.
    """

    name: str = PRIMARY
    columns: tuple[str, ...] | None = None
    segments: tuple[SegmentFiles, ...] = ()
    dictionaries: tuple[FileEntry, ...] = ()
    order: tuple[str, ...] = ()
    curve: tuple[str, ...] = ()
    written: int = 0
    derived: tuple[DerivedEntry, ...] = ()
    looked_up: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows of its segments, deleted ones among them."""
        return sum(segment.rows for segment in self.segments)

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Every file that the layout needs."""
        return (*self.dictionaries, *(file for segment in self.segments for file in segment.files))

    @property
    def placement(self) -> tuple[str, ...]:
        """The order for people to see, with a curve as one of its columns."""
        return (*self.order, f"curve({', '.join(self.curve)})") if self.curve else self.order

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values."""
        entry = dataclasses.asdict(replace(self, derived=()))
        return {**entry, "derived": [column.to_json() for column in self.derived]}

    @staticmethod
    def from_json(entry: dict[str, Any]) -> LayoutEntry:
        """The inverse of :meth:`to_json`; the first entries had no derived columns, lookups and seconds."""
        return LayoutEntry(
            name=entry["name"],
            columns=None if entry["columns"] is None else tuple(entry["columns"]),
            segments=tuple(_segment(segment) for segment in entry["segments"]),
            dictionaries=tuple(FileEntry.from_json(file) for file in entry["dictionaries"]),
            order=tuple(entry["order"]),
            curve=tuple(entry["curve"]),
            written=entry["written"],
            derived=tuple(DerivedEntry.from_json(column) for column in entry.get("derived", ())),
            looked_up=tuple(entry.get("looked_up", ())),
            seconds=entry.get("seconds", 0.0),
        )


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table. ``primary_key`` and ``foreign_keys`` were declared and checked; ``unique`` columns were found so.

    layouts: each holds all rows; the first is the primary one, which has all columns.
    dropped: rows of which statistics tell but that are gone, with segments in which none was left, since a rewrite.
    changed: the version of the store that last changed values of rows that were there before, or made the table.
    rollups: aggregations of the rows, some of them maybe of earlier ones.
    """

    name: str
    columns: tuple[ColumnEntry, ...]
    layouts: tuple[LayoutEntry, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    unique: tuple[str, ...] = ()
    dropped: int = 0
    changed: int = 0
    rollups: tuple[RollupEntry, ...] = ()

    @property
    def primary(self) -> LayoutEntry:
        """The layout with all columns."""
        return self.layouts[0]

    @property
    def rows(self) -> int:
        """Rows that were not deleted."""
        return sum(segment.live for segment in self.primary.segments)

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Every file that the table needs, each once."""
        stored = (file for rollup in self.rollups for file in rollup.stored.files)
        files = (*(file for layout in self.layouts for file in layout.files), *stored)
        return tuple({file.path: file for file in files}.values())

    @property
    def state(self) -> str:
        """What tells the rows from those of any other version: a digest of which segments and deletions there are."""
        parts = ((files.codes, files.deleted) for files in self.primary.segments)
        names = (f"{codes.path} {deleted.path if deleted else ''}" for codes, deleted in parts)
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]

    @property
    def fresh_rollups(self) -> tuple[RollupEntry, ...]:
        """Those of exactly the rows that are there."""
        state = self.state if self.rollups else ""
        return tuple(rollup for rollup in self.rollups if rollup.state == state)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values."""
        return {
            "name": self.name,
            "columns": [column.to_json() for column in self.columns],
            "layouts": [layout.to_json() for layout in self.layouts],
            "primary_key": self.primary_key,
            "foreign_keys": [dataclasses.asdict(key) for key in self.foreign_keys],
            "unique": self.unique,
            "dropped": self.dropped,
            "changed": self.changed,
            "rollups": [rollup.to_json() for rollup in self.rollups],
        }

    @staticmethod
    def from_json(entry: dict[str, Any]) -> TableEntry:
        """The inverse of :meth:`to_json`, for entries of format 1, too."""
        layouts = entry["layouts"] if "layouts" in entry else [_only_layout(entry)]
        return TableEntry(
            name=entry["name"],
            columns=tuple(ColumnEntry.from_json(column) for column in entry["columns"]),
            layouts=tuple(LayoutEntry.from_json(layout) for layout in layouts),
            primary_key=tuple(entry["primary_key"]),
            foreign_keys=tuple(_foreign_key(key) for key in entry["foreign_keys"]),
            unique=tuple(entry["unique"]),
            dropped=entry.get("dropped", 0),  # the first stores did not say
            changed=entry.get("changed", 0),
            rollups=tuple(RollupEntry.from_json(rollup, entry["name"]) for rollup in entry.get("rollups", ())),
        )


def _foreign_key(entry: dict[str, Any]) -> ForeignKey:
    return ForeignKey(tuple(entry["columns"]), entry["table"], tuple(entry["parents"]))


@dataclass(frozen=True, slots=True)
class RollupEntry:
    """An aggregation of a table's rows, stored as a table of its own.

    sql: how the user said it. grouping: what it means. stored: the rows, one for each group, or several.
    state: that of the table of whose rows it is, see :attr:`TableEntry.state`.
    """

    name: str
    sql: str
    grouping: Grouping
    stored: TableEntry
    state: str

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values."""
        return {
            "name": self.name,
            "sql": self.sql,
            "grouping": grouping_to_json(self.grouping),
            "stored": self.stored.to_json(),
            "state": self.state,
        }

    @staticmethod
    def from_json(entry: dict[str, Any], table: str) -> RollupEntry:
        """The inverse of :meth:`to_json`, of a rollup of ``table``."""
        grouping = grouping_from_json(entry["grouping"], table)
        stored = TableEntry.from_json(entry["stored"])
        return RollupEntry(entry["name"], entry["sql"], grouping, stored, entry["state"])


def _only_layout(entry: dict[str, Any]) -> dict[str, Any]:
    """The layout of a table in a manifest of format 1, which noted it, with a curve as text, in the table itself."""
    names = entry.get("order", ())
    curves = [name.removeprefix("curve(").removesuffix(")") for name in names if name.startswith("curve(")]
    return {
        "name": PRIMARY,
        "columns": None,
        "segments": entry["segments"],
        "dictionaries": entry["dictionaries"],
        "order": [name for name in names if not name.startswith("curve(")],
        "curve": [name for curve in curves for name in curve.split(", ")],
        "written": 0,
    }


def _segment(entry: dict[str, Any]) -> SegmentFiles:
    text, deleted = entry["text"], entry.get("deleted")  # stores from before there were deletions have none
    return SegmentFiles(
        entry["rows"],
        FileEntry.from_json(entry["codes"]),
        FileEntry.from_json(entry["zones"]),
        FileEntry.from_json(text) if text is not None else None,
        FileEntry.from_json(deleted) if deleted is not None else None,
        entry.get("dead", 0),
        FileEntry.from_json(lookups) if (lookups := entry.get("lookups")) is not None else None,
    )
