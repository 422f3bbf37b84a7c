"""Quantiles of groups that have many rows: values are dealt out by group, and few of them put where sorting would.

Only the values are moved, as narrow as they are stored, and selection (Hoare's, by numpy) leaves all but those at the
places asked for in some order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, expand
from locality.encodings.rle import without_runs
from locality.errors import Unsupported
from locality.kernel.loader import primitive
from locality.operators.aggregation.distinct import first_rows
from locality.operators.aggregation.quantiles import QUANTILES, Placed, by_distance
from locality.operators.ordering.fields import Field, Words
from locality.operators.ordering.order import Positions, Run, cut
from locality.operators.ordering.words import words_of
from locality.operators.physical import Execution
from locality.operators.relations.batch import Batch
from locality.operators.windows.inputs import Mask, valid_rows
from locality.plan.expressions import AggregateCall, ColumnRef, Expression

Codes = npt.NDArray[np.uint32]
Values = npt.NDArray[Any]

#: Rows of a group on average from which on dealing out all values takes less than sorting the rows.
_LARGE = 256
#: Rows that tell whether groups may be so large, and the share of them that differ at most if they are.
_SAMPLE_ROWS, _MOST_DIFFERENT = 32768, 0.6
#: Tasks that rows are cut into, each with places of its own for all groups; rows of a task at least.
_TASKS, _LEAST_TASK = 4, 65536
#: Groups that one task finds values of.
_GROUPS = 64


@dataclass(frozen=True, eq=False)
class LargeGroups:
    """Rows by groups. numbers: each row's group. first: the first row of each."""

    numbers: Codes
    first: Positions
    run: Run
    _dealt: dict[tuple[Expression, Expression | None], tuple[EncodedColumn, Placed]] = field(default_factory=dict)

    def quantiles(self, columns: Mapping[int, EncodedColumn], call: AggregateCall) -> EncodedColumn:
        """A call's values, a group each; raises Unsupported as :mod:`locality.operators.aggregation.quantiles` does."""
        argument = call.args[0]
        assert isinstance(argument, ColumnRef)
        key = argument, call.filter
        if key not in self._dealt:
            self._dealt[key] = self._of(columns, argument, call.filter)
        column, placed = self._dealt[key]
        if call.name == "mad":
            return by_distance(column, call, placed, lambda values: self._placed(values, placed.counts))
        return QUANTILES[call.name](column, call, placed)

    def _of(
        self, columns: Mapping[int, EncodedColumn], argument: ColumnRef, condition: Expression | None
    ) -> tuple[EncodedColumn, Placed]:
        """The values that count, dealt out by group."""
        column = columns[argument.index]
        flat = without_runs(column) if column.encoding == "rle" else column
        flat = expand(flat) if flat.codes is None else flat
        if flat.codes is None or flat.codes.ndim != 1:
            raise Unsupported(f"selection of values of {column.type}")
        counted = _counted(columns, argument, condition)
        numbers = self.numbers if counted is None else np.where(counted, self.numbers, np.uint32(len(self.first)))
        values, counts = deal(numbers, flat.codes, len(self.first), self.run)
        return replace(flat, codes=values, validity=None), self._placed(values, counts)

    def _placed(self, values: Values, counts: Positions) -> Placed:
        """Values that lie by group, of which those asked for are put where sorting would put them."""
        starts = np.cumsum(counts) - counts

        def at(places: Sequence[Positions]) -> list[Positions]:
            asked = np.where(counts > 0, np.array(places), 0)

            def select(worker: int, groups: slice) -> None:
                for group in range(groups.start, groups.stop):
                    if counts[group]:
                        values[starts[group] : starts[group] + counts[group]].partition(np.unique(asked[:, group]))

            self.run(cut(len(counts), _GROUPS if len(counts) > _GROUPS else 1), select)
            return list(np.where(counts > 0, starts + asked, 0))

        return Placed(counts, at)


def deal(numbers: Codes, values: Values, groups: int, run: Run) -> tuple[Values, Positions]:
    """Values by their numbers, those with the number ``groups`` last; how many each number below that has."""
    tasks = cut(len(numbers), max(-(-len(numbers) // _TASKS), _LEAST_TASK))
    places = np.zeros((len(tasks), groups + 1), np.int64)
    dealt = np.empty_like(values)

    def count(worker: int, task: int) -> None:
        primitive("count_numbers")(numbers[tasks[task]], places[task])

    run(range(len(tasks)), count)
    counts = places.sum(axis=0)
    places = np.cumsum(counts) - counts + np.cumsum(places, axis=0) - places

    def move(worker: int, task: int) -> None:
        primitive("deal_values")(numbers[tasks[task]], values[tasks[task]], places[task], dealt)

    run(range(len(tasks)), move)
    return dealt, counts[:groups]


def large_groups(
    batch: Batch, keys: Sequence[int], owners: Sequence[Field], execution: Execution
) -> LargeGroups | None:
    """The rows by groups of ``keys``, whose fields are ``owners``; None if there may be so many that sorting pays."""
    rows = batch.row_count
    if not owners:
        return LargeGroups(np.zeros(rows, np.uint32), np.zeros(1, np.int64), execution.run)
    words = words_of(owners)
    if rows < _LARGE or _differ(words[0].read(np.arange(0, rows, max(rows // _SAMPLE_ROWS, 1)))):
        return None
    if len(words) == 1 and _LARGE << words[0].bits <= rows:
        codes = words[0].read(slice(0, rows)).view(np.int64)
        one_of_each = np.full(1 << words[0].bits, -1, np.int64)
        one_of_each[codes] = np.arange(rows)
        present = np.flatnonzero(one_of_each >= 0)
        return LargeGroups(_places(codes, present, len(one_of_each)), one_of_each[present], execution.run)
    codes = first_rows(batch, keys, execution)
    present = np.flatnonzero(codes == np.arange(rows))
    return LargeGroups(_places(codes, present, rows), present, execution.run) if _LARGE * len(present) <= rows else None


def _differ(sample: Words) -> bool:
    """Whether most of some rows are of different groups."""
    return len(np.unique(sample)) > _MOST_DIFFERENT * len(sample)


def _places(codes: Positions, present: Positions, size: int) -> Codes:
    """Each code, below ``size``, by its place among those that there are."""
    places = np.zeros(size, np.uint32)
    places[present] = np.arange(len(present))
    return places.take(codes)


def finds(call: AggregateCall) -> bool:
    """Whether a call asks for no more of a group than some places in the order of one of its columns."""
    return (call.name in QUANTILES or call.name == "mad") and isinstance(call.args[0], ColumnRef)


def _counted(columns: Mapping[int, EncodedColumn], argument: ColumnRef, condition: Expression | None) -> Mask | None:
    """The rows whose argument is not NULL and whose condition is true; None for all."""
    known = valid_rows(columns[argument.index])
    if condition is None:
        return known
    assert isinstance(condition, ColumnRef)
    flat, valid = expand(columns[condition.index]), valid_rows(columns[condition.index])
    assert flat.codes is not None
    holds: Mask = flat.codes != 0
    return holds & (True if valid is None else valid) & (True if known is None else known)
