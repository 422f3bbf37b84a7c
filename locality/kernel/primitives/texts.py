"""A hash table of strings: each is numbered by the first row that has it, and found again by its bytes.

``slots`` are those of :mod:`locality.kernel.primitives.slots`; the tag is the upper half of the bytes' hash, and
strings with equal tags are compared.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .hashing import mix
from .slots import tag_of
from .types import Boolean, Bools, Bytes, Elements, Integer, Ints64, Ints64Rows, Words, Words32

_BLOCK = 1024
_EIGHT = np.uint64(8)
_ONE = np.uint64(1)
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
def load_short(data: Bytes, start: Integer, stop: Integer) -> Integer:
    """Up to eight bytes as a uint64: strings of one length with equal words are equal.

    Four bytes from either end, which may overlap, are two loads.
    """
    word = np.uint64(0)
    if stop - start >= 4:
        first = np.uint64(start)
        last = np.uint64(stop - 4)
        for k in range(4):
            word |= np.uint64(data[first + np.uint64(k)]) << (_EIGHT * np.uint64(k))
        for k in range(4):
            word |= np.uint64(data[last + np.uint64(k)]) << (_EIGHT * np.uint64(k + 4))
        return word
    while stop > start:
        stop -= 1
        word = (word << _EIGHT) | np.uint64(data[np.uint64(stop)])
    return word


@jit
def hash_text(data: Bytes, start: Integer, stop: Integer) -> Integer:
    """A hash (int64) of ``data[start:stop]``, of words of which the last may overlap the one before."""
    value = np.uint64(stop - start)
    if stop - start <= 8:
        return np.int64(mix(value ^ mix(load_short(data, start, stop))))
    last = stop - 8
    while start < last:
        value = mix(value ^ load_word(data, start))
        start += 8
    return np.int64(mix(value ^ load_word(data, last)))


@jit
def same_text(
    left: Bytes, left_start: Integer, left_stop: Integer, right: Bytes, right_start: Integer, right_stop: Integer
) -> Boolean:
    """Whether two strings have the same bytes."""
    if left_stop - left_start != right_stop - right_start:
        return False
    if left_stop - left_start <= 8:
        return load_short(left, left_start, left_stop) == load_short(right, right_start, right_stop)
    while left_stop - left_start > 8:
        if load_word(left, left_start) != load_word(right, right_start):
            return False
        left_start += 8
        right_start += 8
    return load_word(left, left_stop - 8) == load_word(right, right_stop - 8)


@jit
def hash_texts(
    data: Bytes, offsets: Ints64, first: Integer, shift: Integer, hashes: Words, counts: Ints64, lengths: Ints64
) -> Integer:
    """Writes the hashes of rows ``first`` to ``first + len(hashes)``; returns how many these are.

    A row's part is its hash ``>> shift``: ``counts`` and ``lengths`` get each part's rows and bytes added.
    """
    by = np.uint64(shift)
    for i in range(len(hashes)):
        row = np.uint64(first + i)
        value = np.uint64(hash_text(data, offsets[row], offsets[row + _ONE]))
        hashes[i] = value
        counts[value >> by] += 1
        lengths[value >> by] += offsets[row + _ONE] - offsets[row]
    return len(hashes)


@jit
def copy_text(data: Bytes, start: Integer, length: Integer, copy: Bytes, at: Integer) -> Integer:
    """Copies ``length`` bytes from ``data[start]`` on to ``copy[at]``, by words that may overlap; where they end."""
    if length >= 8:
        done = 0
        while done < length:
            step = min(done, length - 8)
            source = np.uint64(start + step)
            target = np.uint64(at + step)
            for k in range(8):
                copy[target + np.uint64(k)] = data[source + np.uint64(k)]
            done += 8
    elif length >= 4:
        for step in range(0, 8, 4):
            source = np.uint64(start + min(step, length - 4))
            target = np.uint64(at + min(step, length - 4))
            for k in range(4):
                copy[target + np.uint64(k)] = data[source + np.uint64(k)]
    else:
        for k in range(length):
            copy[np.uint64(at + k)] = data[np.uint64(start + k)]
    return at + length


@jit
def deal_texts(
    data: Bytes,
    offsets: Ints64,
    first: Integer,
    shift: Integer,
    hashes: Words,
    places: Ints64,
    starts: Ints64,
    records: Ints64Rows,
    dealt: Bytes,
) -> Integer:
    """Copies rows from ``first`` on, whose hashes are given, to where their parts have their next places.

    places, starts: of each part's next record, and of its next byte in ``dealt``, which are moved. A record is a hash,
    and a row in the upper half of a word whose lower half is the string's length. Returns how many rows there are.
    """
    by = np.uint64(shift)
    for i in range(len(hashes)):
        row = np.uint64(first + i)
        start = offsets[row]
        length = offsets[row + _ONE] - start
        part = hashes[i] >> by
        place = np.uint64(places[part])
        places[part] += 1
        records[place, 0] = np.int64(hashes[i])
        records[place, 1] = ((first + i) << _TAG) | length
        starts[part] = copy_text(data, start, length, dealt, starts[part])
    return len(hashes)


@jit
def number_texts(
    data: Bytes,
    start: Integer,
    records: Ints64Rows,
    slots: Words32,
    offsets: Ints64,
    numbers: Words32,
    firsts: Elements,
) -> Integer:
    """Numbers the strings of some records in the order in which they first occur; returns how many are distinct.

    The strings lie one after the other from ``data[start]`` on. ``numbers`` gets a number a record, ``firsts`` the row
    of the first record of each number. ``slots``, at least twice as many as records, come in as zeros; ``offsets`` has
    room for a number a record.
    """
    mask = np.uint64(len(slots) - 1)
    count = 0
    for i in range(records.shape[0]):
        own = np.uint64(i)
        value = records[own, 0]
        stop = start + (records[own, 1] & _ROW)
        offsets[own] = start
        place = np.uint64(value) & mask
        slot = np.int64(slots[place])
        while slot != 0:
            known = np.uint64(slot - 1)
            if records[known, 0] == value:
                begin = offsets[known]
                if same_text(data, begin, begin + (records[known, 1] & _ROW), data, start, stop):
                    break
            place = (place + _ONE) & mask
            slot = np.int64(slots[place])
        if slot == 0:
            slots[place] = i + 1
            firsts[np.uint64(count)] = records[own, 1] >> _TAG
            numbers[own] = count
            count += 1
        else:
            numbers[own] = numbers[np.uint64(slot - 1)]
        start = stop
    return count


@jit
def place_numbers(numbers: Words32, first: Integer, records: Ints64Rows, placed: Words32) -> Integer:
    """Writes ``first + numbers[i]`` at the row of each record to ``placed``; returns how many there are."""
    for i in range(len(numbers)):
        placed[np.uint64(records[i, 1] >> _TAG)] = first + np.int64(numbers[i])
    return len(numbers)


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
