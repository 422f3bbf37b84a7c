"""Constants held out of expressions, so that what is prepared for one serves the next query with another.

A kernel takes numbers as parameters, but is generated for what is known of them: which lane holds them. Numbers that a
computed value is compared with tell it nothing else. All other constants stay: factors bound products, and arguments of
functions decide about their code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from locality.plan.expressions import Call, Case, Cast, Constant, Expression, Held, rewrite
from locality.plan.intervals import INT64_MAX, INT64_MIN
from locality.plan.lanes import INT32
from locality.types import DataType, Domain

_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
Number = int | float


@dataclass
class Holder:
    """Holds the constants of several expressions together: equal ones once, as expressions that are equal count once.

    numbers: the constants, by their numbers.
    """

    numbers: list[Number] = field(default_factory=list)
    _known: dict[tuple[str, DataType], Held] = field(default_factory=dict)

    def hold(self, expression: Expression) -> Expression:
        """The expression with numbers for the constants that comparisons read."""
        match expression:
            case Call(name, (left, right), dtype) if name in _COMPARISONS:
                if not isinstance(left, Constant):
                    return Call(name, (self.hold(left), self._constant(right)), dtype)
                return Call(name, (self._constant(left), self.hold(right)), dtype)
            case Call(name, args, dtype):
                return Call(name, tuple(map(self.hold, args)), dtype)
            case Cast(arg, dtype, lenient):
                return Cast(self.hold(arg), dtype, lenient)
            case Case(branches, otherwise, dtype):
                held = tuple((self.hold(condition), self.hold(value)) for condition, value in branches)
                return Case(held, self.hold(otherwise), dtype)
            case _:
                return expression

    def _constant(self, expression: Expression) -> Expression:
        match expression:
            case Constant(float(value), dtype) if dtype.is_float:
                return self._held(value.hex(), value, dtype, wide=True)
            case Constant(int(value), dtype) if dtype.domain is Domain.INTEGER and not isinstance(value, bool):
                if INT64_MIN <= value <= INT64_MAX:
                    return self._held(str(value), value, dtype, wide=not INT32.low <= value <= INT32.high)
        return self.hold(expression)

    def _held(self, text: str, value: Number, dtype: DataType, *, wide: bool) -> Held:
        key = text, dtype
        if key not in self._known:
            self._known[key] = Held(len(self.numbers), dtype, wide)
            self.numbers.append(value)
        return self._known[key]


@dataclass(frozen=True, slots=True)
class Given:
    """What a query gives a kernel beside its segments.

    tests: by their places among the pipeline's steps; None for what is none. numbers: held out of the sink's
    expressions.
    """

    tests: Sequence[Any]
    numbers: Sequence[Number] = ()

    def number(self, held: Held) -> Number:
        """The constant that was held."""
        numbers: Sequence[Number] = self.numbers if held.place is None else self.tests[held.place].numbers
        return numbers[held.number]


def placed(expression: Expression, place: int) -> Expression:
    """The expression of a test that stands at a place of its pipeline."""
    return rewrite(expression, lambda e: replace(e, place=place) if isinstance(e, Held) else e)
