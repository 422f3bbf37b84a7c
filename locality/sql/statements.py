"""What SELECTs say: their results' names and types, and their plans from those that DuckDB serialises."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from locality.errors import QueryError, Unsupported
from locality.plan.expressions import Expression, children
from locality.plan.nodes import Node, Query, inputs_of
from locality.plan.reads import expressions_of
from locality.plan.zones import placed
from locality.sql import opaque, parameters
from locality.sql.decode import decode_plan
from locality.sql.evaluate import session_time_zone
from locality.sql.given import Parameters, values_by_name
from locality.sql.shadow import Shadow
from locality.sql.stability import CLOCK, functions_in, reads_clock
from locality.types import INTEGER, UNTYPED, DataType, parse

#: Passes over plans and expressions recurse; deeper ones than this are left to DuckDB.
_DEEPEST = 100
#: Statements with parameters that are remembered.
_MOST = 256


@dataclass(frozen=True)
class Statement:
    """What a text says, for parameters of certain types.

    names, types: of the result, as DuckDB writes types. places: where parameters stand. open: those parameters that it
    may be planned without. checked: whether the text is known to mean the same with variables in the parameters' place.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    places: tuple[tuple[int, int, str], ...]
    open: frozenset[str]
    reads_clock: bool
    checked: bool = False


class Statements:
    """Statements as the shadow binds them; callers hold the shadow's lock."""

    def __init__(self, shadow: Shadow, time_zone: str | None) -> None:
        self._shadow = shadow
        self._time_zone = time_zone
        self._known: OrderedDict[Hashable, Statement] = OrderedDict()

    def clear(self) -> None:
        """Forget what is known: the tables are others."""
        self._known.clear()

    def of_types(self, sql: str, types: Mapping[str, str]) -> Statement | None:
        """What is known of a text with parameters of these DuckDB types, by name."""
        key = sql, tuple(types.items())
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def query(self, statement: Statement, plan: dict[str, Any]) -> Query:
        """The statement with its plan, as DuckDB serialised that; raises Unsupported as decoding does."""
        root = placed(decode_plan(plan), self._time_zone or session_time_zone())
        types = tuple(parse(t) for t in statement.types)
        _check_types(root, types)
        _check_depth(root)
        return Query(root, statement.names, types, not statement.reads_clock, self._time_zone)

    def bound(self, sql: str, given: Parameters | None) -> tuple[Statement, str]:
        """What a text says, and the text without open parameters; raises as :meth:`read` does."""
        if given is None:
            return self.read(sql, None), sql
        named = values_by_name(given)
        # the values are known by their types alone here: the same statement comes with other ones again and again
        try:
            types = self._shadow.set_variables({parameters.variable(name): value for name, value in named.items()})
        except Unsupported:
            self.read(sql, given)  # which says it if a value is wrong for where it stands
            raise
        key = sql, tuple(zip(named, types, strict=True))
        if key not in self._known:
            self._known[key] = self.read(sql, given)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        statement = self._known[key]
        if excess := named.keys() - {name for _, _, name in statement.places}:
            raise QueryError(f"Invalid Input Error: values for parameters that are not in the text: {min(excess)}")
        text = parameters.substitute(sql, statement.places, parameters.references(named, types))
        if not statement.checked:
            if not self._binds_to(text, statement.types):
                raise Unsupported("parameter whose type depends on where it stands")
            self._known[key] = replace(statement, checked=True)
        return statement, text

    def _binds_to(self, text: str, types: tuple[str, ...]) -> bool:
        try:
            return self._shadow.bind(text)[1] == types
        except QueryError:
            return False

    def read(self, sql: str, given: Parameters | None) -> Statement:
        """Raises QueryError for a text that is wrong, Unsupported for what is no SELECT or depends on the session."""
        shadow = self._shadow
        shadow.statement(sql)
        names, types = shadow.bind(sql, given)
        tree = shadow.parse(sql)
        if foreign := shadow.unstable(functions_in(tree)) - CLOCK:
            raise Unsupported(f"function {min(foreign)} depends on the session or is volatile")
        return Statement(
            names,
            types,
            parameters.places(sql, parameters.names_in(tree)),
            opaque.open_parameters(tree),
            reads_clock(tree),
        )


def _check_types(root: Node, types: tuple[DataType, ...]) -> None:
    """The decoded plan must give what DuckDB's binder promised; anything else is not ours to answer."""
    types = tuple(INTEGER if dtype == UNTYPED else dtype for dtype in types)
    if root.types != types:
        wrong = [f"{mine} for {theirs}" for mine, theirs in zip(root.types, types, strict=False) if mine != theirs]
        raise Unsupported(f"result type {', '.join(wrong) or 'count'}")


def _check_depth(root: Node) -> None:
    levels = [(root, 1)]
    for node, depth in levels:
        if depth > _DEEPEST:
            raise Unsupported("query nested too deeply")
        levels += [(child, depth + 1) for child in inputs_of(node)]
        for expression in expressions_of(node):
            _check_expression_depth(expression)


def _check_expression_depth(root: Expression) -> None:
    pending = [(root, 1)]
    while pending:
        expression, depth = pending.pop()
        if depth > _DEEPEST:
            raise Unsupported("expression nested too deeply")
        pending += [(child, depth + 1) for child in children(expression)]
