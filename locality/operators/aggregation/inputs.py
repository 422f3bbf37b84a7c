"""Aggregation over computed inputs: where kernels lack a function, its results are collected first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from locality.plan.expressions import AggregateCall, ColumnRef, Constant, Expression


@dataclass(frozen=True)
class Inputs:
    """The expressions to collect, and the aggregation in terms of these."""

    expressions: tuple[Expression, ...]
    groups: tuple[ColumnRef, ...]
    calls: tuple[AggregateCall, ...]


def separate_inputs(groups: Sequence[Expression], calls: Sequence[AggregateCall]) -> Inputs:
    """What an aggregation reads, each expression once; constants among its arguments stay as they are."""
    inputs: dict[Expression, int] = {}

    def collected(expression: Expression) -> ColumnRef:
        return ColumnRef(inputs.setdefault(expression, len(inputs)), expression.type)

    keys = tuple(collected(group) for group in groups)

    def argument(expression: Expression) -> Expression:
        return expression if isinstance(expression, Constant) else collected(expression)

    arguments = tuple(
        replace(call.mapped(argument), filter=None if call.filter is None else collected(call.filter)) for call in calls
    )
    return Inputs(tuple(inputs), keys, arguments)
