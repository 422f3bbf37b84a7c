"""How the reason of a refused query names the logical nodes that have no operator."""

from __future__ import annotations

from locality.plan.nodes import Join, Node, SetOperation, Shared, SharedScan, Union, Values, Window


def refusal(node: Node) -> str:
    """What of SQL the node stands for, as ``profile.reason`` says it."""
    match node:
        case Join(kind="inner", keys=(), residual=None):
            return "cross product"
        case Join(kind=kind):
            return f"{kind} join"
        case Shared() | SharedScan():
            return "materialized common table expression"
        case Union():
            return "UNION"
        case SetOperation(kind=kind):
            return kind.upper()
        case Values(types=()):
            return "SELECT without a stored table"
        case Values(rows=()):
            return "condition that is never true"
        case Values():
            return "VALUES list"
        case Window(calls=calls):
            return f"window function {', '.join(sorted({call.name for call in calls}))}"
        case _:
            return f"operator {type(node).__name__.lower()}"
