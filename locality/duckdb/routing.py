"""Which texts Locality answers for one DuckDB connection; what was found is kept while nothing changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, TypeVar

import duckdb

from locality.duckdb.effects import Effect
from locality.duckdb.layouts import Layouts
from locality.duckdb.session import (
    Names,
    Run,
    named_by,
    open_transaction,
    read_names,
    read_settings,
    read_views,
    words,
)
from locality.duckdb.situation import TEXTS, Division, Shapes, Situation
from locality.duckdb.transactions import Transactions
from locality.errors import InterruptError, LocalityError, Unsupported
from locality.sql.given import Parameters, shape
from locality.sql.shape import shape_of
from locality.sql.written import BEFORE, may_write
from locality.storage.catalog import fold

if TYPE_CHECKING:
    from locality.connection import Connection
    from locality.runtime.result import Result

T = TypeVar("T")
#: What a text begins with that may be a query; all else goes to DuckDB unread.
_QUERY = re.compile(BEFORE + r"(\(\s*)*(select|from|with|values|pivot|unpivot)\b", re.IGNORECASE)
#: What may be a call of a table macro, which may name tables.
_CALLS_TABLE = re.compile(r"(\b(from|join)|,)\s*[\w\".]+\s*\(", re.IGNORECASE)


class _Busy(Unsupported):
    """The connection can't be asked now; it may be later."""


class Router:
    """Decides for one connection; ``version`` counts the statements, of all connections, that are no plain queries.

    Where nothing counts them, nothing is kept: every text counts as one.
    """

    def __init__(
        self,
        layouts: Layouts,
        version: Callable[[], int] | None,
        transactions: Transactions | None = None,
        *,
        is_new: bool = False,
    ) -> None:
        """``transactions`` of the connection: without, none is answered in. is_new: nothing was run there yet.

        Tools make a cursor for each query.
        """
        self._layouts = layouts
        self.is_counted = version is not None
        self._version: Callable[[], int] = version or count().__next__
        self._born = self._version() if is_new else None
        self._transactions = transactions or Transactions(None)
        self._situation: Situation | None = None
        self._own_functions: frozenset[str] = frozenset()

    def route(self, text: str, run: Run) -> Connection:
        """The connection over layouts that gives the same answer as DuckDB does now; ``run`` asks the user's.

        Raises Unsupported with the reason why there is none.
        """
        situation = self._look()
        if text in situation.refused:
            raise Unsupported(situation.refused[text])
        self._check_transaction(situation, run)
        if text not in situation.accepted or situation.connection is None:
            planless = situation.shapes.planless
            if planless and (known := planless.get(shape_of(text).text)) is not None:
                self._keep(situation, text, known)
                raise Unsupported(known)
            try:
                situation.connection = self._check(situation, text, run)
            except _Busy:
                raise
            except Unsupported as reason:
                self._keep(situation, text, str(reason))
                raise
            if len(situation.accepted) >= TEXTS:
                situation.accepted.clear()
            situation.accepted.add(text)
        return situation.connection

    def answer(self, text: str, params: Parameters | None, run: Run) -> Result:
        """The answer over layouts; raises as :meth:`route` and ``Connection.sql``. What can't be run is remembered."""
        connection = self.route(text, run)
        try:
            result = connection.sql(text, params)
            self.check_layouts()
            return result
        except InterruptError:
            raise
        except LocalityError as reason:
            self._refuse(text, reason)
            raise

    def check_layouts(self) -> None:
        """Raise Unsupported if what was just read from layouts may be younger than the transaction that is open."""
        if self.is_in_transaction and self._transactions.are_younger(self._layouts.content):
            raise Unsupported("layouts were made after a transaction that is open")

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
            self._check_transaction(situation, run)
            if key not in situation.divisions:
                if len(situation.divisions) >= TEXTS:
                    situation.divisions.clear()
                situation.divisions[key] = self._divide(situation, text, params, run)
            return situation.divisions[key]
        except Unsupported:
            return None

    def checked(self, division: Division) -> None:
        """DuckDB gives the rest the columns of the whole: so it does, too, with other values in its conditions."""
        division.is_checked = True
        if self._situation is not None:
            self._situation.checked.add(division.split.kind)

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
        return self._situation is not None and self._situation.in_transaction

    def _divide(self, situation: Situation, text: str, params: Parameters | None, run: Run) -> Division | None:
        if not (_QUERY.match(text) or may_write(text)):
            return None
        partless = situation.shapes.partless
        if partless and shape_of(text).text in partless:
            return None
        if not named_by(text, self._views(situation, run)) & situation.fresh:
            return None
        names, settings = self._session(situation, run)
        connection = self._layouts.connection(settings, names.schema)

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
            situation.shapes.keep(partless, shape_of(text), "", self._defined(situation))
            return None
        return Division(connection, split, split.kind is not None and split.kind in situation.checked)

    def _refuse(self, text: str, reason: LocalityError) -> None:
        """Leave this text to DuckDB from now on, and those that differ in constants alone if it has no plan."""
        if self._situation is not None:
            self._keep(self._situation, text, str(reason))
            if isinstance(reason, Unsupported):
                shapes = self._situation.shapes
                shapes.keep(shapes.planless, shape_of(text), str(reason), self._defined(self._situation))

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

    def run(self, text: str, call: Callable[[], T]) -> T:
        """Run statements by ``call``, all before it returns, and note what they leave as it is."""
        return self._layouts.ledger.run(text, self._version, call) if self.is_counted else call()

    def forget(self) -> None:
        """Look at everything again the next time."""
        self._situation = None

    def _look(self) -> Situation:
        try:
            version, stamp = self._version(), self._layouts.stamp()
        except duckdb.ConnectionException as closed:
            raise Unsupported(str(closed)) from None
        fresh = self._layouts.fresh(stamp)
        known = self._situation
        if known is None or (known.version, known.stamp, known.fresh) != (version, stamp, fresh):
            self._situation = known = self._following(known, Situation(version, stamp, fresh, self._layouts.content))
        return known

    def _following(self, known: Situation | None, now: Situation) -> Situation:
        """The present situation, with what is the same as in a former one."""
        if known is None:
            return now
        shapes = known.shapes if (known.fresh, known.content) == (now.fresh, now.content) else Shapes()
        effect = self._layouts.ledger.between(known.version, now.version)
        if effect is Effect.ANYTHING or not self._layouts.keeps_names(known.stamp, now.stamp):
            return replace(now, shapes=shapes.kept())
        settings = known.settings if effect is Effect.ROWS else None
        return replace(now, shapes=shapes, views=known.views, names=known.names, settings=settings)

    @staticmethod
    def _defined(situation: Situation) -> Iterable[str]:
        """The names of views and macros, as far as they were asked for."""
        return {*(situation.views or ()), *(() if situation.names is None else situation.names.texts)}

    def _check(self, situation: Situation, text: str, run: Run) -> Connection:
        if not _QUERY.match(text):
            raise Unsupported("not a query")
        named = named_by(text, self._views(situation, run))
        if not _CALLS_TABLE.search(text):
            self._check_fresh(situation, named)
        names, settings = self._session(situation, run)
        named = named_by(text, names.texts)
        self._check_fresh(situation, named)
        if hidden := named & situation.fresh & names.hidden:
            raise Unsupported(f"a temporary table or view is called {min(hidden)!r}, too")
        if own := named & (names.own | self._own_functions):
            raise Unsupported(f"{min(own)!r} is a function or type of the database's own")
        return self._layouts.connection(settings, names.schema)

    def _check_fresh(self, situation: Situation, named: frozenset[str]) -> None:
        layouts = {fold(name) for name in self._layouts.tables}
        if not named & layouts:
            raise Unsupported("no table with a layout is named")
        if stale := named & (layouts - situation.fresh):
            raise Unsupported(f"the database was written to since the layout of {min(stale)!r} was built")

    def _views(self, situation: Situation, run: Run) -> Mapping[str, str]:
        if situation.views is None:
            try:
                situation.views = read_views(run, self._layouts.catalog)
            except duckdb.Error as error:  # an unfinished result, or a transaction that failed
                raise _Busy(str(error).split("\n", 1)[0]) from None
        return situation.views

    def _session(self, situation: Situation, run: Run) -> tuple[Names, Mapping[str, str]]:
        """The names and settings of the connection; raises Unsupported if no text is answered now."""
        if situation.barred is None:
            try:
                self._read_session(situation, run)
                situation.barred = ""
            except Unsupported as reason:
                situation.barred = str(reason)
            except duckdb.Error as error:  # an unfinished result, or a transaction that failed
                raise _Busy(str(error).split("\n", 1)[0]) from None
        if situation.barred or situation.names is None or situation.settings is None:
            raise Unsupported(situation.barred)
        return situation.names, situation.settings

    @property
    def _is_new(self) -> bool:
        """Whether nothing but queries has run, on any connection, since this one was made."""
        return self._born is not None and self._born == self._version()

    def _read_session(self, situation: Situation, run: Run) -> None:
        """A new connection has the names and settings that all have, until something other than a query runs."""
        catalog, of_new = self._layouts.catalog, self._layouts.names_of_new
        if self._is_new and of_new is not None and of_new[0] == situation.version:
            _, situation.settings, situation.names = of_new
            return
        situation.in_transaction = self._transactions.is_as_begun(run, self._layouts.content)
        if not (situation.in_transaction or self._is_new) and open_transaction(run) is not None:
            raise Unsupported("a transaction is open")
        if situation.settings is None:
            situation.settings = read_settings(run, catalog)
        if situation.names is None:
            situation.names = read_names(run, catalog, self._views(situation, run))
        if self._is_new:
            self._layouts.names_of_new = situation.version, situation.settings, situation.names

    def _check_transaction(self, situation: Situation, run: Run) -> None:
        try:
            if not situation.in_transaction or self._transactions.is_as_begun(run, self._layouts.content):
                return
        except duckdb.Error as error:
            raise _Busy(str(error).split("\n", 1)[0]) from None
        self.forget()
        raise Unsupported("a transaction is open")

    @staticmethod
    def _keep(situation: Situation, text: str, reason: str) -> None:
        if len(situation.refused) >= TEXTS:
            situation.refused.clear()
        situation.refused[text] = reason
        situation.accepted.discard(text)
