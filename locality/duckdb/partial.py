"""A statement that is DuckDB's as a whole, on the user's connection, after Locality ran parts of it.

All parts are of the state that the situation (``routing.py``) was found in. DuckDB takes its own state when the rest
begins. If the state is still the same after that, they were one; or else the query is run again, without parts.

The rest of a statement that writes reads nothing but the one part. So what it writes is what the query gave in a state
that was there after the statement had begun, which is all that a transaction's own snapshot would be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb

from locality.duckdb.routing import Router
from locality.duckdb.scope import Variables, call_with
from locality.duckdb.session import Run
from locality.duckdb.situation import Division
from locality.errors import InterruptError, LocalityError
from locality.runtime.profile import PartProfile
from locality.sql.given import Parameters, of_part

if TYPE_CHECKING:
    from locality.runtime.parts import Ran
    from locality.sql.parts import Split


@dataclass(frozen=True)
class Done:
    """What came of the rest of a statement, and the parts that were run."""

    value: Any
    parts: tuple[PartProfile, ...]


@dataclass(frozen=True)
class PartialQuery:
    """A statement, and where DuckDB looks for the data frames that it names."""

    raw: duckdb.DuckDBPyConnection
    router: Router
    text: str
    params: Parameters | None
    variables: Variables

    def run(self, ask: Run, finish: Callable[[Callable[..., Any]], Any]) -> Done | None:
        """What ``finish`` makes of the rest; None if DuckDB has to run all of it.

        ask: runs a query on the user's connection. finish: gets a function that has a method of the user's connection
        called, by its name, with the rest. Raises InterruptError, and duckdb.Error once a transaction has failed by it.
        """
        division = self.router.divide(self.text, self.params, ask)
        ran = None if division is None else self._run_parts(division)
        if division is None or ran is None:
            return None
        scope = {**self.variables, **ran.tables}
        writes = division.split.writes

        def call(method: str) -> Any:
            return self._call(method, ran.split.text, scope)

        try:
            if not division.is_checked and not self._is_same(division.split, scope):
                self.router.refuse_parts(self.text, self.params)
                return None
            if self.params is None:  # types may depend on values
                self.router.checked(division)
            value = finish(call)
        except duckdb.Error:  # which the statement as a whole raises again, in the words that it has there
            if writes and self.router.is_in_transaction:  # which has failed
                raise
            return None
        return Done(value, ran.profiles) if writes or self.router.is_unchanged() else None

    def _run_parts(self, division: Division) -> Ran | None:
        from locality.runtime.parts import run_parts  # with the engine, which attaching leaves alone

        try:
            ran = run_parts(division.split, self.params, division.connection.sql)
            self.router.check_layouts()
        except InterruptError:
            raise
        except LocalityError:
            ran = None
        if ran is None:
            self.router.refuse_parts(self.text, self.params)
        return ran

    def _is_same(self, split: Split, scope: Variables) -> bool:
        """Whether names and types of the columns are those of the query as it was written."""
        rest, whole = self._call("sql", split.rest, scope), self._call("sql", split.query, self.variables)
        return bool((rest.columns, rest.types) == (whole.columns, whole.types))

    def _call(self, method: str, text: str, variables: Variables) -> Any:
        given = of_part(text, self.params)
        options = {} if given is None else {"params" if method == "sql" else "parameters": given}
        return call_with(variables, partial(getattr(self.raw, method), text, **options))
