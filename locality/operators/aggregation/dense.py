"""Putting together the workers' states of a dense grouping: a cell for every number that a group may have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locality.operators.aggregation.accumulators import Cells, Slots, merge
from locality.operators.aggregation.grouping import existing
from locality.operators.aggregation.having import CellTest
from locality.operators.aggregation.output import Groups, concat_groups, groups_with_rows
from locality.operators.physical import Execution

#: Groups that are merged at a time, while they are in the cache; fewer are not worth compiled code.
_RANGE_GROUPS = 65536


def merge_states(
    states: Sequence[tuple[Cells, Cells]], slots: Slots, execution: Execution, tests: Sequence[CellTest] = ()
) -> Groups:
    """The groups that have rows in some state, in ascending order of their numbers; those that fail may be missing.

    A state is integers and floats, shape (groups + 1, slots); the last row is not a group. The first is overwritten.
    """
    groups = len(states[0][0]) - 1
    if groups <= _RANGE_GROUPS:
        integers, floats = merge(slots, list(states))
        numbers = existing(integers[:-1, 0])
        floats = floats[numbers] if slots.floats else np.empty((len(numbers), 0))
        return Groups(numbers, integers[numbers], floats)
    starts = range(0, groups, _RANGE_GROUPS)
    parts: dict[int, Groups] = {}

    def merge_range(worker: int, start: int) -> None:
        rows = slice(start, min(start + _RANGE_GROUPS, groups))
        merge(slots, [(integers[rows], floats[rows]) for integers, floats in states])
        integers, floats = states[0]
        state = integers[start : rows.stop + 1], floats[start : rows.stop + 1]
        parts[start] = groups_with_rows(*state, slots, start, tests)

    execution.run(starts, merge_range)
    return concat_groups([parts[start] for start in starts], execution)
