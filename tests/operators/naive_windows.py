"""Window functions by the book: every row looks at all rows of its partition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from locality.plan.expressions import AggregateCall, Expression, SortKey
from locality.plan.windows import Bound, WindowCall
from tests.operators.naive_joins import Row, Rows

#: The value of an expression at a row.
Value = Callable[[Expression, Row], Any]
#: Which of two rows comes first by some keys: negative, 0 or positive.
Compare = Callable[[Sequence[SortKey], Row, Row], int]
#: An aggregate over rows.
Total = Callable[[AggregateCall, Rows], Any]


class Windows:
    """One call over all rows, by functions of the evaluator of plans."""

    def __init__(self, call: WindowCall, rows: Rows, value: Value, compare: Compare, total: Total) -> None:
        self._call, self._rows, self._value, self._compare, self._total = call, rows, value, compare, total
        self._owners = tuple(SortKey(e) for e in call.partitions)

    def at(self, number: int) -> Any:
        """The call's value for the row with this number."""
        row = self._rows[number]
        members = [i for i, other in enumerate(self._rows) if self._compare(self._owners, row, other) == 0]
        members = self._sorted(members)
        here = members.index(number)
        peers = [k for k, i in enumerate(members) if self._compare(self._call.keys, row, self._rows[i]) == 0]
        return self._function([self._rows[i] for i in members], here, peers)

    def _sorted(self, members: list[int]) -> list[int]:
        ordered: list[int] = []
        for i in members:
            after = [k for k, j in enumerate(ordered) if self._order(self._rows[i], self._rows[j]) < 0]
            ordered.insert(after[0] if after else len(ordered), i)
        return ordered

    def _order(self, left: Row, right: Row) -> int:
        return self._compare(self._call.keys, left, right)

    def _function(self, rows: Rows, here: int, peers: list[int]) -> Any:
        call = self._call
        args = [self._value(arg, rows[here]) for arg in call.args]
        groups = 1 + sum(self._order(rows[k], rows[k + 1]) != 0 for k in range(peers[0]))
        match call.name:
            case "row_number":
                return here + 1
            case "rank":
                return peers[0] + 1
            case "dense_rank":
                return groups
            case "percent_rank":
                return peers[0] / (len(rows) - 1) if len(rows) > 1 else 0.0
            case "cume_dist":
                return (peers[-1] + 1) / len(rows)
            case "ntile":
                sizes = [len(rows) // args[0] + (k < len(rows) % args[0]) for k in range(args[0])]
                return next(k + 1 for k in range(args[0]) if here < sum(sizes[: k + 1]))
            case "lag" | "lead":
                return self._neighbour(rows, here, args)
        frame = self._frame(rows, here, peers)
        if call.filter is not None:
            frame = [k for k in frame if self._value(call.filter, rows[k]) is True]
        if call.name not in ("first_value", "last_value", "nth_value"):
            return self._total(AggregateCall(call.name, call.args, call.type), [rows[k] for k in frame])
        values = [self._value(call.args[0], rows[k]) for k in frame]
        if call.ignore_nulls:
            values = [item for item in values if item is not None]
        place = {"first_value": 1, "last_value": len(values)}.get(call.name) or args[-1]
        return values[place - 1] if values and 0 < place <= len(values) else None

    def _neighbour(self, rows: Rows, here: int, args: list[Any]) -> Any:
        values = [self._value(self._call.args[0], row) for row in rows]
        distance = (args[1] if len(args) > 1 else 1) * (1 if self._call.name == "lead" else -1)
        step = 1 if distance > 0 else -1
        while distance:
            here += step
            if not 0 <= here < len(rows):
                return args[2] if len(args) > 2 else None
            if not (self._call.ignore_nulls and values[here] is None):
                distance -= step
        return values[here]

    def _frame(self, rows: Rows, here: int, peers: list[int]) -> list[int]:
        start, end = self._call.frame.start, self._call.frame.end
        inside = [
            k
            for k in range(len(rows))
            if self._not_before(rows, here, peers, k, start) and self._not_after(rows, here, peers, k, end)
        ]
        excluded = {"no others": [], "current row": [here], "group": peers, "ties": [k for k in peers if k != here]}
        return [k for k in inside if k not in excluded[self._call.exclude]]

    def _not_before(self, rows: Rows, here: int, peers: list[int], k: int, bound: Bound) -> bool:
        return bound.kind == "unbounded preceding" or self._distance(rows, here, peers, k, bound) >= 0

    def _not_after(self, rows: Rows, here: int, peers: list[int], k: int, bound: Bound) -> bool:
        return bound.kind == "unbounded following" or self._distance(rows, here, peers, k, bound) <= 0

    def _distance(self, rows: Rows, here: int, peers: list[int], k: int, bound: Bound) -> int:
        """How far row ``k`` lies behind the bound: in rows or groups, or by its key's sign."""
        offset = 0 if bound.offset is None else self._value(bound.offset, rows[here])
        unit = self._call.frame.unit
        if unit == "range" and offset is not None and bound.offset is not None:
            return self._behind_value(rows, here, peers, k, offset)
        if unit == "rows":
            return k - here - (offset if bound.kind == "following" else -offset)
        groups = 0 if k in peers else self._groups_between(rows, here, k)
        return groups - (0 if unit == "range" else offset if bound.kind == "following" else -offset)

    def _behind_value(self, rows: Rows, here: int, peers: list[int], k: int, limit: Any) -> int:
        (key,) = self._call.keys
        mine, theirs = self._value(key.expression, rows[here]), self._value(key.expression, rows[k])
        if mine is None or theirs is None:
            return 0 if k in peers else k - here
        return (theirs > limit) - (theirs < limit) if not key.descending else (theirs < limit) - (theirs > limit)

    def _groups_between(self, rows: Rows, here: int, k: int) -> int:
        low, high = min(here, k), max(here, k)
        changes = sum(self._order(rows[i], rows[i + 1]) != 0 for i in range(low, high))
        return changes if k > here else -changes
