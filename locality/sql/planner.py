"""SQL text -> plan.nodes.Query, by way of the shadow database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from locality.errors import Unsupported
from locality.plan.expressions import Constant, Expression, PhysicalValue, children
from locality.plan.nodes import Node, Query, expressions_of, inputs_of
from locality.sql import opaque, parameters
from locality.sql.bindings import bound_constant
from locality.sql.decode import decode_plan
from locality.sql.generic import Generic, generic
from locality.sql.parameters import Parameters
from locality.sql.shadow import Shadow
from locality.sql.stability import CLOCK, functions_in, reads_clock
from locality.types import INTEGER, UNTYPED, DataType, parse

#: Passes over plans and expressions recurse; deeper ones than this are left to DuckDB.
_DEEPEST = 100
_ZONE = "TimeZone"
#: Statements with parameters that a planner remembers.
_STATEMENTS = 256


#: Settings that plans say in full, once they are bound, so that running them needs no setting.
FOLLOWED = frozenset(
    {"default_order", "default_null_order", "null_order", "integer_division", "order_by_non_integer_literal", _ZONE}
)


@dataclass(frozen=True)
class _Statement:
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


class Planner:
    """Plans queries over the tables it was last told about; safe to share between threads."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """``settings``: values of settings that are FOLLOWED, where they differ from DuckDB's defaults."""
        self._shadow = Shadow(settings or {})
        self._time_zone = (settings or {}).get(_ZONE)
        self._statements: OrderedDict[Hashable, _Statement] = OrderedDict()
        self._generic: OrderedDict[Hashable, Generic | None] = OrderedDict()

    def close(self) -> None:
        """Free the shadow database."""
        self._shadow.close()

    def sync(self, tables: Mapping[str, Sequence[tuple[str, DataType]]]) -> None:
        """Plan over these tables (columns in order, by name and type) from now on; unchanged tables cost nothing."""
        with self._shadow.lock:
            self._shadow.sync(tables)
            self._statements.clear()
            self._generic.clear()

    def kind(self, sql: str) -> str:
        """What DuckDB calls the statement, such as ``SELECT``; raises QueryError on a syntax error."""
        return self._shadow.kind(sql)

    def names(self, sql: str) -> tuple[str, ...]:
        """The names of a query's columns; raises as :meth:`plan`."""
        with self._shadow.lock:
            return self._shadow.bind(sql)[0]

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
            return self._plan(sql, given)
        except RecursionError:
            raise Unsupported("expression nested too deeply") from None

    def generic(self, sql: str, params: Parameters | None = None) -> tuple[Generic, tuple[PhysicalValue, ...]] | None:
        """The plan of one SELECT for all values of its parameters, and those that it has now.

        None where a plan holds for these values alone; raises QueryError as :meth:`plan` does.
        """
        given = parameters.check(params)
        if given is None or (constants := _constants(given)) is None:
            return None
        with self._shadow.lock:
            known = self._kept_generic(sql, given, constants)
        try:
            return None if known is None else (known, known.values(tuple(constants.values())))
        except Unsupported:
            return None

    def _kept_generic(self, sql: str, given: Parameters, constants: Mapping[str, Constant]) -> Generic | None:
        """The plan for all values of the parameters that it may be made without; the others have these values."""
        statement = self._statements.get(
            (sql, tuple((name, str(constant.type)) for name, constant in constants.items()))
        )
        if statement is None:
            try:
                statement, _ = self._bound(sql, given)
            except Unsupported:
                return None
        key = sql, tuple((name, c.type, None if name in statement.open else c.value) for name, c in constants.items())
        if key not in self._generic:
            self._generic[key] = self._made_generic(sql, given, constants)
            if len(self._generic) > _STATEMENTS:
                self._generic.popitem(last=False)
        self._generic.move_to_end(key)
        return self._generic[key]

    def _made_generic(self, sql: str, given: Parameters, constants: Mapping[str, Constant]) -> Generic | None:
        shadow, numbered = self._shadow, dict(enumerate(constants.values()))
        try:
            statement, text = self._bound(sql, given)
            if statement.reads_clock or opaque.MARK in sql or not statement.open:
                return None
            texts = {
                name: opaque.marked(number, constant.type)
                if name in statement.open
                else parameters.reference(name, str(constant.type))
                for number, (name, constant) in enumerate(constants.items())
            }
            unknown = parameters.substitute(sql, statement.places, texts)
            opaque.check_alike(shadow.unoptimized_plan(text), shadow.unoptimized_plan(unknown), numbered)
            return generic(self._query(statement, shadow.optimized_plan(unknown)), tuple(numbered.values()))
        except (Unsupported, RecursionError):
            return None

    def _plan(self, sql: str, given: Parameters | None) -> Query:
        with self._shadow.lock:
            statement, text = self._bound(sql, given)
            plan = self._shadow.serialized_plan(text)
        return self._query(statement, plan)

    def _query(self, statement: _Statement, plan: dict[str, Any]) -> Query:
        root = decode_plan(plan)
        types = tuple(parse(t) for t in statement.types)
        _check_types(root, types)
        _check_depth(root)
        return Query(root, statement.names, types, not statement.reads_clock, self._time_zone)

    def _bound(self, sql: str, given: Parameters | None) -> tuple[_Statement, str]:
        """What a text says, and the text without open parameters."""
        if given is None:
            return self._read(sql, None), sql
        named = parameters.values_by_name(given)
        # the values are known by their types alone here: the same statement comes with other ones again and again
        try:
            types = self._shadow.set_variables({parameters.variable(name): value for name, value in named.items()})
        except Unsupported:
            self._read(sql, given)  # which says it if a value is wrong for where it stands
            raise
        key = sql, tuple(zip(named, types, strict=True))
        if key not in self._statements:
            self._statements[key] = self._read(sql, given)
            if len(self._statements) > _STATEMENTS:
                self._statements.popitem(last=False)
        self._statements.move_to_end(key)
        statement = self._statements[key]
        texts = {name: parameters.reference(name, dtype) for name, dtype in zip(named, types, strict=True)}
        text = parameters.substitute(sql, statement.places, texts)
        if not statement.checked:
            if self._shadow.bind(text)[1] != statement.types:
                raise Unsupported("parameter whose type depends on where it stands")
            self._statements[key] = replace(statement, checked=True)
        return statement, text

    def _read(self, sql: str, given: Parameters | None) -> _Statement:
        """Raises QueryError for a text that is wrong, Unsupported for what is no SELECT or depends on the session."""
        shadow = self._shadow
        shadow.statement(sql)
        names, types = shadow.bind(sql, given)
        tree = shadow.parse(sql)
        if foreign := shadow.unstable(functions_in(tree)) - CLOCK:
            raise Unsupported(f"function {min(foreign)} depends on the session or is volatile")
        return _Statement(names, types, tuple(parameters.places(tree)), opaque.open_parameters(tree), reads_clock(tree))


def _constants(given: Parameters) -> dict[str, Constant] | None:
    """The parameters' values by name; None if only DuckDB can tell one."""
    constants = {name: bound_constant(value) for name, value in parameters.values_by_name(given).items()}
    known = {name: constant for name, constant in constants.items() if constant is not None}
    return known if len(known) == len(constants) else None


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
