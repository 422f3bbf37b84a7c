"""A hash table that numbers distinct keys: the groups of a GROUP BY, in the order in which they come.

A key is k 64-bit words. The table is three arrays, owned by the caller, so that it can be made larger between blocks:

- ``slots``, shape (2 * m,) with m a power of two: pairs of a tag and a group number plus 1; 0 means empty. The tag is
  the key itself if k is 1, else its hash. Probing is linear.
- ``stored``, shape (capacity, k): the keys by group number. ``capacity`` is at most half of m, so probes stay short.
- ``state``, shape (2,): how many groups there are, and the first row that was turned away (see :func:`has_room`).

A block's keys lie word by word: word ``w`` of row ``i`` at ``keys[w * (len(keys) // k) + i]``.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Boolean, Elements, Integer, Ints64

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)


@jit
def mix(value: Integer) -> Integer:
    """A 64-bit hash (uint64) whose low bits depend on every bit of ``value``."""
    word = np.uint64(value)
    word = (word ^ (word >> _SHIFT)) * _SECOND
    word = (word ^ (word >> _SHIFT)) * _SECOND
    return word ^ (word >> _SHIFT)


@jit
def combine(value: Integer, word: Integer) -> Integer:
    """A hash (int64) of one more word, after those that ``value`` is the hash of; 0 begins."""
    mixed = np.uint64(value ^ word) * _MULTIPLIER
    return np.int64(mixed ^ (mixed >> _SHIFT))


@jit
def hash_words(words: Ints64, first: Integer, count: Integer) -> Integer:
    """A hash (int64) of ``words[first : first + count]``."""
    value = np.int64(0)
    for w in range(count):
        value = combine(value, words[first + w])
    return value


@jit
def has_room(slots: Ints64, stored: Elements, state: Ints64, n: Integer, row: Integer) -> Boolean:
    """Whether ``n`` rows from ``row`` may be numbered: there is room even if all their keys are new.

    If not, or if an earlier block was turned away, ``state[1]`` is lowered to ``row``: the caller makes the table
    larger and goes on there. ``state[1]`` starts as the greatest 64-bit integer.
    """
    if state[1] > row and state[0] + n <= min(stored.shape[0], len(slots) // 4):
        return True
    state[1] = min(state[1], row)
    return False


@jit
def number_groups(
    keys: Ints64, n: Integer, slots: Ints64, stored: Elements, state: Ints64, groups: Elements
) -> Integer:
    """Writes the group numbers of a block's first ``n`` keys to ``groups``; new keys get new numbers.

    There must be room for ``n`` groups (:func:`has_room`). Returns the number of groups.

    The work goes in stages over the whole block, so that misses of the cache overlap: hashes first, then a guess at
    each row's group from where its probing begins, and only then the branches that settle it.
    """
    words = stored.shape[1]
    stride = len(keys) // words
    mask = np.int64(len(slots) // 2 - 1)
    tags = np.zeros(n, np.int64)
    homes = np.empty(n, np.int64)
    guesses = np.empty(n, np.int64)
    guess_groups(keys, n, slots, stored, tags, homes, guesses)
    count = state[0]
    for i in range(n):
        tag = tags[i]
        slot = homes[i]
        group = guesses[i]
        while group < 0 or slots[2 * slot] != tag or not has_key(stored, group, keys, stride, i):
            if group >= 0:
                slot = (slot + 1) & mask
            group = slots[2 * slot + 1] - 1
            if group < 0:
                slots[2 * slot] = tag
                slots[2 * slot + 1] = count + 1
                for w in range(words):
                    stored[count, w] = keys[w * stride + i]
                group = count
                count += 1
                break
        groups[i] = group
    state[0] = count
    return count


@jit
def guess_groups(
    keys: Ints64, n: Integer, slots: Ints64, stored: Elements, tags: Ints64, homes: Ints64, guesses: Ints64
) -> Integer:
    """The tag of each row's key, the slot where its probing begins, and the group in that slot; -1 if it was empty.

    It also touches the stored keys of the groups, which the caller will compare with. ``tags`` come in as zeros.
    """
    words = stored.shape[1]
    stride = len(keys) // words
    mask = np.int64(len(slots) // 2 - 1)
    if words == 1:
        for i in range(n):
            tags[i] = keys[i]
    else:
        for w in range(words):
            column = keys[w * stride : w * stride + n]
            for i in range(n):
                tags[i] = combine(tags[i], column[i])
    for i in range(n):
        homes[i] = np.int64(mix(tags[i])) & mask
    for i in range(n):
        guesses[i] = slots[np.uint64(2 * homes[i] + 1)] - 1
    differing = 0
    if words > 1:
        for i in range(n):
            differing += stored[np.uint64(max(guesses[i], 0)), 0] != keys[i]
    return differing


@jit
def has_key(stored: Elements, group: Integer, keys: Ints64, stride: Integer, i: Integer) -> Boolean:
    """Whether a group's key is that of row ``i``. A key of one word is its own tag, and was compared as such."""
    words = stored.shape[1]
    w = 0 if words > 1 else 1
    while w < words and stored[group, w] == keys[w * stride + i]:
        w += 1
    return w == words


@jit
def fill_slots(stored: Elements, count: Integer, slots: Ints64) -> Integer:
    """Enters the first ``count`` stored keys, which are distinct, into empty ``slots``; returns ``count``.

    This is how a table is made larger: longer ``slots`` of zeros, and ``stored`` copied into a longer array.
    """
    words = stored.shape[1]
    flat = stored.reshape(stored.size)
    mask = np.int64(len(slots) // 2 - 1)
    for group in range(count):
        tag = flat[group] if words == 1 else hash_words(flat, group * words, words)
        slot = np.int64(mix(tag)) & mask
        while slots[2 * slot + 1] != 0:
            slot = (slot + 1) & mask
        slots[2 * slot] = tag
        slots[2 * slot + 1] = group + 1
    return count
