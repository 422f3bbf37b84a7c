"""A hash table of strings: each is numbered by the first row that has it, and found again by its bytes.

``slots`` are those of :mod:`locality.kernel.primitives.slots`; the tag is the upper half of the bytes' hash, and
strings with equal tags are compared.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .hashing import mix
from .slots import tag_of
from .types import Boolean, Bools, Bytes, Elements, Integer, Ints64

_BLOCK = 1024
_EIGHT = np.uint64(8)
_TAG = np.int64(32)
_ROW = np.int64(0xFFFFFFFF)


@jit
def load_word(data: Bytes, start: Integer) -> Integer:
    """Eight bytes from ``start`` as a uint64, the first one lowest; LLVM makes one load of it."""
    at = np.uint64(start)
    word = np.uint64(0)
    for k in range(8):
        word |= np.uint64(data[at + np.uint64(k)]) << (_EIGHT * np.uint64(k))
    return word


@jit
def hash_text(data: Bytes, start: Integer, stop: Integer) -> Integer:
    """A hash (int64) of ``data[start:stop]``."""
    value = np.uint64(stop - start)
    while stop - start >= 8:
        value = mix(value ^ load_word(data, start))
        start += 8
    word = np.uint64(0)
    while stop > start:
        stop -= 1
        word = (word << _EIGHT) | np.uint64(data[np.uint64(stop)])
    return np.int64(mix(value ^ word))


@jit
def same_text(
    left: Bytes, left_start: Integer, left_stop: Integer, right: Bytes, right_start: Integer, right_stop: Integer
) -> Boolean:
    """Whether two strings have the same bytes."""
    if left_stop - left_start != right_stop - right_start:
        return False
    while left_stop - left_start >= 8:
        if load_word(left, left_start) != load_word(right, right_start):
            return False
        left_start += 8
        right_start += 8
    while left_start < left_stop and left[np.uint64(left_start)] == right[np.uint64(right_start)]:
        left_start += 1
        right_start += 1
    return left_start == left_stop


@jit
def slot_of_text(
    data: Bytes, start: Integer, stop: Integer, value: Integer, slots: Ints64, entries: Bytes, offsets: Ints64
) -> Integer:
    """Where the slot of a string lies, whose hash is ``value``: the one that holds it, or the empty one for it."""
    mask = np.int64(len(slots) - 1)
    place = value & mask
    while True:
        slot = slots[np.uint64(place)]
        if slot == 0:
            return place
        if tag_of(slot) == tag_of(value):
            row = np.uint64(slot & _ROW) - np.uint64(1)
            if same_text(data, start, stop, entries, offsets[row], offsets[row + np.uint64(1)]):
                return place
        place = (place + 1) & mask


@jit
def enter_texts(data: Bytes, offsets: Ints64, slots: Ints64, codes: Elements) -> Integer:
    """Writes the first row with the same string for every row, and enters them; returns how many are distinct.

    Row ``i`` has ``data[offsets[i] : offsets[i + 1]]``. ``slots`` come in as zeros, at least twice as many as rows.
    """
    distinct = 0
    for row in range(len(offsets) - 1):
        value = hash_text(data, offsets[row], offsets[row + 1])
        place = slot_of_text(data, offsets[row], offsets[row + 1], value, slots, data, offsets)
        if slots[place] == 0:
            slots[place] = (tag_of(value) << _TAG) | (row + 1)
            distinct += 1
        codes[row] = (slots[place] & _ROW) - 1
    return distinct


@jit
def find_texts(
    data: Bytes,
    starts: Ints64,
    stops: Ints64,
    n: Integer,
    slots: Ints64,
    entries: Bytes,
    offsets: Ints64,
    codes: Elements,
) -> Integer:
    """Writes the row of ``entries`` and ``offsets`` that was entered for each of ``n`` strings, -1 if none was.

    String ``i`` is ``data[starts[i] : stops[i]]``. Returns how many were found.
    """
    mask = np.int64(len(slots) - 1)
    hashes = np.empty(_BLOCK, np.int64)
    likely = np.empty(_BLOCK, np.int64)
    found = 0
    for begin in range(0, n, _BLOCK):
        count = min(_BLOCK, n - begin)
        for i in range(count):
            hashes[i] = hash_text(data, starts[begin + i], stops[begin + i])
        for i in range(count):
            likely[i] = slots[np.uint64(hashes[i] & mask)]
        for i in range(count):
            row = begin + i
            codes[row] = -1
            if likely[i] != 0:
                place = slot_of_text(data, starts[row], stops[row], hashes[i], slots, entries, offsets)
                codes[row] = (slots[place] & _ROW) - 1
                found += slots[place] != 0
    return found


@jit
def text_before(data: Bytes, left: Integer, left_stop: Integer, right: Integer, right_stop: Integer) -> Boolean:
    """Whether the first of two strings is less than the second, byte by byte."""
    while left_stop - left >= 8 and right_stop - right >= 8 and load_word(data, left) == load_word(data, right):
        left += 8
        right += 8
    while left < left_stop and right < right_stop and data[np.uint64(left)] == data[np.uint64(right)]:
        left += 1
        right += 1
    if left == left_stop or right == right_stop:
        return right < right_stop
    return data[np.uint64(left)] < data[np.uint64(right)]


@jit
def leading_texts(
    data: Bytes, offsets: Ints64, eligible: Bools, owners: Ints64, largest: Boolean, best: Ints64
) -> Integer:
    """Writes to ``best[owners[i]]`` the first eligible row with the least string of its owner, or the ``largest``.

    ``best`` comes in as -1, which stays where there is none. Returns the number of eligible rows.
    """
    count = 0
    for row in range(len(owners)):
        if eligible[row]:
            count += 1
            owner = owners[row]
            held = best[owner]
            other = max(held, 0)
            start, stop = offsets[row], offsets[row + 1]
            if largest:
                leads = text_before(data, offsets[other], offsets[other + 1], start, stop)
            else:
                leads = text_before(data, start, stop, offsets[other], offsets[other + 1])
            if held < 0 or leads:
                best[owner] = row
    return count
