"""Whether a transaction that an attached connection began sees what the layouts hold.

Of a table it does, if its layout holds what the database did before the transaction began, and does now: then nobody
changed the table in between, where the transaction's own snapshot lies. And if the transaction has changed nothing:

1. *Nobody else has the connection.* Then all that it runs goes through here, and whatever may be more than a query
   that reads ends what is known.
2. *Somebody else may have it*, and can run a query that changes rows, which DuckDB's client doesn't count. But DuckDB
   gives each query of a database, on whatever connection, the next number. So as long as the number of ours is the one
   that follows from those before it, only we ran any. A query is ours when it has returned: never are too many counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import duckdb

from locality.duckdb.alone import is_ours
from locality.duckdb.session import Run
from locality.duckdb.watch import APPENDERS, only_reads
from locality.sql.written import changes_within

if TYPE_CHECKING:
    from locality.duckdb.connection import AttachedConnection

T = TypeVar("T")
_NUMBER = "select current_query_id()"
_STATE = "select txid_current(), current_query_id()"


@dataclass
class Transaction:
    """A transaction that, for all that is known, has only read.

    fresh: the tables whose layouts held what the database did before it began. content: the layouts then. last_query:
    the number of the last query, ours; None if nobody else has the connection. number: its own; None before its first
    query, as to ask takes the snapshot.
    """

    fresh: frozenset[str]
    content: object
    last_query: int | None
    number: object = None


class Transactions:
    """Of one attached connection, which says what it runs."""

    def __init__(self, version: Callable[[], int] | None, *, is_new: bool = False) -> None:
        """``version`` counts the statements, of all connections, that are no plain queries; without, nothing is known.

        is_new: the connection was made for the attached one.
        """
        self.begun: Transaction | None = None
        self._version = version
        self._is_ours = is_new
        self._changes_unseen = version is None

    def look_for_holders(self, connection: AttachedConnection) -> None:
        """Find out who may have DuckDB's connection, before a call holds it once more."""
        if not (self._is_ours or self._changes_unseen):
            self._is_ours = is_ours(connection)

    def begin(
        self,
        raw: duckdb.DuckDBPyConnection,
        state: Callable[[], tuple[frozenset[str], object]] | None,
        run: Callable[[], T],
    ) -> T:
        """Begin a transaction by ``run``, one query; ``state``: the tables whose layouts are fresh, and the layouts."""
        begun = None
        if state is not None and not self._changes_unseen:
            with nullcontext() if self._is_ours else raw.cursor() as cursor:
                begun = Transaction(*state(), None if cursor is None else _last_query(cursor))
        value = run()
        self.begun = begun
        return value

    def statements(self, text: str) -> None:
        """Say what statements will be run."""
        if changes_within(text):
            self._changes_unseen = True
        if not only_reads(text):
            self.begun = None

    def method(self, name: str, texts: Iterable[str], call: Callable[[], T]) -> T:
        """Call a method of the connection, or of one of its relations, with these texts among its arguments."""
        if name in APPENDERS or any(map(changes_within, texts)):
            self._changes_unseen, self.begun = True, None
        if self.begun is None or self._version is None:
            return call()
        before, known, self.begun = self._version(), self.begun, None
        value = call()
        if self._version() == before:
            self.begun = known
        return value

    def ran(self) -> None:
        """Say that a query of ours has run."""
        if self.begun is not None and self.begun.last_query is not None:
            self.begun.last_query += 1

    def is_as_begun(self, run: Run) -> bool:
        """Whether a transaction that was begun here is open, and has only read. ``run`` says that it ran a query.

        Raises duckdb.Error if it was aborted.
        """
        if self.begun is None:
            return False
        ((number, query),) = run(_STATE)
        if self.begun.number is None:
            self.begun.number = number
        if number != self.begun.number or self.begun.last_query not in (None, query):
            self.begun = None
        return self.begun is not None


def _last_query(cursor: duckdb.DuckDBPyConnection) -> int:
    """The number of this query, the last one on the database."""
    return int(cursor.execute(_NUMBER).fetchall()[0][0])
