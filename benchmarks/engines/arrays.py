"""Compiled loops over arrays: the same programs over whole rows, over plain columns, and over narrow columns.

What differs between the three is the layout alone: each program gets one array a column, whose values lie a row apart
(``numba_rows``), or next to each other (``numba_columns``), or next to each other in as few bytes as they need
(``numba_narrow``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..model import AnswerRow, Source
from .base import ProgramEngine, batches


@dataclass(frozen=True)
class Arrays:
    """A table: decimals are integers of their last digit, dates days, texts positions in ``texts``, which is sorted."""

    columns: Mapping[str, NDArray[Any]]
    texts: Mapping[str, list[str]] = field(default_factory=dict)


class _ArraysEngine(ProgramEngine):
    """Loops that numba compiles, on one thread; the largest tables end at so many rows, and times are multiplied."""

    row_limit: ClassVar[int | None] = 10_000_000
    whole_rows: ClassVar[bool] = False  # else the columns that the suite uses: others would lie apart, and not matter

    @classmethod
    def missing(cls) -> str | None:
        return None if find_spec("numba") else "pip install numba"

    @classmethod
    def version(cls) -> str:
        import numba

        return str(numba.__version__)

    @classmethod
    def dialect(cls) -> str:
        return "numba"

    def load_table(self, name: str, source: Source) -> None:
        wanted = None if self.whole_rows else list(source.used)
        table = pa.Table.from_batches(batches(source, wanted, self.row_limit))
        columns: dict[str, NDArray[Any]] = {}
        texts: dict[str, list[str]] = {}
        for column in table.column_names:
            values = table[column].combine_chunks()
            if pa.types.is_string_view(values.type) or pa.types.is_large_string(values.type):
                values = values.cast(pa.string())
            if not pa.types.is_string(values.type):
                columns[column] = _numbers(values)
            elif column in source.used:
                columns[column], texts[column] = _codes(values)
            else:
                columns[column] = _padded(values)
        self.tables[name] = Arrays(self.laid_out(columns), texts)

    def laid_out(self, columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The columns in the engine's layout."""
        return columns

    def stored_bytes(self) -> int | None:
        return sum(array.size * array.itemsize for table in self.tables.values() for array in table.columns.values())

    def answer(self, result: list[AnswerRow]) -> pa.Table | list[AnswerRow]:
        return result

    def explain_configuration(self) -> str:
        return f"loops compiled by numba, one thread, at most {self.row_limit:,} rows a table"


class NumbaRowsEngine(_ArraysEngine):
    """Rows one after the other with all their columns, texts padded, as a row store or an array of structs has them."""

    name: ClassVar[str] = "numba_rows"
    whole_rows: ClassVar[bool] = True

    def laid_out(self, columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        dtype = np.dtype([(name, array.dtype) for name, array in columns.items()], align=True)
        records = np.empty(len(next(iter(columns.values()))), dtype)
        for name, array in columns.items():
            records[name] = array
        return {name: records[name] for name in columns}


class NumbaColumnsEngine(_ArraysEngine):
    """A plain array a column: eight bytes for a decimal, as in most data frames."""

    name: ClassVar[str] = "numba_columns"


class NumbaNarrowEngine(_ArraysEngine):
    """An array a column, of the narrowest integers that hold its values."""

    name: ClassVar[str] = "numba_narrow"

    def laid_out(self, columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return {name: _narrow(array) for name, array in columns.items()}


def _numbers(values: pa.Array) -> NDArray[Any]:
    if pa.types.is_decimal(values.type):
        limbs = np.frombuffer(values.buffers()[1], np.int64)
        return limbs[2 * values.offset : 2 * (values.offset + len(values)) : 2].copy()
    if pa.types.is_date(values.type):
        values = values.view(pa.int32())
    return np.array(values.to_numpy(zero_copy_only=False))


def _codes(values: pa.Array) -> tuple[NDArray[Any], list[str]]:
    """Positions in the sorted distinct values, and those."""
    distinct = pc.unique(values)
    distinct = distinct.take(pc.sort_indices(distinct))
    return pc.index_in(values, distinct).to_numpy(zero_copy_only=False), distinct.to_pylist()


def _padded(values: pa.Array) -> NDArray[Any]:
    """Texts of one width, in bytes."""
    width = pc.max(pc.binary_length(values)).as_py() or 1
    padded = pc.ascii_rpad(values, width, " ")
    return np.frombuffer(padded.buffers()[2], f"S{width}", len(values))


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind != "i" or not len(array):
        return array
    kinds = (np.int8, np.int16, np.int32, np.int64)
    fits = (kind for kind in kinds if np.iinfo(kind).min <= array.min() and array.max() <= np.iinfo(kind).max)
    return array.astype(next(fits))
