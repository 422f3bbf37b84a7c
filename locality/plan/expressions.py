"""Bound, typed scalar expressions: the part of a plan that computes a value for each row.

Function names are DuckDB's own, in lower case; operators are functions named by their symbol. The decoder brings a few
shapes to one form: ``BETWEEN`` is two comparisons under ``and``; ``a NOT IN (...)`` is ``not(in(...))``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from locality.types import BOOLEAN, DataType

#: A constant in the physical domain of its type: None for NULL; bool, int (unscaled decimals, days of dates, units of
#: times and timestamps); float; str for VARCHAR; bytes for BLOB; (months, days, micros) for INTERVAL.
PhysicalValue = None | bool | int | float | str | bytes | tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """Column ``index`` of the node's child."""

    index: int
    type: DataType


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal or a folded constant."""

    value: PhysicalValue
    type: DataType


@dataclass(frozen=True, slots=True)
class Parameter(Constant):
    """A constant that other runs of the same plan have another value for, never NULL; ``index`` tells which.

    Whoever plans may read ``value`` to guess, but must not conclude from it: the plan is to hold for every value.
    """

    index: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator by DuckDB's name.

    Names with a meaning of their own: ``= <> < <= > >=``, ``is distinct from``, ``is not distinct from``, ``and`` and
    ``or`` (any number of arguments), ``not``, ``is null``, ``is not null``, ``in`` (needle, then candidates),
    ``coalesce``, ``+ - * / // %``, ``~~`` (LIKE) and ``!~~``.
    """

    name: str
    args: tuple[Expression, ...]
    type: DataType


@dataclass(frozen=True, slots=True)
class Cast:
    """``CAST(arg AS type)``, or ``TRY_CAST`` where ``lenient``."""

    arg: Expression
    type: DataType
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """``CASE WHEN condition THEN value ... ELSE otherwise END``."""

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression
    type: DataType


@dataclass(frozen=True, slots=True)
class Lookup:
    """``expression`` as a table by the code of column ``column``, which is ``ColumnRef(0)`` in it; it reads no other.

    It is put where a column has few possible values: see :mod:`locality.operators.codegen.lookup`. If ``ranked``, the
    table gives the rank of each value among all values of the table, for numbering groups densely.
    """

    column: int
    expression: Expression
    type: DataType
    ranked: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A number that is given only when a kernel is called: ``number`` of those of its pipeline, or of a test's.

    wide: whether it may need more than 32 bits. place: that of the test among the pipeline's steps; None for others.
    """

    number: int
    type: DataType
    wide: bool
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Lambda:
    """The function among the arguments of a call such as ``list_transform``, which is called for each element.

    In ``body``, ``ColumnRef(i)`` is the lambda's parameter ``i``, and behind ``parameters`` of these the arguments of
    the call that follow the lambda and ``given`` others. As these are not a node's columns, it counts as a leaf.
    """

    parameters: int
    given: int
    body: Expression
    type: DataType


Expression = ColumnRef | Constant | Call | Cast | Case | Lambda | Lookup | Held


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """An aggregate by DuckDB's name (``count_star``, ``sum``, ...), with its DISTINCT, FILTER and ORDER BY."""

    name: str
    args: tuple[Expression, ...]
    type: DataType
    distinct: bool = False
    filter: Expression | None = None
    keys: tuple[SortKey, ...] = ()

    def expressions(self) -> Iterator[Expression]:
        """All that the call reads."""
        yield from self.args
        yield from () if self.filter is None else (self.filter,)
        yield from (key.expression for key in self.keys)

    def mapped(self, change: Callable[[Expression], Expression]) -> AggregateCall:
        """The call with every expression that it reads changed, arguments first."""
        args = tuple(change(arg) for arg in self.args)
        keys = tuple(replace(key, expression=change(key.expression)) for key in self.keys)
        condition = None if self.filter is None else change(self.filter)
        return AggregateCall(self.name, args, self.type, self.distinct, condition, keys)


@dataclass(frozen=True, slots=True)
class SortKey:
    """One ORDER BY term."""

    expression: Expression
    descending: bool = False
    nulls_first: bool = False


def children(expression: Expression) -> tuple[Expression, ...]:
    """The direct subexpressions, in evaluation order."""
    match expression:
        case Call(args=args):
            return args
        case Cast(arg=arg):
            return (arg,)
        case Case(branches=branches, otherwise=otherwise):
            return (*(part for branch in branches for part in branch), otherwise)
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and all its subexpressions, parents first."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def rewrite(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """A copy in which ``change`` was applied to every subexpression, children first."""
    match expression:
        case Call(name, args, dtype):
            expression = Call(name, tuple([rewrite(a, change) for a in args]), dtype)
        case Cast(arg, dtype, lenient):
            expression = Cast(rewrite(arg, change), dtype, lenient)
        case Case(branches, otherwise, dtype):
            parts = tuple([(rewrite(c, change), rewrite(v, change)) for c, v in branches])
            expression = Case(parts, rewrite(otherwise, change), dtype)
        case _:
            pass
    return change(expression)


def columns_of(expression: Expression) -> frozenset[int]:
    """The indices of the columns that the expression reads."""
    found: set[int] = set()
    waiting = [expression]
    while waiting:
        match waiting.pop():
            case ColumnRef(index):
                found.add(index)
            case Constant():
                pass
            case Lookup(column):
                found.add(column)
            case other:
                waiting += children(other)
    return frozenset(found)


def conjuncts(expression: Expression) -> tuple[Expression, ...]:
    """The terms of a conjunction, flattened."""
    if isinstance(expression, Call) and expression.name == "and":
        return tuple(term for arg in expression.args for term in conjuncts(arg))
    return (expression,)


def conjunction(terms: Sequence[Expression]) -> Expression:
    """All of ``terms``; TRUE for none."""
    return joined("and", terms) if terms else Constant(True, BOOLEAN)


def joined(name: str, terms: Sequence[Expression]) -> Expression:
    """``terms``, at least one, under one ``and`` or ``or``; terms that are such a call themselves are flattened."""
    flat: list[Expression] = []
    for term in terms:
        flat += term.args if isinstance(term, Call) and term.name == name else (term,)
    return flat[0] if len(flat) == 1 else Call(name, tuple(flat), BOOLEAN)
