"""Whether a transaction that an attached connection began sees what the layouts hold.

Of a table it does, if its layout is not younger than the transaction, and holds what the database does now: then nobody
has changed the table since the layout was made, so it was the same when the transaction took its snapshot. And if the
transaction has changed nothing:

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

    layouts: what tells those that were there before it began from others. last_query: the number of the last query,
    ours; None if nobody else has the connection. number: its own; None before its first query, as to ask takes the
    snapshot.
    """

    layouts: object
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

    def begin(self, raw: duckdb.DuckDBPyConnection, layouts: object, run: Callable[[], T]) -> T:
        """Begin a transaction by ``run``, one query; ``layouts``: what tells the present ones from others."""
        begun = None
        if not self._changes_unseen:
            with nullcontext() if self._is_ours else raw.cursor() as cursor:
                begun = Transaction(layouts, None if cursor is None else _last_query(cursor))
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

    def are_younger(self, layouts: object) -> bool:
        """Whether a transaction may be older than these layouts, and so see other rows."""
        return self.begun is None or layouts is not self.begun.layouts

    def is_as_begun(self, run: Run, layouts: object) -> bool:
        """Whether a transaction that was begun here, with these layouts, is open, and has only read.

        ``run`` says that it ran a query. Raises duckdb.Error if the transaction was aborted.
        """
        if self.begun is None:
            return False
        ((number, query),) = run(_STATE)
        if self.begun.number is None:
            self.begun.number = number
        if number != self.begun.number or self.begun.last_query not in (None, query) or self.are_younger(layouts):
            self.begun = None
        return self.begun is not None


def _last_query(cursor: duckdb.DuckDBPyConnection) -> int:
    """The number of this query, the last one on the database."""
    return int(cursor.execute(_NUMBER).fetchall()[0][0])
