"""The order of rows by words: dealt out by their upper bits, then sorted part by part, several parts side by side.

Where a row's number fits beside its key, both are one word, and sorting these needs nothing else. Otherwise as many
bits of the key as fit beside the place in a part are sorted at a time, and the next ones only for rows that are still
tied: raw text is read only as far as it has to be.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from locality.kernel.loader import primitive
from locality.operators.ordering.digits import sort_words
from locality.operators.ordering.fields import Field, Words
from locality.operators.ordering.words import WORD_BITS, Word, words_of

Positions = npt.NDArray[np.int64]
Item = TypeVar("Item")

#: Bytes that a row takes while it is sorted: its word twice, its number, its place in the order.
SORT_BYTES = 28
#: Rows of a part: its words and rows stay in the second-level cache while it is sorted.
PART_ROWS = 65536
#: Words of all rows up to which they are sorted at once: what dealing them out and settling ties by turns has to think
#: of takes longer than that.
_FEW_WORDS = 2048
#: Tasks that rows are cut into where each needs counters of its own, and rows of a task at least.
_TASKS = 16
_LEAST_TASK = 32768
#: Keys at least, and for each that is wanted, of which the first ones tell where those of all end at the latest.
_SAMPLE, _SAMPLED = 4096, 16
#: Upper bits by which rows are dealt out.
_BUCKET_BITS = 12


class Run(Protocol):
    """Calls ``work(worker, item)`` for every item, maybe several at a time."""

    def __call__(self, items: Sequence[Item], work: Callable[[int, Item], Any], /) -> None: ...


def in_turn(items: Sequence[Item], work: Callable[[int, Item], Any]) -> None:
    """One after the other, for callers without workers."""
    for item in items:
        work(0, item)


@dataclass(frozen=True, eq=False)
class Order:
    """Rows in order, those with equal keys in their own.

    keys: a word for each of them, so many ``row_bits`` after the last of the leading ``key_bits`` bits of its fields;
    bits that are missing above are the same in all rows. None if no word tells rows apart.
    """

    rows: Positions
    keys: Words | None = None
    key_bits: int = 0
    row_bits: int = 0

    def at(self, rows: slice) -> Order:
        """Some rows that follow one another."""
        return replace(self, rows=self.rows[rows], keys=None if self.keys is None else self.keys[rows])


def order_of(fields: Sequence[Field], rows: int, run: Run = in_turn, first: int | None = None) -> Order:
    """The order of ``rows`` rows by the fields, the most significant first; of the ``first`` rows only, if given."""
    words = words_of(fields)
    if rows <= 1 or not words:
        return Order(np.arange(rows if first is None else min(rows, first), dtype=np.int64))
    if rows * len(words) <= _FEW_WORDS:
        return Order(np.lexsort([word.read(slice(0, rows)) for word in reversed(words)])).at(slice(first))
    row_bits = (rows - 1).bit_length()
    is_whole = len(words) == 1 and words[0].bits + row_bits <= WORD_BITS
    keys, low, high, ascending = _filled(words[0], rows, row_bits if is_whole else 0, run)
    if low == high and len(words) > 1:
        order = order_of([Field(word.bits, word.read) for word in words[1:]], rows, run, first)
        return replace(order, key_bits=words[0].bits + order.key_bits)
    if first is not None and 0 < 4 * first < rows:
        return Order(_first_rows(words, keys, first))
    row_bits = row_bits if is_whole else 0
    if ascending and len(words) == 1:
        return Order(np.arange(rows, dtype=np.int64), keys, words[0].bits, row_bits).at(slice(first))
    sort = _with_rows(row_bits, run) if is_whole else _apart(words[1:], run)
    ordered, keys = sort(keys, low, high)
    return Order(ordered, keys, words[0].bits, row_bits).at(slice(first))


#: Sorts words, of which the least and the greatest are given: their rows and the words in order.
_Sort = Callable[[Words, int, int], tuple[Positions, Words]]


def _with_rows(row_bits: int, run: Run) -> _Sort:
    """For words that end with their row's number."""

    def sort(keys: Words, low: int, high: int) -> tuple[Positions, Words]:
        keys, parts, _ = _dealt(keys, low, high, False, run)
        rows = np.empty(len(keys), np.int64)
        mask = np.uint64(2**row_bits - 1)

        def sort_part(worker: int, part: slice) -> None:
            sort_words(keys[part], row_bits)
            np.bitwise_and(keys[part], mask, out=rows[part].view(np.uint64))

        run(parts, sort_part)
        return rows, keys

    return sort


def _apart(rest: Sequence[Word], run: Run) -> _Sort:
    """For words beside their rows' numbers; ties are settled by the ``rest`` of the words."""

    def sort(keys: Words, low: int, high: int) -> tuple[Positions, Words]:
        keys, parts, own = _dealt(keys, low, high, True, run)
        rows = np.empty(len(keys), np.int64)

        def sort_part(worker: int, part: slice) -> None:
            words, here = keys[part], own[part]
            places = _sorted_places(words, rest, here)
            rows[part] = here.take(places)
            keys[part] = words.take(places)

        run(parts, sort_part)
        return rows, keys

    return sort


def near_rows(fields: Sequence[Field], rows: int, first: int) -> Positions:
    """The rows that the leading word alone does not put after the ``first`` ones, ascending; ``first`` is positive."""
    words = words_of(fields)
    if not words:
        return np.arange(rows, dtype=np.int64)
    return _near(words[0].read(slice(0, rows)), first)


def _near(keys: Words, first: int) -> Positions:
    """The rows of the ``first`` least keys and of those equal to the last of these; a sample leaves out most others."""
    sample = keys[:: max(len(keys) // max(_SAMPLE, _SAMPLED * first), 1)]
    near = np.flatnonzero(keys <= np.partition(sample, first - 1)[first - 1])
    if len(sample) == len(keys):
        return near
    left = keys.take(near)
    return near[left <= np.partition(left, first - 1)[first - 1]]


def _filled(word: Word, rows: int, row_bits: int, run: Run) -> tuple[Words, int, int, bool]:
    """A word a row, with the row's number in so many bits after it; the least, the greatest, whether they ascend."""
    keys = np.empty(rows, np.uint64)
    bounds: list[tuple[int, int, bool]] = []

    def fill(worker: int, part: slice) -> None:
        words = word.read(part)
        if row_bits:
            words <<= np.uint64(row_bits)
            words |= np.arange(part.start, part.stop, dtype=np.uint64)
        keys[part] = words
        bounds.append((int(words.min()), int(words.max()), bool((words[1:] >= words[:-1]).all())))

    parts = cut(rows, PART_ROWS)
    run(parts, fill)
    starts = np.array([part.start for part in parts[1:]], np.int64)
    ascending = all(each[2] for each in bounds) and bool((keys[starts] >= keys[starts - 1]).all())
    return keys, min(each[0] for each in bounds), max(each[1] for each in bounds), ascending


def _dealt(keys: Words, low: int, high: int, with_rows: bool, run: Run) -> tuple[Words, list[slice], npt.NDArray[Any]]:
    """The keys part by part, each of which comes before the next one's, and their rows if wanted."""
    rows = len(keys)
    if rows <= 2 * PART_ROWS:
        return keys, [slice(0, rows)], np.arange(rows if with_rows else 0, dtype=_row_type(rows))
    shift = max((high - low).bit_length() - _BUCKET_BITS, 0)
    buckets = ((high - low) >> shift) + 1
    tasks = cut(rows, max(-(-rows // _TASKS), _LEAST_TASK))
    counts = np.zeros((len(tasks), buckets), np.int64)
    least = np.array([low], np.uint64).view(np.int64)[0]

    def count(worker: int, task: int) -> None:
        primitive("count_buckets")(keys[tasks[task]], least, shift, counts[task])

    run(range(len(tasks)), count)
    ends = np.cumsum(counts.sum(axis=0))
    part_of = (np.append(0, ends[:-1]) // PART_ROWS).astype(np.int64)
    begins = np.flatnonzero(np.diff(part_of, prepend=-1))
    part_of = np.cumsum(np.diff(part_of, prepend=part_of[0]) > 0)
    sizes = np.add.reduceat(counts, begins, axis=1)
    edges = np.cumsum([0, *sizes.sum(axis=0)])
    places = edges[:-1] + np.cumsum(sizes, axis=0) - sizes
    dealt, own = np.empty(rows, np.uint64), np.empty(rows if with_rows else 0, _row_type(rows))

    def deal(worker: int, task: int) -> None:
        part = tasks[task]
        primitive("deal_words")(keys[part], least, shift, part_of, places[task], part.start, dealt, own)

    run(range(len(tasks)), deal)
    return dealt, [slice(start, stop) for start, stop in itertools.pairwise(edges) if stop > start], own


def _row_type(rows: int) -> type[np.int32 | np.int64]:
    return np.int32 if rows < 2**31 else np.int64


def cut(rows: int, step: int, first: int = 0) -> list[slice]:
    """Rows from ``first`` on in parts of at most ``step``."""
    return [slice(start, min(start + step, rows)) for start in range(first, rows, step)]


def _first_rows(words: Sequence[Word], keys: Words, first: int) -> Positions:
    """The ``first`` rows in order, by sorting those alone that may be among them."""
    near = _near(keys, first)
    places = _sorted_places(keys.take(near), words[1:], near)
    return near.take(places[:first])


def _sorted_places(lead: Words, rest: Sequence[Word], rows: npt.NDArray[Any]) -> Positions:
    """The stable order of ``rows``, as places among these, by ``lead`` and then by the other words.

    Each round sorts words of: the run of equal rows that a row is in, the next bits of its key, its place.
    """
    order: Positions | None = None
    tied, runs, run_bits = np.empty(0, np.int64), np.zeros(1, np.uint64), 0
    for word in (None, *rest):
        chosen = rows if order is None else rows.take(order.take(tied))
        values = lead if word is None else word.read(chosen.astype(np.int64))
        values = values - values.min()
        left = int(values.max()).bit_length()
        while left:
            place_bits = (len(values) - 1).bit_length()
            taken = min(left, WORD_BITS - run_bits - place_bits)
            left -= taken
            packed = values >> np.uint64(left)
            if run_bits:
                packed |= runs << np.uint64(taken)
            packed <<= np.uint64(place_bits)
            packed |= np.arange(len(values), dtype=np.uint64)
            sort_words(packed, place_bits)
            places = (packed & np.uint64(2**place_bits - 1)).view(np.int64)
            packed >>= np.uint64(place_bits)
            begins = np.concatenate(([True], packed[1:] != packed[:-1], [True]))
            still = np.flatnonzero(~(begins[:-1] & begins[1:]))
            if order is None:
                order, tied = places, still
            else:
                order[tied] = order.take(tied).take(places)
                tied = tied.take(still)
            if not len(tied):
                return order
            runs = np.cumsum(begins.take(still)).astype(np.uint64)
            run_bits = int(runs[-1]).bit_length()
            values = values.take(places.take(still)) & np.uint64(2**left - 1)
    return np.arange(len(rows)) if order is None else order


def changes(order: Order, fields: Sequence[Field], run: Run = in_turn) -> npt.NDArray[np.bool_]:
    """Which rows, in order, differ from the one before them in ``fields``, the leading ones; the first does."""
    begins = np.ones(len(order.rows), np.bool_)
    bits = sum(field.bits for field in fields)
    shift = max(order.key_bits - bits, 0) + order.row_bits
    others = [field for k, field in enumerate(fields, 1) if sum(f.bits for f in fields[:k]) > order.key_bits]

    def compare(worker: int, part: slice) -> None:
        after = slice(max(part.start, 1), part.stop)
        before = slice(after.start - 1, after.stop - 1)
        differs = begins[after]
        if order.keys is None or shift >= WORD_BITS:
            differs[:] = False
        else:
            by = np.uint64(shift)
            np.not_equal(order.keys[after] >> by, order.keys[before] >> by, out=differs)
        if others:
            alike = np.flatnonzero(~differs)
            differs[alike] = ~_equal(others, order.rows[after][alike], order.rows[before][alike])

    run(cut(len(begins), PART_ROWS), compare)
    return begins


def _equal(fields: Sequence[Field], left: Positions, right: Positions) -> npt.NDArray[np.bool_]:
    """Which pairs of rows agree in all fields; later ones are read where earlier ones agree."""
    equal = np.arange(len(left), dtype=np.int64)
    for field in fields:
        equal = equal[field.read(left[equal]) == field.read(right[equal])]
    result = np.zeros(len(left), np.bool_)
    result[equal] = True
    return result
