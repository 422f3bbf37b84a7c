"""A stored table in the shape that DuckDB scans: a pyarrow Dataset that decodes just the columns asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from locality.sql.source import Source


class StoredDataset(ds.Dataset):
    """Answers the part of pyarrow's Dataset that DuckDB uses: ``schema``, ``scanner`` and ``count_rows``.

    ``failure`` keeps an exception that a scan raised: on its way through DuckDB it would become text.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.failure: Exception | None = None

    @property
    def schema(self) -> pa.Schema:
        return self.source.schema

    def count_rows(
        self,
        filter: ds.Expression | None = None,  # noqa: A002 - pyarrow's name
        **options: Any,
    ) -> int:
        """The number of rows for which ``filter`` is true, or of all."""
        if filter is None:
            return self.source.row_count
        return int(self.scanner(columns=[], filter=filter).count_rows())

    def scanner(
        self,
        columns: Sequence[str] | None = None,
        filter: ds.Expression | None = None,  # noqa: A002 - pyarrow's name
        **options: Any,
    ) -> ds.Scanner:
        """A scan of ``columns`` (by name; None means all) over the rows for which ``filter`` is true."""
        wanted = self.schema.names if columns is None else list(columns)
        filtered = () if filter is None else self._referenced(filter, wanted)
        read = [i for i, name in enumerate(self.schema.names) if name in {*wanted, *filtered}]
        schema = pa.schema([self.schema.field(i) for i in read])
        return ds.Scanner.from_batches(self._batches(read, schema), schema=schema, columns=wanted, filter=filter)

    def _batches(self, read: list[int], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self.source.to_batches(read):
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema) if read else batch
        except Exception as error:
            self.failure = error
            raise

    def _referenced(self, predicate: ds.Expression, known: list[str]) -> list[str]:
        """The columns beside ``known`` that ``predicate`` reads.

        pyarrow doesn't list an expression's fields, but it refuses to bind one whose field is missing.
        """
        return [name for name in self.schema.names if name not in known and not self._binds_without(predicate, name)]

    def _binds_without(self, predicate: ds.Expression, name: str) -> bool:
        schema = pa.schema([field for field in self.schema if field.name != name])
        try:
            ds.Scanner.from_batches(iter(()), schema=schema, filter=predicate)
        except pa.ArrowInvalid:
            return False
        return True
