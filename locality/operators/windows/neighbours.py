"""Values of other rows: at a distance in the partition, or at a place in the frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from locality.encodings import EncodedColumn, concat, take
from locality.errors import Unsupported
from locality.operators.relations.relation import Positions
from locality.operators.windows.frames import Range, frames_of
from locality.operators.windows.inputs import Input, Mask
from locality.plan.expressions import Constant
from locality.plan.windows import WindowCall


@dataclass(frozen=True, eq=False)
class _Chosen:
    """The rows that count: ``rows`` are their positions, ``before`` says how many come before each position."""

    rows: Positions
    before: Positions

    def places(self, ranges: Sequence[Range], place: Positions) -> Positions:
        """The position of row number ``place`` (from 0) of those in the ranges; -1 where there is none."""
        found = np.full(len(place), -1, dtype=np.int64)
        left = place
        for each in ranges:
            low, high = self.before[each.begin], self.before[each.end]
            inside = (left >= 0) & (left < high - low)
            found = np.where(inside, self._at(low + left, inside), found)
            left = np.where(inside, -1, left - (high - low))
        return found

    def count(self, ranges: Sequence[Range]) -> Positions:
        """How many lie in the ranges of each row."""
        counts = self.before[ranges[0].end] - self.before[ranges[0].begin]
        for each in ranges[1:]:
            counts += self.before[each.end] - self.before[each.begin]
        return counts

    def beyond(self, position: Positions, distance: Positions) -> Positions:
        """The row so many places after each position, before it where negative, or -1; for 0 the position itself."""
        number = np.where(distance < 0, self.before[position] + distance, self.before[position + 1] - 1 + distance)
        inside = (number >= 0) & (number < len(self.rows))
        return np.where(distance == 0, position, np.where(inside, self._at(number, inside), -1))

    def _at(self, number: Positions, inside: Mask) -> Positions:
        if len(self.rows) == 0:
            return np.full(len(number), -1, dtype=np.int64)
        return self.rows[np.where(inside, number, 0)]


def _chosen(source: Input, counted: Mask | None) -> _Chosen:
    rows = source.ordered.rows
    if counted is None:
        return _Chosen(np.arange(rows, dtype=np.int64), np.arange(rows + 1, dtype=np.int64))
    return _Chosen(np.flatnonzero(counted), np.concatenate((np.zeros(1, np.int64), np.cumsum(counted))))


def _counted(source: Input, call: WindowCall, ignore_nulls: bool) -> Mask | None:
    known = source.valid(call.args[0]) if ignore_nulls else None
    if call.filter is None:
        return known
    passing = source.true(call.filter)
    return passing if known is None else known & passing


def _shifted(sign: int) -> Callable[[Input, WindowCall], EncodedColumn]:
    def shifted(source: Input, call: WindowCall) -> EncodedColumn:
        rows = source.ordered.rows
        distance = np.full(rows, sign, dtype=np.int64)
        if len(call.args) > 1:
            offsets, valid = source.numbers(call.args[1])
            if valid is not None:
                raise Unsupported(f"{call.name} by NULL")
            distance = sign * np.clip(offsets, -rows - 1, rows + 1).astype(np.int64)
        chosen = _chosen(source, _counted(source, call, call.ignore_nulls))
        found = chosen.beyond(source.ordered.position, distance)
        partitions = source.ordered.partitions
        found = np.where((found >= partitions.first) & (found < partitions.after), found, -1)
        if len(call.args) < 3 or call.args[2] == Constant(None, call.args[2].type):
            return source.gathered(call.args[0], found)
        return _or_default(source, call, found)

    return shifted


def _or_default(source: Input, call: WindowCall, found: Positions) -> EncodedColumn:
    value, default = call.args[0], call.args[2]
    if default.type != value.type:
        raise Unsupported(f"{call.name} of {value.type} or {default.type}")
    rows, position = source.ordered.rows, source.ordered.position
    both = concat([source.column(value), source.column(default)])
    return take(both, np.where(found >= 0, found, rows + position))


def _placed(
    place: Callable[[Input, WindowCall, Positions], Positions], ignore_nulls: bool = False
) -> Callable[[Input, WindowCall], EncodedColumn]:
    """The value at a place in the frame, which is told by how many rows of it count."""

    def placed(source: Input, call: WindowCall) -> EncodedColumn:
        ranges = frames_of(source, call)
        chosen = _chosen(source, _counted(source, call, ignore_nulls or call.ignore_nulls))
        return source.gathered(call.args[0], chosen.places(ranges, place(source, call, chosen.count(ranges))))

    return placed


def _first(source: Input, call: WindowCall, count: Positions) -> Positions:
    return np.zeros_like(count)


def _last(source: Input, call: WindowCall, count: Positions) -> Positions:
    return count - 1


def _nth(source: Input, call: WindowCall, count: Positions) -> Positions:
    numbers, valid = source.numbers(call.args[1])
    place = np.minimum(numbers, source.ordered.rows + 1).astype(np.int64) - 1
    return place if valid is None else np.where(valid, place, -1)


NEIGHBOURS: Mapping[str, Callable[[Input, WindowCall], EncodedColumn]] = {
    "lag": _shifted(-1),
    "lead": _shifted(1),
    "first_value": _placed(_first),
    "last_value": _placed(_last),
    "nth_value": _placed(_nth),
    "first": _placed(_first),
    "last": _placed(_last),
    "any_value": _placed(_first, ignore_nulls=True),
}
"""Each function's column in the window's order, by DuckDB's name."""
