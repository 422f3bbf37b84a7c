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
def hash_words(words: Ints64, first: Integer, stride: Integer, count: Integer) -> Integer:
    """A hash (int64) of ``count`` words at ``first``, ``first + stride``, ..."""
    value = np.uint64(0)
    for w in range(count):
        value = mix(np.uint64(words[first + w * stride]) ^ (value * _MULTIPLIER))
    return np.int64(value)


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
    """
    words = stored.shape[1]
    stride = len(keys) // words
    mask = np.int64(len(slots) // 2 - 1)
    count = state[0]
    for i in range(n):
        tag = keys[i] if words == 1 else hash_words(keys, i, stride, words)
        slot = np.int64(mix(tag)) & mask
        while True:
            group = slots[2 * slot + 1] - 1
            if group < 0:
                slots[2 * slot] = tag
                slots[2 * slot + 1] = count + 1
                for w in range(words):
                    stored[count, w] = keys[w * stride + i]
                group = count
                count += 1
                break
            if slots[2 * slot] == tag:
                w = words if words == 1 else 0
                while w < words and stored[group, w] == keys[w * stride + i]:
                    w += 1
                if w == words:
                    break
            slot = (slot + 1) & mask
        groups[i] = group
    state[0] = count
    return count


@jit
def fill_slots(stored: Elements, count: Integer, slots: Ints64) -> Integer:
    """Enters the first ``count`` stored keys, which are distinct, into empty ``slots``; returns ``count``.

    This is how a table is made larger: longer ``slots`` of zeros, and ``stored`` copied into a longer array.
    """
    words = stored.shape[1]
    flat = stored.reshape(stored.size)
    mask = np.int64(len(slots) // 2 - 1)
    for group in range(count):
        tag = flat[group] if words == 1 else hash_words(flat, group * words, 1, words)
        slot = np.int64(mix(tag)) & mask
        while slots[2 * slot + 1] != 0:
            slot = (slot + 1) & mask
        slots[2 * slot] = tag
        slots[2 * slot + 1] = group + 1
    return count
