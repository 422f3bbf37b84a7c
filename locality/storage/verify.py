"""Checks of a whole store: that every file is as it was written, and that what is said of its data is true."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from locality.encodings import decode
from locality.errors import CorruptStoreError, LocalityError
from locality.scratch import ScratchDirectory
from locality.storage import dictionaries, files
from locality.storage.entries import ColumnEntry, DerivedEntry, TableEntry
from locality.storage.ingest.collector import Collector
from locality.storage.ingest.proofs import check_references, check_unique
from locality.storage.snapshot import Snapshot, open_table
from locality.storage.statistics import ColumnStatistics
from locality.storage.store import Store
from locality.storage.table import ForeignKey, Layout, Table
from locality.units import quantity

_FACTS = ("rows", "null_count", "has_nan", "text_bytes", "longest_text")
_ORDERS = {None: (), "descending": ("descending",), "ascending": ("ascending", "strictly ascending")}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong in a store: the table, and what (the message names the file, column or rows)."""

    table: str
    message: str

    def __str__(self) -> str:
        return f"{self.table}: {self.message}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified, of a store that is whole; ``repaired``: what had been damaged, and was written anew."""

    version: int
    tables: int
    rows: int
    files: int
    bytes: int
    repaired: tuple[str, ...] = ()

    def __str__(self) -> str:
        anew = "".join(f"written anew: {each}\n" for each in self.repaired)
        return anew + (
            f"version {self.version} is whole: {quantity(self.tables, 'table')}, {quantity(self.rows, 'row')}, "
            f"{quantity(self.files, 'file')}, {self.bytes:,} bytes"
        )

    __repr__ = __str__


#: Looks at a table, by name, of a snapshot, and raises CorruptStoreError where something is wrong.
Check = Callable[[Snapshot, str], None]


def verify(store: Store, further: Check | None = None) -> Report:
    """Read all of a store; raises CorruptStoreError with all of :func:`find_problems` if there are any."""
    if problems := find_problems(store, further):
        raise CorruptStoreError(f"the store {store.path} is damaged:\n" + "\n".join(map(str, problems)))
    snapshot = store.snapshot()
    entries = list(snapshot.entries.values())
    needed = {file.path: file.size for entry in entries for file in entry.files}
    rows = sum(entry.rows for entry in entries)
    return Report(snapshot.version, len(entries), rows, len(needed), sum(needed.values()))


def find_problems(store: Store, further: Check | None = None) -> list[Problem]:
    """Read all of a store and hold it against its manifest; the problems found, none if it is whole.

    Checked are the manifest, and of each table: every file's existence, size and checksum, the order of dictionaries,
    that all columns decode, with codes in range, zone and column statistics, and keys; and then what ``further`` does.

    Raises CorruptStoreError if the manifest itself is damaged.
    """
    snapshot = store.snapshot()
    problems = []
    with ScratchDirectory("verify") as scratch:
        for entry in snapshot.entries.values():
            found = list(_damaged_files(store.path, entry))
            table = open_table(store.path, entry)
            steps = [_data_checks(store.path, entry, table), _key_checks(table, snapshot, Path(scratch))]
            stored = [rollup.stored for rollup in entry.rollups]
            steps += [_data_checks(store.path, each, open_table(store.path, each)) for each in stored]
            # What is damaged says nothing about the rest: each step trusts those before it.
            for step in steps:
                if not found:
                    found += [message for check in step for message in _failure(check)]
            if further is not None and not found:
                try:
                    further(snapshot, entry.name)
                except CorruptStoreError as error:
                    found.append(str(error))
            problems += [Problem(entry.name, message) for message in found]
    return problems


def _failure(check: Callable[[], None]) -> Iterator[str]:
    try:
        check()
    except LocalityError as error:
        yield str(error)


def _damaged_files(store: Path, entry: TableEntry) -> Iterator[str]:
    for file in entry.files:
        yield from _failure(partial(files.check_content, store / file.path, file))


def _data_checks(store: Path, entry: TableEntry, table: Table) -> Iterator[Callable[[], None]]:
    for file in dict.fromkeys(file for layout in entry.layouts for file in layout.dictionaries):
        yield partial(_check_dictionary, store, file)
    for segment in (segment for layout in table.layouts for segment in layout.segments):
        yield segment.verify
        segment.drop_cache()
    for layout in table.layouts[1:]:
        yield partial(_check_row_ids, table, layout)
    for index, column in enumerate(entry.columns):
        yield partial(_check_statistics, table.layouts[0], index, column, entry.dropped)
    for described, layout in zip(entry.layouts, table.layouts, strict=True):
        dropped = entry.dropped if described is entry.primary else 0
        for index, derived in enumerate(described.derived, len(layout.positions)):
            yield partial(_check_statistics, layout, index, derived, dropped)


def _check_row_ids(table: Table, layout: Layout) -> None:
    """That a secondary layout has each row that is there once, and no row twice."""
    seen = np.zeros(table.row_count, np.int64)
    for segment in layout.segments:
        np.add.at(seen, layout.row_ids(segment), 1)
    if (seen > 1).any() or not seen[table.live_mask()].all():
        raise LocalityError(f"layout {layout.name!r} does not hold the rows of its table")


def _key_checks(table: Table, snapshot: Snapshot, scratch: Path) -> Iterator[Callable[[], None]]:
    if table.primary_key:
        yield partial(check_unique, table, table.primary_key, "primary key", scratch)
    for name in table.unique:
        yield partial(check_unique, table, (name,), "unique column", scratch)
    for key in table.foreign_keys:
        yield partial(_check_reference, table, key, snapshot, scratch)


def _check_reference(table: Table, key: ForeignKey, snapshot: Snapshot, scratch: Path) -> None:
    check_references(table, key, snapshot.tables.table(key.table), scratch)


def _check_dictionary(store: Path, file: files.FileEntry) -> None:
    import pyarrow.compute as pc

    values = dictionaries.read_dictionary(store, file).values
    if values.null_count or pc.all(pc.less(values[:-1], values[1:])).as_py() is False:
        raise LocalityError(f"{store / file.path} is not in strictly ascending order")


def _check_statistics(layout: Layout, index: int, column: ColumnEntry | DerivedEntry, dropped: int) -> None:
    """That a column, at position ``index`` of a layout's segments, has the statistics that are noted of it."""
    collector = Collector(column.name, column.type, layout.row_count)
    for segment in layout.segments:
        collector.add(*collector.prepare(decode(segment.column(index))))
        segment.drop_cache()
    holds = _holds_of_more if dropped else _holds
    said = column.statistics
    if said.rows != layout.row_count + dropped or not holds(said, collector.statistics(0)):
        raise LocalityError(f"the statistics of column {column.name!r} are not those of its values")


def _holds(said: ColumnStatistics, found: ColumnStatistics) -> bool:
    """Whether statistics are true; after appends they may say less than could be found."""
    if any(getattr(said, fact) != getattr(found, fact) for fact in _FACTS):
        return False
    if said.distinct_exact and found.distinct_exact and said.distinct_estimate != found.distinct_estimate:
        return False
    if not _is_sorted(said, found):
        return False
    if isinstance(found.minimum, bytes) and isinstance(said.minimum, bytes):
        return said.minimum <= found.minimum and (said.maximum is None or _at_least(said.maximum, found.maximum))
    return (said.minimum, said.maximum) == (found.minimum, found.maximum)


def _holds_of_more(said: ColumnStatistics, found: ColumnStatistics) -> bool:
    """The same where some rows are gone, because segments of nothing but deleted rows were dropped."""
    if any(getattr(said, fact) < getattr(found, fact) for fact in _FACTS) or not _is_sorted(said, found):
        return False
    if found.minimum is None:
        return True
    if isinstance(found.minimum, bytes):
        low = isinstance(said.minimum, bytes) and said.minimum <= found.minimum
        return low and (said.maximum is None or _at_least(said.maximum, found.maximum))
    bounds = (said.minimum, said.maximum, found.minimum, found.maximum)
    least, most, low_found, high_found = (bound if isinstance(bound, int | float) else math.nan for bound in bounds)
    return least <= low_found and high_found <= most


def _is_sorted(said: ColumnStatistics, found: ColumnStatistics) -> bool:
    return said.sorted is None or not found.rows or found.sorted in _ORDERS.get(said.sorted, (said.sorted,))


def _at_least(bound: object, value: object) -> bool:
    return isinstance(bound, bytes) and (not isinstance(value, bytes) or bound >= value)
