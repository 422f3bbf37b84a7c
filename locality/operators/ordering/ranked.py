"""Rows at some places of an order, found without sorting the others.

Rows are counted by the upper bits of their keys, which tells in which few buckets the places lie: the rows of these
alone are sorted. It is the first step of selection by radix, and one step is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from locality.kernel.loader import primitive
from locality.operators.ordering.fields import Field, Words
from locality.operators.ordering.order import Positions, Run, cut, order_of
from locality.operators.ordering.words import Word, words_of

#: Buckets have 128 rows on average, as long as their counts fit the first-level cache, about.
_ROWS_BITS, _MOST_BITS = 7, 13
#: Tasks that rows are cut into, each with counts of its own; rows of a task at least.
_TASKS, _LEAST_TASK = 4, 65536
#: Rows whose keys are made at a time, in the second-level cache.
_CHUNK = 16384


@dataclass(frozen=True, eq=False)
class Ranked:
    """Rows by their keys, of which they are counted by the upper bits.

    fields: the keys. words: the first word of each, of so many ``bits``. shift: how many of these a bucket leaves out.
    ends: how many rows each bucket and those before it have, after a 0.
    """

    fields: Sequence[Field]
    words: Words
    bits: int
    shift: int
    ends: Positions

    def starts(self, bits: int) -> Positions:
        """How many rows come before each value of the first ``bits`` bits, which buckets tell apart; then all."""
        return self.ends[:: 1 << (self.bits - self.shift - bits)]

    def at(self, places: Positions, run: Run) -> Positions:
        """The rows that sorting would put at ``places``; equal ones keep their order."""
        buckets = np.searchsorted(self.ends, places, side="right") - 1
        wanted = np.zeros(len(self.ends) - 1, np.bool_)
        wanted[buckets] = True
        picked = self._rows(wanted, run)
        fields = [_of(field, picked) for field in self.fields]
        picked = picked[order_of(fields, len(picked), run).rows]
        sizes = np.where(wanted, np.diff(self.ends), 0)
        found: Positions = picked[(np.cumsum(sizes) - sizes)[buckets] + places - self.ends[buckets]]
        return found

    def _rows(self, wanted: npt.NDArray[np.bool_], run: Run) -> Positions:
        """The rows of the wanted buckets, ascending."""
        tasks = _tasks(len(self.words))
        parts: list[Positions] = [np.empty(0, np.int64)] * len(tasks)

        def pick(worker: int, task: int) -> None:
            words = self.words[tasks[task]]
            rows = np.empty(len(words), np.int64)
            parts[task] = rows[: primitive("pick_buckets")(words, self.shift, wanted, rows)] + tasks[task].start

        run(range(len(tasks)), pick)
        return np.concatenate(parts)


def ranked(fields: Sequence[Field], rows: int | Positions, leading: int, run: Run) -> Ranked:
    """So many rows, or some of them, by their fields, the most significant first.

    leading: how many bits of the first fields buckets tell apart at least.
    """
    if isinstance(rows, int):
        count = rows
    else:
        count, fields = len(rows), [_of(field, rows) for field in fields]
    word = next(iter(words_of(fields)), Word(()))
    told = min(max(count.bit_length() - _ROWS_BITS, leading), _MOST_BITS)
    shift = max(word.bits - told, 0)
    words = np.empty(count, np.uint64)
    tasks = _tasks(count)
    counts = np.zeros((len(tasks), 1 << (word.bits - shift)), np.int64)

    def fill(worker: int, task: int) -> None:
        for part in cut(tasks[task].stop, _CHUNK, tasks[task].start):
            words[part] = word.read(part)
            primitive("count_buckets")(words[part], 0, shift, counts[task])

    run(range(len(tasks)), fill)
    return Ranked(fields, words, word.bits, shift, np.append(0, np.cumsum(counts.sum(axis=0))))


def _tasks(rows: int) -> list[slice]:
    return cut(rows, max(-(-rows // _TASKS), _LEAST_TASK))


def _of(field: Field, rows: Positions) -> Field:
    """The field of some rows, by their places among these."""
    return replace(field, read=lambda places: field.read(rows[places]))
