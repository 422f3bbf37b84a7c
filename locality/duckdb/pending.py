"""The rows of a statement that Locality answered, fetched from a connection as DB-API has it: each row once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locality.runtime.result import Result

#: Rows that DuckDB makes at a time.
_VECTOR = 2048


class Pending:
    """What is left of a result. The columns' types and the values are those of DuckDB's client."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._rows: Iterator[tuple[Any, ...]] = iter(result)
        self._taken = 0
        self._ended = False

    @property
    def description(self) -> list[tuple[str, Any, None, None, None, None, None]]:
        """Name and type of each column."""
        return self._result.description

    @property
    def rowcount(self) -> int:
        """As DuckDB has it of a query: not known."""
        return -1

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None after the last."""
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """The next ``size`` rows, fewer at the end."""
        rows = list(islice(self._rows, max(0, size)))
        self._taken += len(rows)
        self._ended |= len(rows) < size
        return rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        rows = list(self._rows) if self._taken else self._result.fetchall()
        self.abort()
        return rows

    def abort(self) -> None:
        """Let the rows that are left go."""
        self._rows = iter(())
        self._taken = len(self._result)
        self._ended = True

    def df_chunk(self, vectors_per_chunk: int = 1, **options: Any) -> Any:
        """A data frame of the next rows, to the end of so many of DuckDB's vectors; None after all were fetched."""
        if self._ended:
            return None
        left = len(self._result) - self._taken
        count = min(left, (self._taken // _VECTOR + vectors_per_chunk) * _VECTOR - self._taken)
        chunk = self._result.to_relation(self._taken, count).df(**options)
        self._rows = islice(self._rows, count, None)
        self._taken += count
        return chunk

    def rest(self) -> Any:
        """The rows that are left, as a relation of DuckDB; None if there were no more at the last look."""
        if self._ended:
            return None
        rest = self._result.to_relation(self._taken)
        self.abort()
        return rest
