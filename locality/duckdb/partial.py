"""A query that is DuckDB's as a whole, on the user's connection, after Locality ran parts of it.

All parts are of the state that the situation (``routing.py``) was found in. DuckDB takes its own state when the rest
begins. If the state is still the same after that, they were one; or else the query is run again, without parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb

from locality.duckdb.routing import Division, Router
from locality.duckdb.scope import Variables, call_with
from locality.duckdb.session import Run
from locality.errors import InterruptError, LocalityError
from locality.runtime.profile import PartProfile

if TYPE_CHECKING:
    from locality.runtime.parts import Ran


@dataclass(frozen=True)
class PartialQuery:
    """A query's text, and where DuckDB looks for the data frames that it names."""

    raw: duckdb.DuckDBPyConnection
    router: Router
    text: str
    variables: Variables

    def run(self, ask: Run, finish: Callable[[Callable[..., Any]], Any]) -> tuple[Any, tuple[PartProfile, ...]] | None:
        """What ``finish`` makes of the rest, and the parts that were run; None if DuckDB has to run all of it.

        ask: runs a query on the user's connection. finish: gets a function that has a method of the user's connection
        called, by its name, with the rest. Raises InterruptError.
        """
        division = self.router.divide(self.text, ask)
        ran = None if division is None else self._run_parts(division)
        if division is None or ran is None:
            return None
        scope = {**self.variables, **ran.tables}

        def call(method: str) -> Any:
            return call_with(scope, partial(getattr(self.raw, method), ran.text))

        try:
            if not division.is_checked and not self._is_same(call("sql")):
                self.router.refuse_parts(self.text)
                return None
            division.is_checked = True
            value = finish(call)
        except duckdb.Error:  # which the query as a whole raises again, in the words that it has there
            return None
        return (value, ran.profiles) if self.router.is_unchanged() else None

    def _run_parts(self, division: Division) -> Ran | None:
        from locality.runtime.parts import run_parts  # with the engine, which attaching leaves alone

        try:
            ran = run_parts(division.split, division.connection.sql)
        except InterruptError:
            raise
        except LocalityError:
            ran = None
        if ran is None:
            self.router.refuse_parts(self.text)
        return ran

    def _is_same(self, rest: duckdb.DuckDBPyRelation) -> bool:
        """Whether names and types of the columns are those of the query as it was written."""
        whole = call_with(self.variables, partial(self.raw.sql, self.text))
        return (rest.columns, rest.types) == (whole.columns, whole.types)
