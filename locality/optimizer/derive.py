"""What can be told from the groups of a rollup: expressions and conditions that are the same for all rows of a group.

An expression can be told if it is a group, if it is computed from what can be told, or if it depends on a moment only
by a period of which the rollup has the start: the month of a day, ``ts >= timestamp '2024-05-01'`` of hours. All
functions that plans have give the same for the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from locality.optimizer.periods import lies_within, reading, start_of, truncation
from locality.plan.expressions import Call, Case, Cast, ColumnRef, Constant, Expression, PhysicalValue, children
from locality.types import BOOLEAN, DATE, TIMESTAMP

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
#: Comparisons that are those of the next value, without equality or with it.
_OF_NEXT = {"<=": "<", ">": ">="}

Peek = Callable[[Constant, Callable[[PhysicalValue], bool]], bool]
"""See :meth:`locality.optimizer.statistics.Statistics.peek`."""


@dataclass(frozen=True)
class Cell:
    """The period of a moment that a rollup tells, and its start, which has the type of the moment."""

    moment: Expression
    period: str
    start: Expression


@dataclass(frozen=True)
class Groups:
    """The groups of a rollup, columns 0, 1, ... of its rows."""

    groups: tuple[Expression, ...]
    peek: Peek

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The periods that the groups are."""
        return tuple(_cells(self.groups))

    def told(self, expression: Expression) -> Expression | None:
        """The expression over the rollup's columns; None if it can't be told."""
        if expression in self.groups:
            return ColumnRef(self.groups.index(expression), expression.type)
        return self._of_parts(expression) or self._of_cell(expression) or self._of_bound(expression)

    def cell_of(self, moment: Expression) -> Cell | None:
        """The shortest period of a moment that the groups are, if they are any."""
        cells = [cell for cell in self.cells if cell.moment == moment]
        shortest = (cell for cell in cells if all(lies_within(cell.period, other.period) for other in cells))
        return next(shortest, None)

    def _of_parts(self, expression: Expression) -> Expression | None:
        if isinstance(expression, Constant):
            return expression
        told = [part for child in children(expression) if (part := self.told(child)) is not None]
        if not told or len(told) < len(children(expression)):
            return None
        match expression:
            case Call():
                return replace(expression, args=tuple(told))
            case Cast():
                return replace(expression, arg=told[0])
            case Case():
                branches = tuple(zip(told[0:-1:2], told[1:-1:2], strict=True))
                return replace(expression, branches=branches, otherwise=told[-1])
            case _:
                return None

    def _of_cell(self, expression: Expression) -> Expression | None:
        """A function of a moment that the period of the moment decides about."""
        match expression:
            case Call("is null" | "is not null", (moment,)) if (cell := self.cell_of(moment)) is not None:
                return replace(expression, args=(cell.start,))
        found = reading(expression)
        if found is None:
            return None
        moment, period, of = found
        cells = (cell for cell in self.cells if cell.moment == moment and lies_within(cell.period, period))
        return next((of(cell.start) for cell in cells), None)

    def _of_bound(self, expression: Expression) -> Expression | None:
        """A comparison of a moment with the start of a period, or with the last unit of time before one."""
        bound = bound_of(expression)
        if bound is None:
            return None
        for cell in self.cells:
            if cell.moment == bound.moment and self.peek(bound.constant, Begins(bound, cell.period)):
                return replace(bound, moment=cell.start).term
        return None


@dataclass(frozen=True)
class Bound:
    """The comparison ``moment name constant``, by an inequality."""

    moment: Expression
    name: str
    constant: Constant

    @property
    def term(self) -> Expression:
        """The comparison itself."""
        return Call(self.name, (self.moment, self.constant), BOOLEAN)

    @property
    def is_lower(self) -> bool:
        """Whether moments from some value on are within it, and not those before that value."""
        return self.name in (">=", ">")

    def first(self, value: PhysicalValue) -> int:
        """The first moment within it, or the first one after it, if it is with ``value``."""
        assert isinstance(value, int)
        return value + 1 if self.name in _OF_NEXT else value

    @staticmethod
    def at(moment: Expression, name: str, value: int) -> Bound:
        """The comparison with a value."""
        return Bound(moment, name, Constant(value, moment.type))


@dataclass(frozen=True)
class Begins:
    """Whether a bound parts periods, and not moments of one, if it is with a value."""

    bound: Bound
    period: str

    def __call__(self, value: PhysicalValue) -> bool:
        first, dtype = self.bound.first(value), self.bound.moment.type
        return start_of(first, dtype, self.period) == first and start_of(first - 1, dtype, self.period) is not None


@dataclass(frozen=True)
class LiesIn:
    """Whether a bound, if it is with a value, lies in the period that begins at ``start``."""

    bound: Bound
    period: str
    start: int | None

    def __call__(self, value: PhysicalValue) -> bool:
        return start_of(self.bound.first(value), self.bound.moment.type, self.period) == self.start


def bound_of(term: Expression) -> Bound | None:
    """A term that compares a date or timestamp with a constant; None for anything else."""
    match term:
        case Call(name, (moment, Constant() as constant)) if name in MIRRORED:
            bound = Bound(moment, name, constant)
        case Call(name, (Constant() as constant, moment)) if name in MIRRORED:
            bound = Bound(moment, MIRRORED[name], constant)
        case _:
            return None
    if bound.moment.type not in (DATE, TIMESTAMP) or isinstance(bound.moment, Constant) or constant.value is None:
        return None
    return bound


def _cells(groups: Sequence[Expression]) -> list[Cell]:
    found = []
    for index, group in enumerate(groups):
        cut = truncation(group)
        if cut is not None:
            moment, period = cut
            start: Expression = ColumnRef(index, group.type)
            found.append(Cell(moment, period, start if group.type == moment.type else Cast(start, moment.type)))
    return found
