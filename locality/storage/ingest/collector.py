"""One column while it is read: its chunks are made ready on any thread, its facts are joined in row order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from locality.encodings import ColumnProfile, EncodedColumn, EncodingSpec, canonical, choose, expand, slice_column
from locality.encodings.arrow import to_dictionary, to_text
from locality.encodings.canonical import plain_dtype, text_array
from locality.errors import SchemaError
from locality.storage.ingest.facts import Facts
from locality.storage.ingest.observe import observe
from locality.storage.ingest.seen import Seen
from locality.storage.ingest.union import Union
from locality.storage.ingest.validity import NOT_UNICODE, InvalidValue, first_invalid, invalid
from locality.storage.statistics import ColumnStatistics, Order
from locality.storage.zones import prefix_bounds
from locality.types import VARCHAR, DataType, Domain

_SAMPLE = 8192


class Collector:
    """What is learnt of one column."""

    def __init__(self, name: str, dtype: DataType, total_rows: int | None) -> None:
        """``total_rows``: how many rows there will be, if that is known."""
        self.name = name
        self.type = dtype
        self.facts = Facts(0)
        self._union = Union(dtype, total_rows) if dtype.domain is Domain.STRING else None

    def prepare(self, values: pa.ChunkedArray | EncodedColumn) -> tuple[EncodedColumn, Facts]:
        """A chunk, from outside or of a store, in the form in which it waits, and its facts. Any thread.

        Raises SchemaError naming the column, or InvalidValue, for values that its type can't have.
        """
        column = expand(values) if isinstance(values, EncodedColumn) else self._checked(values)
        return observe(column, self.facts.seen or Seen())

    def _checked(self, array: pa.ChunkedArray) -> EncodedColumn:
        try:
            column = canonical(array, self.type)
        except SchemaError as error:
            raise SchemaError(f"column {self.name!r}: {error}") from None
        if self.type == VARCHAR and not column.all_null:
            self._check_unicode(column)
        if column.encoding == "text" and self._may_be_dictionary(column):
            column = to_dictionary(column)
        return column

    def add(self, column: EncodedColumn, facts: Facts) -> None:
        """Join the facts of the next rows to those before."""
        self.facts = self.facts.join(facts)
        if self._union is None or not self._union.open:
            return
        if column.dictionary is not None:
            self._union.add(column.dictionary, facts.rows)
        elif column.encoding == "text":
            head = slice_column(column, 0, min(column.length, _SAMPLE))
            self._union.close(_count_distinct(head), head.length)

    def choose(self) -> EncodingSpec:
        """The encoding of the whole column, once all rows were added."""
        facts = self.facts
        return choose(
            ColumnProfile(
                self.type,
                facts.rows,
                facts.nulls,
                facts.minimum if isinstance(facts.minimum, int) else None,
                facts.maximum if isinstance(facts.maximum, int) else None,
                facts.factor,
                None if facts.nulls else facts.runs,
                facts.wide,
                self._constant(),
                self._union.dictionary() if self._union is not None else None,
                facts.text_bytes,
            )
        )

    def statistics(self, stored_bytes: int) -> ColumnStatistics:
        """The statistics of the whole column, once its encoding was chosen."""
        facts = self.facts
        minimum, maximum = facts.minimum, facts.maximum
        if isinstance(minimum, bytes) and isinstance(maximum, bytes):
            minimum, maximum = prefix_bounds(minimum, maximum)
        return ColumnStatistics(
            facts.rows,
            minimum,
            maximum,
            facts.nulls,
            self._distinct(),
            self._order(),
            facts.has_nan,
            stored_bytes,
            facts.text_bytes,
            facts.longest_text,
            self._counts_distinct(),
        )

    def _check_unicode(self, column: EncodedColumn) -> None:
        if column.data is not None and column.offsets is not None:
            text = column.data[column.offsets[0] : column.offsets[-1]]
            if not len(text) or int(text.max()) < 128:
                return
        values = text_array(column) if column.dictionary is None else column.dictionary.values
        if invalid(values) is None:
            return
        raise InvalidValue(self.name, first_invalid(text_array(to_text(column))), NOT_UNICODE)

    def _may_be_dictionary(self, column: EncodedColumn) -> bool:
        if self._union is None or not self._union.open or not column.length:
            return False
        head = slice_column(column, 0, min(column.length, _SAMPLE))
        return all(self._union.promises(_count_distinct(part), part.length, column.length) for part in (head, column))

    def _constant(self) -> float | None:
        """The FLOAT that all values are, if a Python float can carry its bits (those of some NaNs it can't)."""
        if self.facts.bits is None:
            return None
        dtype = plain_dtype(self.type)
        bits = np.dtype(f"uint{8 * dtype.itemsize}")
        value = float(np.array(self.facts.bits, bits).view(dtype))
        return value if int(dtype.type(value).view(bits)) == self.facts.bits else None

    def _distinct(self) -> int:
        valid = self.facts.rows - self.facts.nulls
        if self.facts.strict:
            return valid
        if self._union is not None:
            return self._union.estimate(valid)
        if self.facts.seen is None:
            return valid
        estimate = min(valid, self.facts.seen.count)
        if isinstance(self.facts.minimum, int) and isinstance(self.facts.maximum, int):
            span = self.facts.maximum - self.facts.minimum
            estimate = min(estimate, span // max(self.facts.factor, 1) + 1)
        return estimate

    def _counts_distinct(self) -> bool:
        """Whether the distinct values were all seen apart."""
        if self.facts.strict or not self.facts.rows:
            return True
        if self._union is not None:
            return self._union.open
        # The keys of 128-bit values may coincide.
        return self.facts.seen is not None and self.facts.seen.exact and not self.facts.wide

    def _order(self) -> Order | None:
        facts = self.facts
        if not facts.rows or facts.nulls:
            return None
        if facts.ascending:
            return "strictly ascending" if facts.strict else "ascending"
        return "descending" if facts.descending else None


def _count_distinct(column: EncodedColumn) -> int:
    import pyarrow.compute as pc

    count: int = pc.count_distinct(text_array(column)).as_py()
    return count
