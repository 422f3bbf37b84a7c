"""What depends on the session's time zone, with that zone beside it: then it means the same in every session."""

from __future__ import annotations

from locality.plan.expressions import Call, Constant, Expression, rewrite, walk
from locality.plan.nodes import Node, walk_nodes
from locality.plan.parameters import mapped
from locality.plan.reads import expressions_of
from locality.types import VARCHAR

#: The call around what depends on the zone, with the zone as its second argument once that is known.
IN_ZONE = "in zone"


def of_session(expression: Expression) -> Expression:
    """The expression as one that depends on a zone that is not known yet, which nothing can compute."""
    return Call(IN_ZONE, (expression,), expression.type)


def placed(root: Node, zone: str) -> Node:
    """The plan with its zone beside all that depends on it."""
    if not any(depends_on_zone(each) for node in walk_nodes(root) for each in expressions_of(node)):
        return root
    given = Constant(zone, VARCHAR)

    def change(expression: Expression) -> Expression:
        match expression:
            case Call(name, (inner,), dtype) if name == IN_ZONE:
                return Call(IN_ZONE, (inner, given), dtype)
            case _:
                return expression

    return mapped(root, lambda each: rewrite(each, change))


def depends_on_zone(expression: Expression) -> bool:
    """Whether a part of the expression depends on a time zone."""
    return any(isinstance(part, Call) and part.name == IN_ZONE for part in walk(expression))
