"""Segments: up to a million rows of a table in Arrow IPC files, memory-mapped, each column under its encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from locality.encodings import Dictionary, EncodedColumn
from locality.storage.files import FileEntry
from locality.storage.zones import ZONE_ROWS, Zones
from locality.types import DataType

#: The most rows of a segment.
SEGMENT_ROWS = 16 * ZONE_ROWS


@dataclass(frozen=True, slots=True)
class SegmentFiles:
    """What a manifest must keep of a segment to open it again; paths are relative to the directory given then."""

    rows: int
    codes: FileEntry
    zones: FileEntry
    text: FileEntry | None = None

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """All files of the segment: codes, zones, and text if there is any."""
        return (self.codes, self.zones) if self.text is None else (self.codes, self.zones, self.text)


class Segment:
    """An open segment. Opening touches no file; columns and zones are read when first asked for. Thread-safe."""

    row_count: int
    zone_rows: int = ZONE_ROWS

    def column(self, index: int) -> EncodedColumn:
        """Column ``index``: read-only views of the memory map; text is decompressed and cached.

        Raises CorruptStoreError, naming the file, where a file is not what the manifest says.
        """
        raise NotImplementedError

    def encoding(self, index: int) -> str:
        """The name of a column's encoding, without reading its values."""
        raise NotImplementedError

    def zones(self, index: int) -> Zones:
        """The zone statistics of a column."""
        raise NotImplementedError

    @property
    def cached_bytes(self) -> int:
        """Bytes of memory that decompressed text takes now."""
        raise NotImplementedError

    def drop_cache(self) -> None:
        """Forgets decompressed text; columns that are in use stay valid."""
        raise NotImplementedError


def write_segment(directory: Path, name: str, columns: Sequence[EncodedColumn], names: Sequence[str]) -> SegmentFiles:
    """Writes ``name.arrow``, ``name.zones.arrow`` and, if a column is ``text``, ``name.text.arrow``; syncs them all.

    Columns have the same length, 1 to SEGMENT_ROWS. Their dictionaries are written apart, by ``write_dictionary``.
    Raises StoreFullError or StoreError; nothing is left behind then.
    """
    raise NotImplementedError


def open_segment(
    directory: Path,
    files: SegmentFiles,
    names: Sequence[str],
    types: Sequence[DataType],
    dictionaries: Mapping[str, Dictionary],
) -> Segment:
    """The segment of ``files``, without touching them; ``dictionaries`` is asked by key when a column needs one."""
    raise NotImplementedError
