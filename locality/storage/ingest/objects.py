"""Which source a path, a glob, a list of paths or an object is."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from locality.errors import SchemaError, SourceError
from locality.storage.ingest.csv import CsvSource
from locality.storage.ingest.ipc import FILE_MAGIC, IpcSource
from locality.storage.ingest.source import Place, Source, StreamSource, ready
from locality.storage.ingest.validity import checked
from locality.types import DataType

_PARQUET = {".parquet", ".parq", ".pq"}
_IPC = {".arrow", ".arrows", ".feather", ".ipc"}
_CSV = {".csv", ".tsv", ".txt", ".tbl"}
_COMPRESSED = {".gz", ".zst"}
_OWN_TYPE = re.compile(r"UUID|HUGEINT|ENUM\(.*\)", re.DOTALL)
#: Types of DuckDB that Arrow has no form for: it gives their bytes, or values without the offset, or the wrong ones.
_LOST_TYPES = frozenset({"UHUGEINT", "BIT", "TIME WITH TIME ZONE"})
_STREAM_MAGIC = b"\xff\xff\xff\xff"
#: Characters of a path that a message has at most.
_SHOWN = 500


def open_source(source: Any, threads: int, csv: Mapping[str, Any]) -> Source:
    """The source of a path, a glob, several paths, or an object that exports Arrow data; a source is its own.

    csv: options of DuckDB's ``read_csv``, for CSV files.

    Raises SourceError if there is no such file, it is of a format that can't be ingested, or options do not apply.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, str | os.PathLike):
        return _files(_matches(os.fspath(source)), threads, csv)
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        _refuse(csv, f"an object of type {type(source).__name__}")
        return _object(source)
    if isinstance(source, Iterable) and not isinstance(source, Mapping):
        paths = list(source)
        if paths and all(isinstance(path, str | os.PathLike) for path in paths):
            return _files([match for path in paths for match in _matches(os.fspath(path))], threads, csv)
    raise SourceError(
        f"can't ingest an object of type {type(source).__name__}: give a path, a glob, a list of paths, "
        "or an object with __arrow_c_stream__ (pyarrow, pandas, Polars, DuckDB)"
    )


def _object(source: Any) -> Source:
    library = type(source).__module__.partition(".")[0]
    place = Place(f"the {library.removeprefix('_')} {type(source).__name__}")
    with place.reading():
        if isinstance(source, duckdb.DuckDBPyRelation):
            return StreamSource(pa.RecordBatchReader.from_stream(source), place, ready, types=_own_types(source))
        if library == "pandas":
            # Like DuckDB, take the columns and leave the index.
            source = pa.Table.from_pandas(source, preserve_index=False)
        if hasattr(source, "__arrow_c_stream__"):
            reader = pa.RecordBatchReader.from_stream(source)
        else:
            batch = pa.record_batch(source)
            reader = pa.RecordBatchReader.from_batches(batch.schema, [batch])
    rows = getattr(source, "num_rows", None)
    return StreamSource(reader, place, checked, rows if isinstance(rows, int) else None)


def _own_types(relation: duckdb.DuckDBPyRelation) -> dict[str, DataType]:
    """The types of columns that leave DuckDB as other ones: UUID and ENUM as text, HUGEINT as a decimal.

    Raises SchemaError for those whose values Arrow does not tell.
    """
    types = {name: str(dtype) for name, dtype in zip(relation.columns, relation.types, strict=True)}
    for name, text in types.items():
        if text in _LOST_TYPES:
            raise SchemaError(f"column {name!r}: values of type {text} can't be kept; cast them to another type")
    return {name: DataType(text) for name, text in types.items() if _OWN_TYPE.fullmatch(text)}


def _matches(pattern: str) -> list[Path]:
    path = Path(pattern)
    try:
        if path.is_dir():
            raise SourceError(f"{path} is a directory: name its files, for instance {path / '*.parquet'}")
        if path.exists() or not glob.has_magic(pattern):
            return [path]
    except OSError as error:
        raise SourceError(f"{_shown(pattern)} can't be read: {error.strerror}") from None
    anchor = Path(path.anchor) if path.is_absolute() else Path()
    found = sorted(match for match in anchor.glob(str(path.relative_to(anchor))) if match.is_file())
    if not found:
        raise SourceError(f"no file matches {pattern}")
    return found


def _shown(path: str) -> str:
    """A path as messages have it, of one that is too long only the beginning."""
    return path if len(path) <= _SHOWN else f"{path[:_SHOWN]}..."


def _files(paths: list[Path], threads: int, csv: Mapping[str, Any]) -> Source:
    formats = {path: _format(path) for path in paths}
    for path in paths[1:]:
        if formats[path] != formats[paths[0]]:
            raise SourceError(
                f"{path} is {formats[path]}, but {paths[0]} is {formats[paths[0]]}: ingest them one by one"
            )
    if formats[paths[0]] != "CSV":
        _refuse(csv, f"{paths[0]}, which is {formats[paths[0]]}")
    match formats[paths[0]]:
        case "Parquet":
            from locality.storage.ingest.parquet import ParquetSource

            return ParquetSource(paths)
        case "Arrow IPC":
            return IpcSource(paths)
        case _:
            return CsvSource(paths, threads, csv)


def _refuse(csv: Mapping[str, Any], source: str) -> None:
    if csv:
        raise SourceError(f"the option {next(iter(csv))!r} is for CSV files; it does not apply to {source}")


def _format(path: Path) -> str:
    """The format of a file by its first bytes, or else by its name."""
    try:
        with path.open("rb") as file:
            start = file.read(len(FILE_MAGIC))
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise SourceError(f"{str(path)!r} can't be read: {error}") from None
    if start.startswith(b"PAR1"):
        return "Parquet"
    if start == FILE_MAGIC or start.startswith(_STREAM_MAGIC):
        return "Arrow IPC"
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    if suffix in _CSV:
        return "CSV"
    for name, known in (("a Parquet", _PARQUET), ("an Arrow IPC", _IPC)):
        if suffix in known:
            raise SourceError(f"{path} is not {name} file, though its name says so: it starts with {start!r}")
    raise SourceError(f"{path} has a format that can't be ingested; Parquet, CSV (.csv, .tsv) and Arrow IPC can")
