"""What the fallback, and other engines, need to know of a stored table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from locality.types import DataType

if TYPE_CHECKING:
    import pyarrow.dataset as ds


class ToBatches(Protocol):
    """The rows, in batches of the columns at the given positions, in that order; ``zones``: of these zones alone."""

    def __call__(self, columns: Sequence[int], *, zones: Collection[int] | None = None) -> Iterator[pa.RecordBatch]: ...


class Guarantees(Protocol):
    """What is certain of the column at a position in each zone."""

    def __call__(self, index: int) -> Sequence[ds.Expression]: ...


@dataclass(frozen=True)
class Source:
    """A stored table as a scan sees it.

    types: the declared SQL types. schema: column names and the Arrow types that ``to_batches`` yields.
    to_batches: may be called often. parts: the numbers of the zones, in ranges that are worth reading side by side.
    """

    name: str
    types: tuple[DataType, ...]
    schema: pa.Schema
    row_count: int
    to_batches: ToBatches
    parts: tuple[range, ...]
    guarantees: Guarantees
