"""Which texts Locality answers for one DuckDB connection; what was found is kept while nothing changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import duckdb

from locality.duckdb.layouts import Layouts
from locality.duckdb.session import Names, Run, named_by, open_transaction, read_names, read_views, words
from locality.duckdb.stamp import Stamp
from locality.errors import InterruptError, LocalityError, Unsupported
from locality.sql.given import Parameters, shape
from locality.sql.shape import shape_of
from locality.sql.written import BEFORE, may_write
from locality.storage.catalog import fold

if TYPE_CHECKING:
    from locality.connection import Connection
    from locality.runtime.result import Result
    from locality.sql.parts import Split

#: What a text begins with that may be a query; all else goes to DuckDB unread.
_QUERY = re.compile(BEFORE + r"(\(\s*)*(select|from|with|values|pivot|unpivot)\b", re.IGNORECASE)
#: What may be a call of a table macro, which may name tables.
_CALLS_TABLE = re.compile(r"(\b(from|join)|,)\s*[\w\".]+\s*\(", re.IGNORECASE)
#: Texts that are remembered.
_TEXTS = 1024


class _Busy(Unsupported):
    """The connection can't be asked now; it may be later."""


@dataclass
class Division:
    """Parts of a text that ``connection`` answers as DuckDB would now.

    is_checked: whether DuckDB was seen to give the rest the columns of the whole.
    """

    connection: Connection
    split: Split
    is_checked: bool = False


@dataclass
class _Situation:
    """What is known as long as nobody commits, and nobody runs a statement other than a query on the database.

    refused: the reason by text. accepted: texts that only name what is the same here and there.
    planless, partless: shapes of texts that have no plan, with the reason, and no parts that are run here.
    divisions: which parts of a text are run here, by text. views, names: None until a text asks for them.
    """

    version: int
    stamp: Stamp
    fresh: frozenset[str]
    refused: dict[str, str] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    divisions: dict[Hashable, Division | None] = field(default_factory=dict)
    planless: dict[str, str] = field(default_factory=dict)
    partless: set[str] = field(default_factory=set)
    views: Mapping[str, str] | None = None
    names: Names | str | None = None
    transaction: object = None
    connection: Connection | None = None


class Router:
    """Decides for one connection; ``version`` counts the statements, of all connections, that are no plain queries.

    Where nothing counts them, nothing is kept: every text counts as one.
    """

    def __init__(self, layouts: Layouts, version: Callable[[], int] | None, *, is_new: bool = False) -> None:
        """``is_new``: nothing was run on the connection yet. Tools make a cursor for each query."""
        self._layouts = layouts
        self.is_counted = version is not None
        self._version: Callable[[], int] = version or count().__next__
        self._born = self._version() if is_new else None
        self._begun: tuple[int, Stamp] | None = None
        self._changes_unseen = False
        self._situation: _Situation | None = None
        self._own_functions: frozenset[str] = frozenset()

    def route(self, text: str, run: Run) -> Connection:
        """The connection over layouts that gives the same answer as DuckDB does now; ``run`` asks the user's.

        Raises Unsupported with the reason why there is none.
        """
        situation = self._look()
        if text in situation.refused:
            raise Unsupported(situation.refused[text])
        if situation.transaction is not None:
            self._check_open(situation.transaction, run)
        if text not in situation.accepted or situation.connection is None:
            if situation.planless and (known := situation.planless.get(shape_of(text).text)) is not None:
                self._keep(situation, text, known)
                raise Unsupported(known)
            try:
                situation.connection = self._check(situation, text, run)
            except _Busy:
                raise
            except Unsupported as reason:
                self._keep(situation, text, str(reason))
                raise
            if len(situation.accepted) >= _TEXTS:
                situation.accepted.clear()
            situation.accepted.add(text)
        return situation.connection

    def answer(self, text: str, params: Parameters | None, run: Run) -> Result:
        """The answer over layouts; raises as :meth:`route` and ``Connection.sql``. What can't be run is remembered."""
        connection = self.route(text, run)
        try:
            return connection.sql(text, params)
        except InterruptError:
            raise
        except LocalityError as reason:
            self._refuse(text, reason)
            raise

    def plans(self, text: str, params: Parameters | None, run: Run) -> bool:
        """Whether the text may have a plan as a whole, which may turn out not to run."""
        if not self.is_counted:  # to look is as much work as to run it
            return True
        try:
            return self.route(text, run).plans(text, params)
        except Unsupported:
            return False

    def divide(self, text: str, params: Parameters | None, run: Run) -> Division | None:
        """Which parts of a text that is DuckDB's as a whole can be run over layouts; None if there are none.

        None too where it couldn't be told afterwards that nothing has changed meanwhile.
        """
        if not self.is_counted:
            return None
        try:
            situation, key = self._look(), shape(text, params)
            if key not in situation.divisions:
                if len(situation.divisions) >= _TEXTS:
                    situation.divisions.clear()
                situation.divisions[key] = self._divide(situation, text, params, run)
            return situation.divisions[key]
        except Unsupported:
            return None

    def refuse_parts(self, text: str, params: Parameters | None) -> None:
        """Leave the parts of this text to DuckDB, too, from now on."""
        if self._situation is not None:
            self._situation.divisions[shape(text, params)] = None

    def is_unchanged(self) -> bool:
        """Whether nobody committed since the last text was looked at, nor ran what may have done so."""
        known = self._situation
        try:
            return known is not None and (self._version(), self._layouts.stamp()) == (
                known.version,
                known.stamp,
            )
        except Unsupported:
            return False

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction was open when the last text was looked at."""
        return self._situation is not None and self._situation.transaction is not None

    def _divide(self, situation: _Situation, text: str, params: Parameters | None, run: Run) -> Division | None:
        if not (_QUERY.match(text) or may_write(text)):
            return None
        if situation.partless and shape_of(text).text in situation.partless:
            return None
        if not named_by(text, self._views(situation, run)) & situation.fresh:
            return None
        names = self._names(situation, run)
        connection = self._layouts.connection(names.settings, names.schema)

        def allowed(part: str) -> bool:
            try:
                return self._check(situation, part, run) is connection
            except Unsupported:
                return False

        is_open = _QUERY.match(text) is not None and text not in situation.refused
        if is_open and allowed(text) and connection.plans(text, params):
            return None
        split = connection.parts(text, params, allowed)
        if split is None:
            if len(situation.partless) >= _TEXTS:
                situation.partless.clear()
            situation.partless.add(shape_of(text).text)
            return None
        return Division(connection, split)

    def stamp(self) -> Stamp | None:
        """The present state of the database, None if it can't be read."""
        try:
            return self._layouts.stamp()
        except Unsupported:
            return None

    def begin(self, before: Stamp | None) -> None:
        """A transaction was just begun; ``before``: the state before that.

        As long as the state is the same, and nothing but queries has run on any connection, the transaction sees what
        others see and has changed nothing.
        """
        self._begun = None if before is None or self._changes_unseen else (self._version(), before)

    def end_transactions(self) -> None:
        """Leave all transactions to DuckDB: queries that change rows, which nothing counts, may run in them."""
        self._changes_unseen = True
        self._begun = None
        self.forget()

    def _refuse(self, text: str, reason: LocalityError) -> None:
        """Leave this text to DuckDB from now on, and those that differ in constants alone if it has no plan."""
        if self._situation is not None:
            self._keep(self._situation, text, str(reason))
            if isinstance(reason, Unsupported):
                if len(self._situation.planless) >= _TEXTS:
                    self._situation.planless.clear()
                self._situation.planless[shape_of(text).text] = str(reason)

    def is_known(self, text: str) -> bool:
        """Whether the text would be routed now without asking DuckDB anything."""
        try:
            return text in self._look().accepted
        except Unsupported:
            return False

    def add_function(self, name: str) -> None:
        """Leave texts that name this function to DuckDB: it is the user's own."""
        self._own_functions |= words(name)
        self.forget()

    def forget(self) -> None:
        """Look at everything again the next time."""
        self._situation = None

    def _look(self) -> _Situation:
        try:
            version, stamp = self._version(), self._layouts.stamp()
        except duckdb.ConnectionException as closed:
            raise Unsupported(str(closed)) from None
        fresh = self._layouts.fresh(stamp)
        known = self._situation
        if known is None or (known.version, known.stamp, known.fresh) != (version, stamp, fresh):
            self._situation = known = _Situation(version, stamp, fresh)
        return known

    def _check(self, situation: _Situation, text: str, run: Run) -> Connection:
        if not _QUERY.match(text):
            raise Unsupported("not a query")
        named = named_by(text, self._views(situation, run))
        if not _CALLS_TABLE.search(text):
            self._check_fresh(situation, named)
        names = self._names(situation, run)
        named = named_by(text, names.texts)
        self._check_fresh(situation, named)
        if hidden := named & situation.fresh & names.hidden:
            raise Unsupported(f"a temporary table or view is called {min(hidden)!r}, too")
        if own := named & (names.own | self._own_functions):
            raise Unsupported(f"{min(own)!r} is a function or type of the database's own")
        return self._layouts.connection(names.settings, names.schema)

    def _check_fresh(self, situation: _Situation, named: frozenset[str]) -> None:
        layouts = {fold(name) for name in self._layouts.tables}
        if not named & layouts:
            raise Unsupported("no table with a layout is named")
        if stale := named & (layouts - situation.fresh):
            raise Unsupported(f"the database was written to since the layout of {min(stale)!r} was built")

    def _views(self, situation: _Situation, run: Run) -> Mapping[str, str]:
        if situation.views is None:
            try:
                situation.views = read_views(run, self._layouts.catalog)
            except duckdb.Error as error:  # an unfinished result, or a transaction that failed
                raise _Busy(str(error).split("\n", 1)[0]) from None
        return situation.views

    def _names(self, situation: _Situation, run: Run) -> Names:
        if situation.names is None and not self._is_new:
            situation.names = self._read_names(situation, run)
        elif situation.names is None:
            situation.names = self._names_of_new(situation, run)
        if isinstance(situation.names, str):
            raise Unsupported(situation.names)
        return situation.names

    @property
    def _is_new(self) -> bool:
        """Whether nothing but queries has run, on any connection, since this one was made."""
        return self._born is not None and self._born == self._version()

    def _names_of_new(self, situation: _Situation, run: Run) -> Names | str:
        """The names of a new connection, which all have until something other than a query runs."""
        known = self._layouts.names_of_new
        if known is None or known[0] != situation.version:
            known = self._layouts.names_of_new = situation.version, self._read_names(situation, run)
        return known[1]

    def _read_names(self, situation: _Situation, run: Run) -> Names | str:
        try:
            situation.transaction = open_transaction(run)
            if situation.transaction is not None and self._begun != (situation.version, situation.stamp):
                return "a transaction is open"
            return read_names(run, self._layouts.catalog, self._views(situation, run))
        except Unsupported as reason:
            return str(reason)
        except duckdb.Error as error:  # an unfinished result, or a transaction that failed
            raise _Busy(str(error).split("\n", 1)[0]) from None

    @staticmethod
    def _check_open(transaction: object, run: Run) -> None:
        try:
            if open_transaction(run) == transaction:
                return
        except duckdb.Error as error:
            raise _Busy(str(error).split("\n", 1)[0]) from None
        raise Unsupported("another transaction is open")

    @staticmethod
    def _keep(situation: _Situation, text: str, reason: str) -> None:
        if len(situation.refused) >= _TEXTS:
            situation.refused.clear()
        situation.refused[text] = reason
        situation.accepted.discard(text)
