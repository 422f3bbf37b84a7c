"""Statements planned once for all values of their parameters: the decoded plan with parameters in it, and their values.

What is computed of parameters alone counts as one parameter: ``cast(? as date) + interval 1 month`` is a date whose
value is computed when the statement runs, before its plan is looked at. After Postgres' "generic plans".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from locality.errors import Unsupported
from locality.plan.expressions import (
    Call,
    Case,
    Cast,
    Constant,
    Expression,
    Parameter,
    PhysicalValue,
    columns_of,
    rewrite,
    walk,
)
from locality.plan.nodes import Node, Query, Scan, walk_nodes
from locality.plan.parameters import has_parameter, mapped
from locality.plan.reads import expressions_of
from locality.sql.folding import fold
from locality.sql.opaque import MARK, mark_of
from locality.types import BOOLEAN

#: Calls of which a parameter may be an argument; others are planned for one value.
_OPEN = frozenset(
    {"=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from", "in", "coalesce", "+", "-", "*", "/"}
)


@dataclass(frozen=True, eq=False)
class Generic:
    """A statement for parameters of certain types.

    query: its plan, with the values that it was made with. computed: what each of the plan's parameters is of the
    statement's own. pinned: those of the plan's parameters whose value shapes the plan.
    """

    query: Query
    computed: tuple[Expression, ...]
    pinned: frozenset[int]

    @cached_property
    def repeats(self) -> bool:
        """Whether a table is read several times: only then a value that comes twice may mean one thing."""
        tables = [node.table for node in walk_nodes(self.query.root) if isinstance(node, Scan)]
        return len(set(tables)) < len(tables)

    def values(self, constants: Sequence[Constant]) -> tuple[PhysicalValue, ...]:
        """The values of the plan's parameters, given the statement's; Unsupported for one that is NULL or an error."""
        found = []
        for expression in self.computed:
            value = fold(_with_values(expression, constants)).value
            if value is None:
                raise Unsupported("parameter that is NULL")
            found.append(value)
        return tuple(found)


def generic(query: Query, constants: Sequence[Constant]) -> Generic:
    """The statement, given its plan with marks for the values of its parameters, and such values by number.

    Raises Unsupported if a mark is left over, or a value is NULL or an error.
    """
    hoist = _Hoisting(constants)
    root = mapped(query.root, hoist.expression)
    if MARK in repr(root):
        raise Unsupported("parameter that was changed by planning")
    return Generic(replace(query, root=root), tuple(hoist.computed), _pinned(root))


@dataclass
class _Hoisting:
    constants: Sequence[Constant]

    def __post_init__(self) -> None:
        self.computed: list[Expression] = []
        self._made: dict[Expression, Parameter] = {}

    def expression(self, expression: Expression) -> Expression:
        """The expression with what it computes of marked values alone as parameters of the plan."""
        return self._hoisted(rewrite(expression, self._parameter))

    def _parameter(self, expression: Expression) -> Expression:
        number = mark_of(expression)
        if number is None:
            return expression
        constant = self.constants[number]
        if expression.type != constant.type:
            raise Unsupported("parameter that was changed by planning")
        return Parameter(constant.value, constant.type, number)

    def _hoisted(self, expression: Expression) -> Expression:
        if not has_parameter(expression):
            return expression
        if not columns_of(expression):
            return self._known(expression)
        match expression:
            case Call(name, args, dtype):
                return Call(name, tuple(self._hoisted(arg) for arg in args), dtype)
            case Cast(arg, dtype, lenient):
                return Cast(self._hoisted(arg), dtype, lenient)
            case Case(branches, otherwise, dtype):
                pairs = tuple((self._hoisted(c), self._hoisted(v)) for c, v in branches)
                return Case(pairs, self._hoisted(otherwise), dtype)
            case _:
                return expression

    def _known(self, expression: Expression) -> Parameter:
        if expression not in self._made:
            value = fold(expression).value
            if value is None:
                raise Unsupported("parameter that is NULL")
            self._made[expression] = Parameter(value, expression.type, len(self.computed))
            self.computed.append(expression)
        return self._made[expression]


def _with_values(expression: Expression, constants: Sequence[Constant]) -> Expression:
    if isinstance(expression, Parameter):
        return constants[expression.index]
    return rewrite(expression, lambda e: constants[e.index] if isinstance(e, Parameter) else e)


def _pinned(root: Node) -> frozenset[int]:
    """The parameters that decide what is computed, or that stand where kernels may want a constant."""
    found = set[int]()
    for node in walk_nodes(root):
        for expression in expressions_of(node):
            for part in walk(expression):
                match part:
                    case Call(name, args) if name not in _OPEN:
                        found |= {arg.index for arg in args if isinstance(arg, Parameter)}
                    case Parameter(type=dtype, index=index) if dtype == BOOLEAN:
                        found.add(index)
                    case _:
                        pass
    return frozenset(found)
