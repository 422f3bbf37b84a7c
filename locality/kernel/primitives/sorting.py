"""Words of sort keys dealt out by their upper bits, so that each part can be sorted by itself, in the cache, by digits.

A word's bucket is ``(word - low) >> shift``; ``parts`` gives each bucket its part, in ascending order. (Radix
partitioning before sorting: Satish and others, "Fast Sort on CPUs and GPUs", SIGMOD 2010.)
"""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Bools, Bytes, Elements, Integer, Ints64, Words, Words32

_ONE = np.uint64(1)
_EIGHT = np.uint64(8)


@jit
def count_buckets(words: Words, low: Integer, shift: Integer, counts: Ints64) -> Integer:
    """Adds the number of words of each bucket to ``counts``; returns how many words there are."""
    least, by = np.uint64(low), np.uint64(shift)
    for i in range(len(words)):
        counts[(words[i] - least) >> by] += 1
    return len(words)


@jit
def count_numbers(numbers: Words32, counts: Ints64) -> Integer:
    """Adds how often each number comes to ``counts``; returns how many there are."""
    for i in range(len(numbers)):
        counts[np.uint64(numbers[i])] += 1
    return len(numbers)


@jit
def deal_values(numbers: Words32, values: Elements, places: Ints64, dealt: Elements) -> Integer:
    """Writes each value to ``dealt`` where its number has its next place, and moves that; values keep their order."""
    for i in range(len(numbers)):
        number = np.uint64(numbers[i])
        dealt[np.uint64(places[number])] = values[i]
        places[number] += 1
    return len(numbers)


@jit
def deal_words(
    words: Words,
    low: Integer,
    shift: Integer,
    parts: Elements,
    places: Ints64,
    first: Integer,
    dealt: Words,
    rows: Elements,
) -> Integer:
    """Writes each word to ``dealt`` where its part has its next place, and moves that; words keep their order.

    ``rows`` gets the words' rows, the first of which is ``first``, at the same places; it is empty if they are not
    wanted.
    """
    least, by = np.uint64(low), np.uint64(shift)
    wanted = len(rows) != 0
    for i in range(len(words)):
        part = parts[(words[i] - least) >> by]
        place = np.uint64(places[part])
        places[part] += 1
        dealt[place] = words[i]
        if wanted:
            rows[place] = first + i
    return len(words)


@jit
def deal_digits(words: Words, low: Integer, shift: Integer, places: Ints64, dealt: Words) -> Integer:
    """Writes words to ``dealt`` in the order of one digit of ``word - low``, those of equal digits in their own order.

    A digit is so many bits above the lowest ``shift`` that ``places`` has an entry for each value; these are scratch.
    """
    least, by, mask = np.uint64(low), np.uint64(shift), np.uint64(len(places) - 1)
    for digit in range(len(places)):
        places[digit] = 0
    for i in range(len(words)):
        places[((words[i] - least) >> by) & mask] += 1
    before = 0
    for digit in range(len(places)):
        count = places[digit]
        places[digit] = before
        before += count
    for i in range(len(words)):
        own = ((words[i] - least) >> by) & mask
        place = np.uint64(places[own])
        places[own] += 1
        dealt[place] = words[i]
    return len(words)


@jit
def text_words(data: Bytes, offsets: Ints64, rows: Ints64, at: Integer, words: Words) -> Integer:
    """Eight bytes of each row's string from byte ``at`` on, the first one highest; zeros behind the string's end."""
    size = len(data)
    for i in range(len(rows)):
        row = np.uint64(rows[i])
        start = offsets[row] + at
        length = min(max(offsets[row + _ONE] - start, 0), 8)
        word = np.uint64(0)
        if start + 8 <= size:  # one load, of which the bytes of other strings are taken away again
            first = np.uint64(start)
            for k in range(8):
                word = (word << _EIGHT) | np.uint64(data[first + np.uint64(k)])
            behind = _EIGHT * np.uint64(8 - length)
            words[i] = (word >> behind) << behind if length > 0 else np.uint64(0)
        else:
            for k in range(length):
                word |= np.uint64(data[np.uint64(start + k)]) << (_EIGHT * np.uint64(7 - k))
            words[i] = word
    return len(rows)


@jit
def keep_leading(groups: Words, keys: Words, most: Integer, least: Words, kept: Bools) -> Integer:
    """Marks the rows whose key is not above the ``most`` least ones that their group had before; returns how many.

    ``least``, shape (groups * most,): these keys, ascending for each group; the rows' own are entered.
    """
    count = 0
    for i in range(len(keys)):
        key = keys[i]
        first = groups[i] * np.uint64(most)
        at = first + np.uint64(most) - _ONE
        kept[i] = key <= least[at]
        if kept[i]:
            count += 1
            while at > first and least[at - _ONE] > key:
                least[at] = least[at - _ONE]
                at -= _ONE
            least[at] = key
    return count


@jit
def leading_rows(keys: Words, eligible: Bools, owners: Ints64, best: Ints64) -> Integer:
    """Writes to ``best[owners[i]]`` the first eligible row with the least key of its owner.

    ``best`` comes in as -1, which stays where there is none. Returns the number of eligible rows.
    """
    count = 0
    for row in range(len(keys)):
        if eligible[row]:
            count += 1
            owner = owners[row]
            held = best[owner]
            if held < 0 or keys[row] < keys[held]:
                best[owner] = row
    return count
