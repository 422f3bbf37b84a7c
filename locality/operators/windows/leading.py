"""The first rows of each partition: where a filter keeps low row numbers or ranks alone, few rows need to be sorted.

A pass over the rows keeps the least keys of each partition so far, and drops what comes after all of them. Rows that
tie with the last one stay, so that numbers and ranks of what a filter keeps are those among all rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from locality.kernel.loader import primitive
from locality.operators.ordering.fields import Field
from locality.operators.ordering.order import cut
from locality.operators.ordering.words import Word, words_of
from locality.operators.physical import Execution
from locality.operators.relations.relation import Positions
from locality.plan.expressions import Call, ColumnRef, Constant, Expression
from locality.plan.windows import WindowCall

#: Functions that number a row by those before it alone.
_NUMBERS = frozenset({"row_number", "rank"})
_MOST_ROWS = 16
#: Least keys that a worker keeps: they should stay in the cache.
_MOST_KEYS = 1 << 20
_TASK_ROWS = 65536
_NONE = np.uint64(2**64 - 1)


def wanted_rows(calls: Sequence[WindowCall], conjuncts: Sequence[Expression], width: int) -> int | None:
    """How many rows of each partition at most the conjuncts let through; None if they don't say, or too many.

    width: the columns before those of the calls.
    """
    orders = {(call.partitions, call.keys) for call in calls}
    if len(orders) > 1 or not calls[0].keys or any(call.name not in _NUMBERS for call in calls):
        return None
    limits = [limit for conjunct in conjuncts if (limit := _limit(conjunct, width)) is not None]
    most = max(min(limits, default=_MOST_ROWS + 1), 1)
    return most if most <= _MOST_ROWS else None


def _limit(conjunct: Expression, width: int) -> int | None:
    """The greatest number that a conjunct lets through."""
    match conjunct:
        case Call("<=" | "=", (ColumnRef(index), Constant(int(value)))) if index >= width:
            return value
        case Call("<", (ColumnRef(index), Constant(int(value)))) if index >= width:
            return value - 1
        case Call(">=" | "=", (Constant(int(value)), ColumnRef(index))) if index >= width:
            return value
        case Call(">", (Constant(int(value)), ColumnRef(index))) if index >= width:
            return value - 1
        case _:
            return None


def leading_rows(
    owners: Sequence[Field], within: Sequence[Field], rows: int, most: int, execution: Execution
) -> Positions | None:
    """The rows, ascending, that may be among the first ``most`` of their partition; None where it is not worth it."""
    groups, keys = words_of(owners), words_of(within)
    partitions = 2 ** groups[0].bits if groups else 1
    if not keys or len(groups) > 1 or partitions * most > min(_MOST_KEYS, rows // 2):
        return None
    group = groups[0] if groups else Word(())
    least: dict[int, npt.NDArray[np.uint64]] = {}
    parts: dict[int, Positions] = {}
    execution.reserve(8 * partitions * most * execution.threads, "the first rows of partitions")

    def keep(worker: int, part: slice) -> None:
        if worker not in least:
            least[worker] = np.full(partitions * most, _NONE)
        kept = np.empty(part.stop - part.start, np.bool_)
        primitive("keep_leading")(group.read(part), keys[0].read(part), most, least[worker], kept)
        parts[part.start] = np.flatnonzero(kept) + part.start

    execution.run(cut(rows, _TASK_ROWS), keep)
    near = np.concatenate([parts[start] for start in sorted(parts)])
    joined = np.concatenate([each.reshape(partitions, most) for each in least.values()], axis=1)
    bound = np.partition(joined, most - 1, axis=1)[:, most - 1]
    inside: npt.NDArray[np.bool_] = keys[0].read(near) <= bound.take(group.read(near).astype(np.int64))
    return near[inside]
