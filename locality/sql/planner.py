"""SQL text -> plan.nodes.Query, by way of the shadow database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locality.errors import Unsupported
from locality.plan.expressions import Expression, children
from locality.plan.nodes import Node, Query, expressions_of, inputs_of
from locality.sql import parameters
from locality.sql.decode import decode_plan
from locality.sql.parameters import Parameters
from locality.sql.shadow import Shadow
from locality.sql.stability import CLOCK, functions_in, reads_clock
from locality.types import INTEGER, UNTYPED, DataType, parse

#: Passes over plans and expressions recurse; deeper ones than this are left to DuckDB.
_DEEPEST = 100
_ZONE = "TimeZone"


#: Settings that plans say in full, once they are bound, so that running them needs no setting.
FOLLOWED = frozenset(
    {"default_order", "default_null_order", "null_order", "integer_division", "order_by_non_integer_literal", _ZONE}
)


class Planner:
    """Plans queries over the tables it was last told about; safe to share between threads."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """``settings``: values of settings that are FOLLOWED, where they differ from DuckDB's defaults."""
        self._shadow = Shadow(settings or {})
        self._time_zone = (settings or {}).get(_ZONE)

    def close(self) -> None:
        """Free the shadow database."""
        self._shadow.close()

    def sync(self, tables: Mapping[str, Sequence[tuple[str, DataType]]]) -> None:
        """Plan over these tables (columns in order, by name and type) from now on; unchanged tables cost nothing."""
        self._shadow.sync(tables)

    def plan(self, sql: str, params: Parameters | None = None) -> Query:
        """The plan of one SELECT.

        Raises QueryError (DuckDB's message) for a query that is wrong, and Unsupported with the reason for one that is
        right but has no plan in our nodes.
        """
        given = parameters.check(params)
        try:
            return self._plan(sql, given)
        except RecursionError:
            raise Unsupported("expression nested too deeply") from None

    def _plan(self, sql: str, given: Parameters | None) -> Query:
        with self._shadow.lock:
            shadow = self._shadow
            shadow.statement(sql)
            names, type_texts = shadow.bind(sql, given)
            tree = shadow.parse(sql)
            if foreign := shadow.unstable(functions_in(tree)) - CLOCK:
                raise Unsupported(f"function {min(foreign)} depends on the session or is volatile")
            text = sql if given is None else self._substitute(sql, given, parameters.places(tree), type_texts)
            plan = shadow.serialized_plan(text)
        root = decode_plan(plan)
        types = tuple(parse(t) for t in type_texts)
        _check_types(root, types)
        _check_depth(root)
        return Query(root, names, types, not reads_clock(tree), self._time_zone)

    def _substitute(
        self, sql: str, given: Parameters, found: Sequence[tuple[int, int, str]], type_texts: tuple[str, ...]
    ) -> str:
        named = parameters.values_by_name(given)
        values = {name: named[name] for _, _, name in found}
        types = self._shadow.set_variables({parameters.variable(name): value for name, value in values.items()})
        text = parameters.substitute(sql, found, dict(zip(values, types, strict=True)))
        if self._shadow.bind(text)[1] != type_texts:
            raise Unsupported("parameter whose type depends on where it stands")
        return text


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
