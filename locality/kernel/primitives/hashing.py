"""A hash table that numbers distinct keys, the groups of a GROUP BY, and writes groups out by the hash of their keys.

A key is k 64-bit words. The table is three arrays, owned by the caller, so that it can be made larger:

- ``slots``, a power of two of them: a group's number plus 1; 0 means empty. Probing is linear.
- ``stored``, shape (capacity, k): the keys by group number. ``capacity`` is at most half of the slots.
- ``header``: the number of groups; the rows numbered so far; whether rows are kept apart (each is a group of its own,
  without a look at the table); the stride of keys.

Keys lie word by word: word ``w`` of row ``i`` at ``keys[w * stride + i]``.

A table that fits the cache and gets full is flushed: its groups, with their cells, are appended to ``records``, ordered
by the upper bits of their keys' hashes (radix partitioning). Groups of equal keys are then in equal partitions, each of
which is merged by itself in a table that fits the cache again. Where most rows are groups of their own, probing is a
waste, and rows are kept apart.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .types import Boolean, Elements, Floats, Integer, Ints64, Ints64Rows, Words32

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_ONE = np.uint64(1)
_NEXT = np.int64(1)

GROUPS, ROWS, APART, STRIDE = range(4)


@jit
def mix(word: Integer) -> Integer:
    """A hash (uint64) of a uint64; all of its bits depend on every bit of the word."""
    word = word * _MULTIPLIER
    word = (word ^ (word >> _SHIFT)) * _SECOND
    return word ^ (word >> _SHIFT)


@jit
def hash_key(keys: Ints64, first: Integer, stride: Integer, words: Integer) -> Integer:
    """A hash (uint64) of the key that begins at ``keys[first]``; all of its bits depend on every bit of the key."""
    value = mix(np.uint64(keys[np.uint64(first)]))
    for w in range(1, words):
        value = mix(value ^ np.uint64(keys[np.uint64(first + w * stride)]))
    return value


@jit
def has_rest(stored: Ints64, at: Integer, keys: Ints64, first: Integer, stride: Integer, words: Integer) -> Boolean:
    """Whether the words from the second on are those of the key that begins at ``stored[at]``."""
    w = 1
    while w < words and stored[np.uint64(at + w)] == keys[np.uint64(first + w * stride)]:
        w += 1
    return w == words


@jit
def number_groups(
    keys: Ints64, n: Integer, slots: Words32, stored: Ints64Rows, header: Ints64, groups: Elements
) -> Integer:
    """Writes the group numbers of the first ``n`` rows to ``groups``; new keys get new numbers.

    There must be room for ``n`` more groups. Returns the number of groups.
    """
    words = stored.shape[1]
    stride = header[STRIDE]
    flat = stored.reshape(stored.size)
    mask = np.uint64(len(slots) - 1)
    count = header[GROUPS]
    header[ROWS] += n
    if header[APART]:
        for w in range(words):
            for i in range(n):
                flat[np.uint64((count + i) * words + w)] = keys[np.uint64(w * stride + i)]
        for i in range(n):
            groups[i] = count + i
        header[GROUPS] = count + n
        return count + n
    for i in range(n):  # apart from the probes, so that neither waits for the other
        groups[i] = np.int64(hash_key(keys, i, stride, words) & mask)
    for i in range(n):
        slot = np.uint64(groups[i])
        key = keys[i]
        group = np.int64(slots[slot]) - 1
        while group >= 0:
            at = group * words
            if flat[np.uint64(at)] == key and (words == 1 or has_rest(flat, at, keys, i, stride, words)):
                break
            slot = (slot + _ONE) & mask
            group = np.int64(slots[slot]) - 1
        if group < 0:
            group = count
            count += 1
            slots[slot] = count
            for w in range(words):
                flat[np.uint64(group * words + w)] = keys[np.uint64(i + w * stride)]
        groups[i] = group
    header[GROUPS] = count
    return count


@jit
def flush_groups(
    slots: Words32,
    stored: Ints64Rows,
    header: Ints64,
    integers: Ints64Rows,
    floats: Floats,
    records: Ints64Rows,
    reals: Floats,
    offsets: Ints64Rows,
    chunk: Integer,
    place: Integer,
) -> Integer:
    """Writes the table's groups to ``records``, from ``place`` on, as chunk number ``chunk``, ordered by partition.

    integers, floats: the groups' cells, shape (capacity, slots). records: words of keys, then integer cells, shape
    (k + slots, room); reals: float cells likewise. offsets, shape (chunks, partitions + 1): the partitions, a power of
    two of at least 2, of chunk ``c`` begin at ``offsets[c]``. ``slots`` is overwritten, and then 0. Returns where the
    next chunk may begin.
    """
    words = stored.shape[1]
    count = header[GROUPS]
    partitions = offsets.shape[1] - 1
    shift = np.uint64(64)
    while partitions >> (np.uint64(64) - shift) > 1:
        shift -= _ONE
    for p in range(partitions + 1):
        offsets[chunk, p] = 0
    flat = stored.reshape(stored.size)
    for i in range(count):
        partition = hash_key(flat, i * words, _NEXT, words) >> shift
        slots[i] = partition
        offsets[chunk, partition + _ONE] += 1
    # where the next group of a partition goes, at the place of where the partition after it begins
    offsets[chunk, 0] = place
    for p in range(1, partitions + 1):
        size = offsets[chunk, p]
        offsets[chunk, p] = place
        place += size
    for i in range(count):
        partition = np.uint64(slots[i]) + _ONE
        slots[i] = offsets[chunk, partition]
        offsets[chunk, partition] += 1
    for w in range(words):
        for i in range(count):
            records[w, slots[i]] = stored[i, w]
    for cell in range(integers.shape[1]):
        for i in range(count):
            records[words + cell, slots[i]] = integers[i, cell]
    for cell in range(reals.shape[0]):
        for i in range(count):
            reals[cell, slots[i]] = floats[i, cell]
    for i in range(len(slots)):
        slots[i] = 0
    return place


@jit
def number_records(
    records: Ints64,
    offsets: Ints64Rows,
    chunk: Integer,
    partitions: Ints64,
    slots: Words32,
    stored: Ints64Rows,
    header: Ints64,
    groups: Elements,
) -> Integer:
    """Numbers the records of partitions ``partitions[0]`` to ``partitions[1]``, from a chunk on, in order of chunks.

    ``records`` is flat, and the table's stride what was the length of its rows. Returns the first chunk that there is
    no room for: the caller makes the table larger and goes on there. ``groups`` has one element a record, those of
    chunks before the first included.
    """
    done = 0
    for c in range(offsets.shape[0]):
        start = offsets[c, partitions[0]]
        n = offsets[c, partitions[1]] - start
        if c >= chunk:
            if header[GROUPS] + n > stored.shape[0]:
                return c
            number_groups(records[start:], n, slots, stored, header, groups[done : done + n])
        done += n
    return offsets.shape[0]


@jit
def fold_cells(
    op: Integer,
    cells: Elements,
    values: Elements,
    offsets: Ints64Rows,
    partitions: Ints64,
    groups: Ints64,
) -> Integer:
    """Adds one cell of the records of some partitions to that of their groups (``op`` 0), or takes the minimum (1) or
    maximum (2). ``values``: a row of the records; ``groups``: as :func:`number_records` wrote them.
    """
    done = 0
    for c in range(offsets.shape[0]):
        start = offsets[c, partitions[0]]
        n = offsets[c, partitions[1]] - start
        for i in range(n):
            group = np.uint64(groups[done + i])
            value = values[start + i]
            old = cells[group]
            if op == 0:
                cells[group] = old + value
            elif op == 1:
                cells[group] = min(old, value)
            else:
                cells[group] = max(old, value)
        done += n
    return done


@jit
def fold_bits(
    op: Integer,
    cells: Ints64,
    values: Ints64,
    offsets: Ints64Rows,
    partitions: Ints64,
    groups: Ints64,
) -> Integer:
    """:func:`fold_cells` by ``&`` (``op`` 0), ``|`` (1) or ``^`` (2)."""
    done = 0
    for c in range(offsets.shape[0]):
        start = offsets[c, partitions[0]]
        n = offsets[c, partitions[1]] - start
        for i in range(n):
            group = np.uint64(groups[done + i])
            value = values[start + i]
            if op == 0:
                cells[group] &= value
            elif op == 1:
                cells[group] |= value
            else:
                cells[group] ^= value
        done += n
    return done


@jit
def fill_slots(stored: Ints64Rows, count: Integer, slots: Words32) -> Integer:
    """Enters the first ``count`` stored keys, which are distinct, into empty ``slots``; returns ``count``.

    This is how a table is made larger: longer ``slots`` of zeros, and ``stored`` copied into a longer array.
    """
    words = stored.shape[1]
    flat = stored.reshape(stored.size)
    mask = np.uint64(len(slots) - 1)
    for group in range(count):
        slot = hash_key(flat, group * words, _NEXT, words) & mask
        while slots[slot] != 0:
            slot = (slot + _ONE) & mask
        slots[slot] = group + 1
    return count
