"""Whether conditions on rows say all that another condition does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import ge, gt, le, lt
from typing import Any

from locality.optimizer.facts import not_null_by
from locality.plan.expressions import Call, ColumnRef, Constant, Expression
from locality.types import Domain

_HOLDS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
#: The comparison on the same side that leaves out equality.
_STRICT = {"<": "<", "<=": "<", ">": ">", ">=": ">"}


def implies(terms: Sequence[Expression], term: Expression) -> bool:
    """Whether ``term`` is true of every row of which all ``terms`` are; False may be for want of a proof."""
    if term in terms:
        return True
    match term:
        case Call("is not null", (ColumnRef(index),)):
            return index in not_null_by(terms)
        case _:
            wanted = _compared(term)
            return wanted is not None and any(_follows(found, *wanted) for found in terms)


def _follows(term: Expression, value: Expression, name: str, limit: object) -> bool:
    """Whether ``value name limit`` follows from one term."""
    match term:
        case Call("in", (needle, *candidates)) if needle == value:
            constants = [_comparable(candidate) for candidate in candidates]
            return None not in constants and all(_is_within("=", each, name, limit) for each in constants)
        case _:
            found = _compared(term)
            return found is not None and found[0] == value and _is_within(found[1], found[2], name, limit)


def _is_within(found: str, bound: object, name: str, limit: object) -> bool:
    """Whether ``x found bound`` says that ``x name limit``."""
    if found == "=":
        return bound == limit if name == "=" else _HOLDS[name](bound, limit)
    if name == "=" or _STRICT[found] != _STRICT[name]:
        return False
    strict = _STRICT[name]
    return _HOLDS[strict](bound, limit) or (bound == limit and (found == strict or name != strict))


def _compared(term: Expression) -> tuple[Expression, str, object] | None:
    """What is compared, how, and with which constant."""
    match term:
        case Call(name, (value, Constant() as constant)) if name in _MIRRORED:
            pass
        case Call(name, (Constant() as constant, value)) if name in _MIRRORED:
            name = _MIRRORED[name]
        case _:
            return None
    limit = _comparable(constant)
    return None if limit is None or isinstance(value, Constant) else (value, name, limit)


def _comparable(expression: Expression) -> object:
    """The value of a constant that orders in Python as in SQL; None if it does not, or may be another the next time."""
    if type(expression) is not Constant or expression.type.domain not in (Domain.INTEGER, Domain.STRING):
        return None
    value = expression.value
    return value.encode() if isinstance(value, str) else value
