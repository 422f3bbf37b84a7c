"""Which expressions the equalities of a region make equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from locality.optimizer.regions import Relation
from locality.plan.expressions import Call, Expression, columns_of


def equal_expressions(
    terms: Iterable[Expression], relations: Sequence[Relation], owners: Mapping[int, int]
) -> tuple[list[dict[Expression, int]], list[Expression]]:
    """Classes of equal expressions over one inner relation each, with that relation; and all other terms.

    A class has expressions of several relations, and perhaps several of one.
    """
    classes: list[dict[Expression, int]] = []
    others: list[Expression] = []
    for term in terms:
        sides = _equated(term, relations, owners)
        if sides is None:
            others.append(term)
            continue
        met = [known for known in classes if not known.keys().isdisjoint(sides)]
        classes = [known for known in classes if known not in met]
        for known in met:
            sides |= known
        classes.append(sides)
    return classes, others


def _equated(
    term: Expression, relations: Sequence[Relation], owners: Mapping[int, int]
) -> dict[Expression, int] | None:
    """The sides of an equality of two inner relations, each with its relation."""
    match term:
        case Call("=", (one, other)) if one.type == other.type:
            read = [{owners[column] for column in columns_of(side)} for side in (one, other)]
            if len(read[0]) == len(read[1]) == 1 and read[0] != read[1]:
                mine, theirs = min(read[0]), min(read[1])
                if relations[mine].kind == relations[theirs].kind == "inner":
                    return {one: mine, other: theirs}
    return None
