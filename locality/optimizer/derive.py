"""What can be told from the groups of a rollup: expressions and conditions that are the same for all rows of a group.

An expression can be told if it is a group, if it is computed from what can be told, or if it depends on a moment only
by a period of which the rollup has the start: the month of a day, ``ts >= timestamp '2024-05-01'`` of hours. All
functions that plans have give the same for the same arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from locality.optimizer.periods import lies_within, reading, start_of, truncation
from locality.plan.expressions import Call, Case, Cast, ColumnRef, Constant, Expression, children
from locality.types import BOOLEAN

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
#: Comparisons as those of the next value: ``x <= 5`` is ``x < 6``.
_OF_NEXT = {"<=": "<", ">": ">="}


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
        found = reading(expression)
        if found is None:
            return None
        moment, period, of = found
        cells = (cell for cell in self.cells if cell.moment == moment and lies_within(cell.period, period))
        return next((of(cell.start) for cell in cells), None)

    def _of_bound(self, expression: Expression) -> Expression | None:
        """A comparison of a moment with the start of a period."""
        bound = bound_of(expression)
        if bound is None:
            return None
        for cell in self.cells:
            if cell.moment == bound.moment and start_of(bound.value, bound.moment.type, cell.period) == bound.value:
                return bound.over(cell.start)
        return None


@dataclass(frozen=True)
class Bound:
    """``moment >= value`` or ``moment < value``, by the units of the moment's type."""

    moment: Expression
    name: str
    value: int

    def over(self, start: Expression) -> Expression:
        """The comparison of another moment."""
        return Call(self.name, (start, Constant(self.value, self.moment.type)), BOOLEAN)

    @property
    def term(self) -> Expression:
        """The comparison itself."""
        return self.over(self.moment)


def bound_of(term: Expression) -> Bound | None:
    """A comparison of a date or timestamp with a constant, in its one form; None for anything else."""
    match term:
        case Call(name, (moment, Constant() as constant)) if name in MIRRORED:
            pass
        case Call(name, (Constant() as constant, moment)) if name in MIRRORED:
            name = MIRRORED[name]
        case _:
            return None
    # a late-bound parameter is a constant, too, whose value may be another the next time: of that nothing is proven
    if type(constant) is not Constant or moment.type.name not in ("DATE", "TIMESTAMP"):
        return None
    value = constant.value
    if not isinstance(value, int) or isinstance(moment, Constant) or abs(value) >= moment.type.bounds[1] - 1:
        return None
    return Bound(moment, _OF_NEXT[name], value + 1) if name in _OF_NEXT else Bound(moment, name, value)


def _cells(groups: Sequence[Expression]) -> list[Cell]:
    found = []
    for index, group in enumerate(groups):
        cut = truncation(group)
        if cut is not None:
            moment, period = cut
            start: Expression = ColumnRef(index, group.type)
            found.append(Cell(moment, period, start if group.type == moment.type else Cast(start, moment.type)))
    return found
