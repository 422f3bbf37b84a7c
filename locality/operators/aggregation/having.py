"""HAVING while groups are gathered: those that certainly fail are left in the state that they were added up in.

Most groups of an aggregation with HAVING are there to be thrown away. What a test asks of a count, sum or extreme is
asked of the slot that this is finished from, as soon as no more rows can come to the group. The reader tests what is
left again, so groups for which a slot does not tell (NULL, a range of several parts) may stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from locality.kernel.loader import primitive
from locality.operators.aggregation.accumulators import Cells, Slots
from locality.operators.aggregation.aggregates import Planned
from locality.operators.filters.codesets import values_that
from locality.operators.relations.relation import Positions
from locality.plan.expressions import Expression, columns_of
from locality.plan.intervals import INT64_MAX, INT64_MIN


@dataclass(frozen=True, slots=True)
class CellTest:
    """Groups that pass have a value from ``low`` to ``high`` in integer slot ``slot``."""

    slot: int
    low: int
    high: int


def plan_having(
    tests: Sequence[Expression], keys: int, planned: Sequence[Planned], slots: Slots
) -> tuple[CellTest, ...]:
    """What ``tests`` of an aggregation's columns, of which the first ``keys`` are its groups, ask of single slots."""
    found = []
    for test in tests:
        columns = columns_of(test)
        if len(columns) != 1 or (position := next(iter(columns)) - keys) < 0:
            continue
        aggregate = planned[position]
        if aggregate.cell not in slots.integers or aggregate.bounds is None:
            continue
        passing = values_that(test, aggregate.bounds)
        if passing is not None and not passing.null:
            ends = passing.intervals or ((1, 0),)
            low, high = max(ends[0][0], INT64_MIN), min(ends[-1][1], INT64_MAX)
            found.append(CellTest(slots.integers.index(aggregate.cell), low, high))
    return tuple(found)


def keep_passing(
    tests: Sequence[CellTest], integers: Cells, numbers: Positions, count: int, complete: tuple[int, int]
) -> int:
    """Leaves those of ``numbers[:count]``, rows of ``integers``, that may pass, in place; returns how many.

    complete: the first and the last row that no more can be added to; others stay.
    """
    for test in tests:
        count = primitive("keep_between")(integers, test.slot, test.low, test.high, *complete, numbers, count)
    return count
