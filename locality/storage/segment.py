"""Segments: up to a million rows of a table in Arrow IPC files, memory-mapped, each column under its encoding.

``name.arrow`` has the codes: one batch, uncompressed, every buffer at a multiple of 64 bytes. ``name.values.arrow`` has
raw text and nested values, LZ4-compressed, a batch a zone. ``name.zones.arrow`` has the zone statistics, a row a zone;
``name.lookups.arrow`` in which blocks values lie, if rows are looked up by columns in whose order they do not lie.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from locality.encodings import Dictionary, EncodedColumn, stored_width
from locality.errors import CorruptStoreError
from locality.storage import segment_format, value_format, zone_format
from locality.storage.files import FileEntry, check_arrow, checked, create, only_batch, write_batch
from locality.storage.lookups import Lookup, lookup_of, read_lookup, write_lookups
from locality.storage.zones import ZONE_ROWS, Zones, zones_of
from locality.types import DataType

#: The most rows of a segment.
SEGMENT_ROWS = 16 * ZONE_ROWS


class Decompressed:
    """Bytes of the text and nested values that the segments of this process ever decompressed to keep them."""

    nbytes = 0


decompressed = Decompressed()


@dataclass(frozen=True, slots=True)
class SegmentFiles:
    """What a manifest must keep of a segment to open it again; paths are relative to the directory given then.

    deleted, dead: the bitmap of the rows that were deleted since, and how many these are.
    """

    rows: int
    codes: FileEntry
    zones: FileEntry
    text: FileEntry | None = None
    deleted: FileEntry | None = None
    dead: int = 0
    lookups: FileEntry | None = None

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """All files of the segment: codes, zones, and text, lookups and deletions if there are any."""
        files = self.codes, self.zones, self.text, self.lookups, self.deleted
        return tuple(file for file in files if file is not None)

    @property
    def live(self) -> int:
        """Rows that were not deleted."""
        return self.rows - self.dead

    @property
    def undeleted(self) -> SegmentFiles:
        """The same files as they were written, before any row was deleted."""
        return replace(self, deleted=None, dead=0)


class Segment:
    """An open segment. Opening touches no file; columns and zones are read when first asked for. Thread-safe."""

    zone_rows: int = ZONE_ROWS

    def __init__(
        self,
        directory: Path,
        files: SegmentFiles,
        names: Sequence[str],
        types: Sequence[DataType],
        dictionaries: Mapping[str, Dictionary],
        passing: frozenset[int] = frozenset(),
    ) -> None:
        """As :func:`open_segment`."""
        self._passing = passing
        self._in_use: dict[int, weakref.ref[EncodedColumn]] = {}
        self._widths: dict[int, float] = {}
        self.row_count = files.rows
        self._directory = directory
        self._files = files
        self._names = tuple(names)
        self._types = tuple(types)
        self._dictionaries = dictionaries
        self._columns: dict[int, EncodedColumn] = {}
        self._cached_bytes = 0
        self._zones: dict[int, Zones] = {}
        self._lock = threading.RLock()

    @property
    def names(self) -> Sequence[str]:
        """What its columns are called, derived ones and row ids among them."""
        return self._names

    @property
    def column_count(self) -> int:
        """Columns that it has, derived ones and row ids among them."""
        return len(self._names)

    def column(self, index: int) -> EncodedColumn:
        """Column ``index``: read-only views of the memory map; text and nested values are decompressed and cached,
        one that is only passing as long as somebody uses it.

        Raises CorruptStoreError, naming the file, where a file is not what the manifest says.
        """
        with self._lock:
            known = self._columns.get(index) or (self._in_use[index]() if index in self._in_use else None)
            if known is not None:
                return known
            column = self._read_column(index)
            if index in self._passing:
                self._in_use[index] = weakref.ref(column)
            else:
                self._columns[index] = column
                held = value_format.memory_bytes(column)
                self._cached_bytes += held
                decompressed.nbytes += held
            return column

    def width(self, index: int) -> float:
        """Bytes of column ``index`` a row, as it is in memory."""
        with self._lock:
            if index not in self._widths:
                self._widths[index] = stored_width(self.column(index))
            return self._widths[index]

    def is_passing(self, index: int) -> bool:
        """Whether column ``index`` is forgotten when nobody uses it, because the table's is too large to keep."""
        return index in self._passing

    def is_ready(self, index: int) -> bool:
        """Whether column ``index`` has been read."""
        return index in self._columns

    def encoding(self, index: int) -> str:
        """The name of a column's encoding, without reading its values; raises as :meth:`column`."""
        with self._lock:
            if index in self._columns:
                return self._columns[index].encoding
            _, path, field = self._find(index)
            return checked(path, field.name, lambda: segment_format.metadata(field)["encoding"])

    def dictionaries(self) -> frozenset[str]:
        """The keys of the dictionaries that its columns need; raises as :meth:`column`."""
        schema = self._codes[2]
        found = checked(self._codes_path, "", lambda: [segment_format.metadata(field) for field in schema])
        return frozenset(entries["dictionary"] for entries in found if "dictionary" in entries)

    def zones(self, index: int) -> Zones:
        """The zone statistics of a column; raises as :meth:`column`."""
        with self._lock:
            if index not in self._zones:
                path, batch = self._directory / self._files.zones.path, self._zone_batch
                count = -(-self.row_count // ZONE_ROWS)
                zones = checked(path, self._names[index], lambda: zone_format.read(batch, index, count))
                self._zones[index] = replace(zones, lookup=self._lookup(index))
            return self._zones[index]

    def _lookup(self, index: int) -> Lookup | None:
        if self._files.lookups is None:
            return None
        path = self._directory / self._files.lookups.path
        try:
            return checked(path, self._names[index], lambda: read_lookup(self._lookup_batch, index))
        except CorruptStoreError as error:  # rows are found without it, too
            warnings.warn(f"{error}; locality verify --repair writes it anew", stacklevel=2)
            return None

    @property
    def cached_bytes(self) -> int:
        """Bytes of memory that decompressed text and nested values take now."""
        return self._cached_bytes

    def drop_cache(self) -> None:
        """Forgets decompressed values; columns that are in use stay valid."""
        with self._lock:
            kept = {i: column for i, column in self._columns.items() if not value_format.memory_bytes(column)}
            self._columns, self._cached_bytes = kept, 0

    def verify(self) -> None:
        """Reads every column and holds it against its zone statistics; raises CorruptStoreError if they differ."""
        for index, name in enumerate(self._names):
            column = self.column(index)
            stored, actual = self.zones(index), zones_of(column)
            if not zone_format.describes(stored, actual):
                path = self._directory / self._files.zones.path
                raise CorruptStoreError(f"{path}: the statistics of column {name} are not those of its values")
            if stored.lookup is not None and not stored.lookup.equals(lookup_of(column, actual)):
                path = self._codes_path.with_suffix(".lookups.arrow")
                raise CorruptStoreError(f"{path}: the lookup of column {name} is not that of its values")

    def _find(self, index: int) -> tuple[int, Path, pa.Field]:
        """Where a column is: the position of its field in a file, and the file's path."""
        _, positions, schema = self._codes
        path = self._codes_path
        if index not in positions and self._files.text is not None:
            positions, schema = self._values
            path = self._directory / self._files.text.path
        if index not in positions:
            raise CorruptStoreError(f"{path} has no column {self._names[index]}")
        return positions[index], path, schema.field(positions[index])

    def _read_column(self, index: int) -> EncodedColumn:
        position, path, field = self._find(index)
        dtype = self._types[index]
        if path == self._codes_path:
            array = self._codes[0].column(position)
            return checked(path, field.name, lambda: segment_format.from_field(field, array, dtype, self._dictionaries))
        return checked(path, field.name, lambda: value_format.read(path, position, dtype, self.row_count))

    @cached_property
    def _codes(self) -> tuple[pa.RecordBatch, dict[int, int], pa.Schema]:
        batch = only_batch(self._directory / self._files.codes.path, self._files.codes)
        path = self._codes_path
        rows = (batch.schema.metadata or {}).get(b"locality.rows")
        if rows != str(self.row_count).encode() or (batch.num_columns and batch.num_rows != self.row_count):
            raise CorruptStoreError(f"{path} is not the segment of {self.row_count} rows that the manifest names")
        return batch, self._positions(path, batch.schema), batch.schema

    @property
    def _codes_path(self) -> Path:
        return self._directory / self._files.codes.path

    @cached_property
    def _values(self) -> tuple[dict[int, int], pa.Schema]:
        assert self._files.text is not None
        path = self._directory / self._files.text.path
        check_arrow(path, self._files.text)
        schema = checked(path, "", lambda: value_format.read_schema(path))
        return self._positions(path, schema), schema

    @cached_property
    def _zone_batch(self) -> pa.RecordBatch:
        return only_batch(self._directory / self._files.zones.path, self._files.zones)

    @cached_property
    def _lookup_batch(self) -> pa.RecordBatch:
        assert self._files.lookups is not None
        return only_batch(self._directory / self._files.lookups.path, self._files.lookups)

    def _positions(self, path: Path, schema: pa.Schema) -> dict[int, int]:
        """The position in a file of each column that it has."""
        indices = {name: index for index, name in enumerate(self._names)}
        names = checked(path, "", lambda: schema.names)
        if len(set(names) & indices.keys()) < len(names):
            raise CorruptStoreError(f"{path} has columns that the manifest does not name: {names}")
        return {indices[name]: position for position, name in enumerate(names)}


def write_segment(
    directory: Path,
    name: str,
    columns: Sequence[EncodedColumn],
    names: Sequence[str],
    looked_up: frozenset[int] = frozenset(),
) -> SegmentFiles:
    """Writes ``name.arrow``, ``name.zones.arrow`` and, if a column has no codes, ``name.values.arrow``; syncs them all.

    Columns have the same length, 1 to SEGMENT_ROWS. Their dictionaries are written apart, by ``write_dictionary``.
    looked_up: columns, by number, that get a lookup in ``name.lookups.arrow`` where it is of use.
    Raises StoreFullError or StoreError; the caller removes the files that are left then.
    """
    rows = columns[0].length
    columns = [segment_format.storable(column) for column in columns]
    pairs = list(zip(columns, names, strict=True))
    coded = [(column, name) for column, name in pairs if column.encoding not in value_format.ENCODINGS]
    valued = [(column, name) for column, name in pairs if column.encoding in value_format.ENCODINGS]
    fields = [segment_format.to_field(column, name) for column, name in coded]
    arrays = [array for _, array in fields]
    schema = segment_format.aligned_schema([field for field, _ in fields], rows, arrays)
    codes = write_batch(directory, f"{name}.arrow", pa.RecordBatch.from_arrays(arrays, schema=schema))
    known = [zones_of(column) for column in columns]
    zones = write_batch(directory, f"{name}.zones.arrow", zone_format.to_batch(known, rows))
    lookups = {i: found for i in sorted(looked_up) if (found := lookup_of(columns[i], known[i])) is not None}
    text = None
    if valued:
        file_name = f"{name}.values.arrow"
        with create(directory / file_name) as file:
            value_format.write(pa.PythonFile(file, mode="w"), valued, rows)
        text = FileEntry(file_name, file.size, file.crc32)
    listed = write_lookups(directory, name, lookups) if lookups else None
    return SegmentFiles(rows, codes, zones, text, lookups=listed)


def open_segment(
    directory: Path,
    files: SegmentFiles,
    names: Sequence[str],
    types: Sequence[DataType],
    dictionaries: Mapping[str, Dictionary],
    passing: frozenset[int] = frozenset(),
) -> Segment:
    """The segment of ``files``, without touching them; ``dictionaries`` is asked by key when a column needs one.

    passing: the columns that are not kept in memory once nobody uses them.
    """
    return Segment(directory, files, names, types, dictionaries, passing)
