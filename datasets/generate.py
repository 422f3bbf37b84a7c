"""What the generators of this project's own data share: seeds, batches, and Parquet files written as a stream."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from locality.errors import SourceError

from .cache import data_directory, staging

BATCH_ROWS = 1 << 18
"""Rows that a generator makes at a time, which bounds its memory; also the rows of a Parquet row group."""

Batches: TypeAlias = "Iterator[dict[str, pa.Array[Any]]]"
"""Columns by name, batch by batch; the first batch fixes the schema."""


@dataclass(frozen=True)
class Table:
    """A table that can be made: its primary key, its rows at a scale, and its columns in batches at a scale."""

    name: str
    key: tuple[str, ...]
    rows: Callable[[float], int]
    batches: Callable[[float], Batches]


def ensure(dataset: str, scale: float, tables: Iterable[Table]) -> dict[str, Path]:
    """The Parquet file of each table at this scale, made first where it isn't cached.

    dataset: names the directory, with a version that changes when what is made changes. The same scale makes the
    same rows, whichever tables were asked for. Progress shows on standard error if that is a terminal.

    Raises:
        SourceError: the scale isn't positive, or the directory can't be used.
    """
    if not scale > 0:
        raise SourceError(f"scale {scale:g} of {dataset} is not positive; 1 is the usual one")
    directory = data_directory() / dataset / f"sf{scale:g}"
    wanted = {table: directory / f"{table.name}.parquet" for table in tables}
    missing = [table for table, path in wanted.items() if not path.exists()]
    if missing:
        with staging(directory) as scratch:
            for table in missing:
                _write(scratch / f"{table.name}.parquet", table, scale, f"making {table.name} of {dataset}")
    return {table.name: path for table, path in wanted.items()}


def _write(path: Path, table: Table, scale: float, label: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(label, total=table.rows(scale))
        writer: pq.ParquetWriter | None = None
        for batch in table.batches(scale):
            made = pa.table(batch)
            # Without Arrow's schema in the file, what is a dictionary here is plain text to whoever reads it.
            writer = writer or pq.ParquetWriter(path, made.schema, store_schema=False)
            writer.write_table(made)
            progress.advance(task, made.num_rows)
        if writer is not None:
            writer.close()


def spans(rows: int) -> Iterator[tuple[int, int]]:
    """(first row, rows) of each batch of a table."""
    for first in range(0, rows, BATCH_ROWS):
        yield first, min(BATCH_ROWS, rows - first)


def random(*seed: int) -> np.random.Generator:
    """A stream of random numbers of its own for these integers, so that each batch is made from its number alone."""
    return np.random.default_rng(seed)


def decimals(scaled: NDArray[np.int64], precision: int, scale: int) -> pa.Array[Any]:
    """DECIMAL(precision, scale) of integers that count units of the last digit."""
    limbs = np.empty((len(scaled), 2), np.int64)
    limbs[:, 0] = scaled
    limbs[:, 1] = scaled >> 63  # the sign fills the upper half of the 128 bits
    buffers = [None, pa.py_buffer(limbs)]
    return pa.Array.from_buffers(pa.decimal128(precision, scale), len(scaled), buffers)


def texts(codes: NDArray[Any], values: Iterable[str]) -> pa.Array[Any]:
    """Text by its position among the values."""
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(list(values), pa.string()))
