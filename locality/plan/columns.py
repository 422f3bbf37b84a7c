"""Expressions moved from one numbering of columns to another, as plans are put together differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from locality.plan.expressions import Call, ColumnRef, Expression, columns_of, rewrite
from locality.plan.nodes import JoinKey
from locality.types import BOOLEAN

_EQUALITIES = {"=": False, "is not distinct from": True}


def replaced(expression: Expression, column: Callable[[ColumnRef], Expression]) -> Expression:
    """The expression with ``column`` of each reference in its place."""
    return rewrite(expression, lambda e: column(e) if isinstance(e, ColumnRef) else e)


def substituted(expression: Expression, outputs: Sequence[Expression]) -> Expression:
    """An expression over a projection's columns as one over the projection's input."""
    return replaced(expression, lambda e: outputs[e.index])


def renumbered(expression: Expression, positions: Mapping[int, int]) -> Expression:
    """The expression with column ``i`` as column ``positions[i]``."""
    return replaced(expression, lambda e: ColumnRef(positions[e.index], e.type))


def shifted(expression: Expression, by: int) -> Expression:
    """The expression over columns that now begin ``by`` positions later."""
    return replaced(expression, lambda e: ColumnRef(e.index + by, e.type)) if by else expression


def as_key(term: Expression, width: int, *, constant: bool = False) -> JoinKey | None:
    """A term over a join's columns, the first ``width`` of which are the left side's, as a key, if it is one.

    It is, if it equates what reads the left side alone (or, if ``constant``, nothing) with what reads the right side
    alone.
    """
    match term:
        case Call(name, (one, other)) if name in _EQUALITIES and one.type == other.type:
            for left, right in ((one, other), (other, one)):
                mine, theirs = columns_of(left), columns_of(right)
                if theirs and (mine or constant) and max(mine, default=-1) < width <= min(theirs):
                    return JoinKey(left, shifted(right, -width), _EQUALITIES[name])
    return None


def as_term(key: JoinKey, width: int) -> Expression:
    """A join's key as a term over the left columns, ``width`` in number, then the right ones."""
    name = "is not distinct from" if key.null_safe else "="
    return Call(name, (key.left, shifted(key.right, width)), BOOLEAN)
