"""Whether conditions on rows say all that another condition does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any

from locality.optimizer.derive import MIRRORED, Peek
from locality.optimizer.facts import not_null_by
from locality.plan.expressions import Call, ColumnRef, Constant, Expression, Parameter, PhysicalValue
from locality.types import Domain

_HOLDS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
#: The comparison on the same side that leaves out equality.
_STRICT = {"<": "<", "<=": "<", ">": ">", ">=": ">"}


def implies(terms: Sequence[Expression], term: Expression, peek: Peek) -> bool:
    """Whether ``term`` is true of every row of which all ``terms`` are; False may be for want of a proof."""
    if term in terms:
        return True
    match term:
        case Call("is not null", (ColumnRef(index),)):
            return index in not_null_by(terms)
        case _:
            wanted = _compared(term)
            if wanted is None or isinstance(wanted[2], Parameter):
                return False
            return any(_follows(found, *wanted, peek) for found in terms)


def _follows(term: Expression, value: Expression, name: str, limit: Constant, peek: Peek) -> bool:
    """Whether ``value name limit`` follows from one term."""
    match term:
        case Call("in", (needle, *candidates)) if needle == value:
            constants = [each for each in candidates if isinstance(each, Constant) and _orders(each)]
            every = len(constants) == len(candidates)
            return every and all(peek(each, _Within("=", name, limit.value)) for each in constants)
        case _:
            found = _compared(term)
            return found is not None and found[0] == value and peek(found[2], _Within(found[1], name, limit.value))


@dataclass(frozen=True)
class _Within:
    """Whether ``x found bound`` says that ``x name limit``, by the bound."""

    found: str
    name: str
    limit: PhysicalValue

    def __call__(self, value: PhysicalValue) -> bool:
        bound, limit = (each.encode() if isinstance(each, str) else each for each in (value, self.limit))
        if self.found == "=":
            return bound == limit if self.name == "=" else _HOLDS[self.name](bound, limit)
        if self.name == "=" or _STRICT[self.found] != _STRICT[self.name]:
            return False
        strict = _STRICT[self.name]
        return _HOLDS[strict](bound, limit) or (bound == limit and (self.found == strict or self.name != strict))


def _compared(term: Expression) -> tuple[Expression, str, Constant] | None:
    """What is compared, how, and with which constant."""
    match term:
        case Call(name, (value, Constant() as constant)) if name in MIRRORED or name == "=":
            pass
        case Call(name, (Constant() as constant, value)) if name in MIRRORED or name == "=":
            name = MIRRORED.get(name, name)
        case _:
            return None
    return None if isinstance(value, Constant) or not _orders(constant) else (value, name, constant)


def _orders(constant: Constant) -> bool:
    """Whether values of the constant's type order in Python as in SQL."""
    return constant.value is not None and constant.type.domain in (Domain.INTEGER, Domain.STRING)
