"""Lists taken apart: a row for each element."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings import EncodedColumn, canonical, concat, decode
from locality.errors import Unsupported
from locality.operators.late import STEP, coded_if_few
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.batch import Batch, interval_of
from locality.types import DataType, element_of

Ints64 = npt.NDArray[np.int64]

#: Bytes of a row's place in its list, and in the flat elements.
_PLACES = 32


class Unnest:
    """The rows of ``child``, whose last ``lists`` columns are lists, each as often as the longest has elements."""

    def __init__(self, child: Physical, lists: int) -> None:
        """Raises Unsupported for a column that is no list."""
        self._child, self._width = child, len(child.types) - lists
        elements = [element_of(dtype) for dtype in child.types[self._width :]]
        self._elements = tuple(element for element in elements if element is not None)
        if len(self._elements) < lists:
            raise Unsupported("unnest of what is no list")

    @property
    def types(self) -> tuple[DataType, ...]:
        return (*self._child.types[: self._width], *self._elements)

    def execute(self, execution: Execution) -> Batch:
        batch = self._child.execute(execution)
        with execution.measure("unnest") as traffic:
            lists = [decode(batch.column(self._width + i)) for i in range(len(self._elements))]
            lengths = [_lengths(each) for each in lists]
            longest = np.maximum.reduce(lengths)
            traffic.rows = int(longest.sum())
            execution.reserve(_PLACES * traffic.rows, "the elements of lists")
            owners = np.repeat(np.arange(batch.row_count, dtype=np.int64), longest)
            places = np.arange(traffic.rows) - np.repeat(np.cumsum(longest) - longest, longest)
            rows = batch.select(range(self._width)).take(owners)
            elements = [
                _coded(_taken(each, own, owners, places), dtype, execution)
                for each, own, dtype in zip(lists, lengths, self._elements, strict=True)
            ]
            return Batch((*rows.columns, *elements), traffic.rows, (*rows.intervals, *map(interval_of, elements)))

    def explain(self) -> Explanation:
        return Explanation("unnest", (f"{len(self._elements)} lists",), (self._child.explain(),))


def _lengths(lists: pa.Array) -> Ints64:
    if lists.type.id not in (pa.lib.Type_LIST, pa.lib.Type_LARGE_LIST):
        raise Unsupported(f"unnest of {lists.type}")
    lengths: Ints64 = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def _taken(lists: pa.Array, lengths: Ints64, owners: Ints64, places: Ints64) -> pa.Array:
    """The element of each owner's list at a place; NULL behind its end."""
    flat = lists.flatten()  # without what lies under NULL
    if len(flat) == len(owners):  # no list is longer than this one
        return flat
    starts = np.cumsum(lengths) - lengths
    missing = places >= lengths[owners]
    return flat.take(pa.array(np.where(missing, 0, starts[owners] + places), mask=missing))


def _coded(values: pa.Array, dtype: DataType, execution: Execution) -> EncodedColumn:
    """Elements in the form in which others want them, some at a time on all threads."""
    parts: dict[int, EncodedColumn] = {}

    def work(worker: int, start: int) -> None:
        parts[start] = coded_if_few(canonical(values[start : start + STEP], dtype))

    starts = range(0, max(len(values), 1), STEP)
    execution.run(starts, work)
    return concat([parts[start] for start in starts])
