"""A stored table in the shape that other engines scan: a pyarrow Dataset that reads just the columns and zones needed.

pyarrow's own class is one for subclasses of C++: of one of Python's, only what is overridden here can be called.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as fs

from locality.sql.source import Source

#: What is asked of each column, by name or computed.
Columns = Sequence[str] | Mapping[str, ds.Expression] | None


class StoredRows:
    """The rows of some zones of a table, with those methods of pyarrow's Dataset and Fragment that scan.

    ``failure`` keeps an exception that a scan raised: on its way through another engine it would become text.
    """

    def __init__(self, source: Source, check: Callable[[], None] = lambda: None) -> None:
        """``check`` raises if the rows may not be read now."""
        self.source = source
        self.failure: Exception | None = None
        self._check = check
        self._zones: range | None = None
        self._predicate: ds.Expression | None = None
        self._pruner = Pruner(source)

    def scanner(
        self,
        columns: Columns = None,
        filter: ds.Expression | None = None,  # noqa: A002 - pyarrow's name
        **options: Any,
    ) -> ds.Scanner:
        """A scan of ``columns`` (names, or expressions by name; None means all) over the rows that pass ``filter``.

        Zones none of whose rows can pass are not read. options: pyarrow's, of which ``batch_size`` counts.
        """
        self._check()
        schema = self.source.schema
        predicate = _both(self._predicate, filter)
        wanted = schema.names if columns is None else columns if isinstance(columns, Mapping) else list(columns)
        computed = wanted.values() if isinstance(wanted, Mapping) else ()
        filtered = () if predicate is None else self._pruner.columns_of(predicate)
        names = {*filtered, *(name for each in computed for name in self._pruner.columns_of(each))}
        names.update(() if isinstance(wanted, Mapping) else wanted)
        read = [index for index, name in enumerate(schema.names) if name in names]
        zones = self._zones if predicate is None else self._pruner.zones(predicate, filtered, self._zones)
        kept = pa.schema([schema.field(index) for index in read])
        batches = self._batches(read, zones, kept)
        size = {"batch_size": options["batch_size"]} if "batch_size" in options else {}
        return ds.Scanner.from_batches(batches, schema=kept, columns=wanted, filter=predicate, **size)

    def count_rows(
        self,
        filter: ds.Expression | None = None,  # noqa: A002 - pyarrow's name
        **options: Any,
    ) -> int:
        """The number of rows that pass ``filter``, or of all."""
        if filter is None and self._zones is None and self._predicate is None:
            self._check()
            return self.source.row_count
        return int(self.scanner(columns=[], filter=filter).count_rows())

    def to_batches(self, **options: Any) -> Iterator[pa.RecordBatch]:
        """The rows of :meth:`scanner`, batch by batch."""
        return self.scanner(**options).to_batches()

    def to_table(self, **options: Any) -> pa.Table:
        """The rows of :meth:`scanner`."""
        return self.scanner(**options).to_table()

    def head(self, num_rows: int, **options: Any) -> pa.Table:
        """The first rows of :meth:`scanner`."""
        return self.scanner(**options).head(num_rows)

    def take(self, indices: pa.Array, **options: Any) -> pa.Table:
        """The rows of :meth:`scanner` with these numbers."""
        return self.to_table(**options).take(indices)

    def _batches(self, read: list[int], zones: Collection[int] | None, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self.source.to_batches(read, zones=zones):
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema) if read else batch
        except Exception as error:
            self.failure = error
            raise


class StoredFragment(StoredRows, ds.Fragment):
    """The zones that one worker of another engine reads."""

    def __init__(self, whole: StoredRows, zones: range) -> None:
        super().__init__(whole.source, whole._check)
        self._zones, self._predicate, self._pruner = zones, whole._predicate, whole._pruner

    def __repr__(self) -> str:
        return f"<locality.StoredFragment {self.source.name} zones {self._zones}>"

    @property
    def physical_schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self.source.schema

    @property
    def partition_expression(self) -> ds.Expression:
        """Nothing is certain of all rows."""
        return ds.scalar(True)

    def scanner(  # type: ignore[override] # pyarrow's order of arguments
        self,
        schema: pa.Schema | None = None,
        columns: Columns = None,
        filter: ds.Expression | None = None,  # noqa: A002 - pyarrow's name
        **options: Any,
    ) -> ds.Scanner:
        """As of the dataset; ``schema`` can be no other than its own."""
        return super().scanner(columns=columns, filter=filter, **options)


class StoredDataset(StoredRows, ds.Dataset):
    """A table as it was when the dataset was made."""

    def __repr__(self) -> str:
        return f"<locality.StoredDataset {self.source.name}: {self.source.row_count} rows>"

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self.source.schema

    @property
    def partition_expression(self) -> ds.Expression:
        """Nothing is certain of all rows."""
        return ds.scalar(True)

    def get_fragments(
        self,
        filter: ds.Expression | None = None,  # noqa: A002 - pyarrow's name
    ) -> Iterator[StoredFragment]:
        """Parts of the rows, at least one, of which those without a row that can pass ``filter`` are left out."""
        predicate = _both(self._predicate, filter)
        known = None
        if predicate is not None:
            known = self._pruner.zones(predicate, self._pruner.columns_of(predicate), None)
        parts = [part for part in self.source.parts if known is None or any(zone in known for zone in part)]
        yield from (StoredFragment(self, part) for part in parts or self.source.parts[:1] or [range(0)])

    def filter(self, expression: ds.Expression) -> StoredDataset:
        """The rows for which ``expression`` is true."""
        filtered = StoredDataset(self.source, self._check)
        filtered._pruner, filtered._predicate = self._pruner, _both(self._predicate, expression)
        return filtered

    def sort_by(self, sorting: Any, **options: Any) -> ds.InMemoryDataset:
        """All rows, sorted, in memory."""
        return ds.dataset(self.to_table().sort_by(sorting, **options))

    def join(self, right_dataset: ds.Dataset, *args: Any, **options: Any) -> ds.InMemoryDataset:
        """All rows, joined, in memory."""
        return ds.dataset(self.to_table().join(right_dataset.to_table(), *args, **options))

    def join_asof(self, right_dataset: ds.Dataset, *args: Any, **options: Any) -> ds.InMemoryDataset:
        """All rows, joined, in memory."""
        return ds.dataset(self.to_table().join_asof(right_dataset.to_table(), *args, **options))

    def replace_schema(self, schema: pa.Schema) -> StoredDataset:
        """Itself, for the schema that it has; raises ValueError for another one."""
        if not schema.equals(self.schema):
            raise ValueError("a stored table is read in its own schema; cast what is read")
        return self


class Pruner:
    """Which zones may have rows that pass a filter, as Arrow proves from what is certain of each."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[frozenset[str], ds.FileSystemDataset] = {}

    def zones(self, predicate: ds.Expression, columns: Collection[str], within: range | None) -> Collection[int]:
        """The numbers of the zones; ``columns``: those that ``predicate`` reads; ``within``: of these alone."""
        key = frozenset(columns)
        if key not in self._known:
            self._known[key] = self._dataset(key)
        found = {int(fragment.path) for fragment in self._known[key].get_fragments(filter=predicate)}
        return found if within is None else found.intersection(within)

    def columns_of(self, expression: ds.Expression) -> list[str]:
        """The columns that an expression reads.

        pyarrow doesn't list an expression's fields, but it refuses to bind one whose field is missing.
        """
        return [name for name in self._source.schema.names if not self._binds(expression, without=name)]

    @cached_property
    def _schemas(self) -> dict[str, pa.Schema]:
        fields = list(self._source.schema)
        return {field.name: pa.schema([each for each in fields if each is not field]) for field in fields}

    def _binds(self, expression: ds.Expression, *, without: str) -> bool:
        try:
            ds.Scanner.from_batches(iter(()), schema=self._schemas[without], columns={"": expression})
        except pa.ArrowInvalid:
            return False
        return True

    def _dataset(self, columns: frozenset[str]) -> ds.FileSystemDataset:
        """A file that is never opened for each zone, called by its number."""
        source = self._source
        numbers = [number for part in source.parts for number in part]
        known = [ds.scalar(True)] * len(numbers)
        for index, name in enumerate(source.schema.names):
            if name in columns:
                known = [one & other for one, other in zip(known, source.guarantees(index), strict=True)]
        files, format_ = fs.LocalFileSystem(), ds.IpcFileFormat()
        zones = [format_.make_fragment(str(n), files, each) for n, each in zip(numbers, known, strict=True)]
        return ds.FileSystemDataset(zones, source.schema, format_, files)


def _both(one: ds.Expression | None, other: ds.Expression | None) -> ds.Expression | None:
    return other if one is None else one if other is None else one & other
