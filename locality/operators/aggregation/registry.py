"""The aggregate functions that kernels keep state for, by DuckDB's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from locality.errors import Unsupported
from locality.operators.aggregation import aggregates, powers, regression, sketches
from locality.operators.aggregation.aggregates import Input, Planned, plan_count_distinct
from locality.plan.expressions import AggregateCall

AGGREGATES: Mapping[str, Callable[[Input], Planned]] = {
    **aggregates.AGGREGATES,
    **regression.AGGREGATES,
    **powers.AGGREGATES,
    **sketches.AGGREGATES,
}
#: Aggregates that repeated values do not change, or that kernels count without repetition.
_DISTINCT_TOO = frozenset({"count", "min", "max", "bool_and", "bool_or", "bit_and", "bit_or"})


def plan_aggregate(source: Input) -> Planned:
    """Plans one aggregate; raises Unsupported for functions and types that kernels do not aggregate."""
    name = source.call.name
    if name not in AGGREGATES:
        raise Unsupported(f"aggregate {name}")
    if source.call.distinct and name == "count":
        return plan_count_distinct(source)
    if source.call.distinct and name not in _DISTINCT_TOO:
        raise Unsupported(f"{name}(DISTINCT ...) beside other aggregates")
    return AGGREGATES[name](source)


def is_known(call: AggregateCall) -> bool:
    """Whether kernels have the aggregate function, whatever its arguments."""
    return call.name in AGGREGATES
