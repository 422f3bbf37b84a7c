"""SQL text -> plan.nodes.Query, by way of the shadow database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locality.errors import Unsupported
from locality.plan.expressions import PhysicalValue
from locality.plan.nodes import Query
from locality.sql import parameters
from locality.sql.generic import Generic
from locality.sql.generics import Generics
from locality.sql.given import Parameters
from locality.sql.settings import TIME_ZONE, Schema
from locality.sql.shadow import Shadow
from locality.sql.statements import Statements
from locality.types import DataType


class Planner:
    """Plans queries over the tables it was last told about; safe to share between threads."""

    def __init__(self, settings: Mapping[str, str] | None = None, schema: Schema | None = None) -> None:
        """``settings``: values of settings that are followed, where they differ from DuckDB's defaults."""
        self._shadow = Shadow(settings or {}, schema)
        self._statements = Statements(self._shadow, (settings or {}).get(TIME_ZONE))
        self._generics = Generics(self._shadow, self._statements)

    def close(self) -> None:
        """Free the shadow database."""
        self._shadow.close()

    def sync(self, tables: Mapping[str, Sequence[tuple[str, DataType]]]) -> None:
        """Plan over these tables (columns in order, by name and type) from now on; unchanged tables cost nothing."""
        with self._shadow.lock:
            if self._shadow.sync(tables):
                self._statements.clear()
                self._generics.clear()

    def kind(self, sql: str) -> str:
        """What DuckDB calls the statement, such as ``SELECT``; raises QueryError on a syntax error."""
        return self._shadow.kind(sql)

    def names(self, sql: str, params: Parameters | None = None) -> tuple[str, ...]:
        """The names of a query's columns; raises as :meth:`plan`."""
        with self._shadow.lock:
            return self._shadow.bind(sql, parameters.check(params))[0]

    def parse(self, sql: str) -> object:
        """DuckDB's parse tree of one SELECT; raises Unsupported where there is none."""
        with self._shadow.lock:
            return self._shadow.parse(sql)

    def plan(self, sql: str, params: Parameters | None = None) -> Query:
        """The plan of one SELECT.

        Raises QueryError (DuckDB's message) for a query that is wrong, and Unsupported with the reason for one that is
        right but has no plan in our nodes.
        """
        given = parameters.check(params)
        try:
            with self._shadow.lock:
                statement, text = self._statements.bound(sql, given)
                plan = self._shadow.serialized_plan(text)
            return self._statements.query(statement, plan)
        except RecursionError:
            raise Unsupported("expression nested too deeply") from None

    def generic(self, sql: str, params: Parameters | None = None) -> tuple[Generic, tuple[PhysicalValue, ...]] | None:
        """The plan of one SELECT for all values of its parameters, or its literals, and those that it has now.

        None where a plan holds for these values alone; raises QueryError as :meth:`plan` does.
        """
        given = parameters.check(params)
        with self._shadow.lock:
            found = self._generics.of_literals(sql) if given is None else self._generics.of_parameters(sql, given)
        try:
            return None if found is None else (found[0], found[0].values(found[1]))
        except Unsupported:
            return None
