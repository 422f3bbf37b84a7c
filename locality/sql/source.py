"""What the fallback needs to know of a stored table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from locality.types import DataType


@dataclass(frozen=True)
class Source:
    """A stored table as a scan sees it.

    types: the declared SQL types. schema: column names and the Arrow types that ``to_batches`` yields.
    to_batches: the rows, in batches of the columns at the given positions, in that order; may be called often.
    """

    name: str
    types: tuple[DataType, ...]
    schema: pa.Schema
    row_count: int
    to_batches: Callable[[list[int]], Iterator[pa.RecordBatch]]
