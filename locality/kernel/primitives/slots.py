"""A hash table that is made once and then only read: which row of an index has a key.

A key is one 64-bit number below 2**32, or several words of any value. The table is

- ``slots``, shape (m,), m a power of two and at least twice the rows: a tag in the upper 32 bits, a row plus 1 in the
  lower; 0 means empty. Eight slots share a cache line, and probing is linear. The tag is the number itself, or the
  upper half of the words' hash.
- ``stored``, shape (words, rows): the words of every row, to compare with where the tags are equal; not for numbers.

A key whose first word is NO_KEY is in no table, and is entered into none.

Where most keys that are looked for are not there, ``hints`` tell so of nearly all: bits, a power of two of them and at
least sixteen a row, one of which is set for each key (Bloom, 1970). They stay in the cache where the slots would not.

Work goes in stages over a block of keys, so that misses of the cache overlap: hashes first, then the slots where
probing begins, and only then the branches that settle it.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .hashing import mix
from .markers import NO_KEY, PENDING
from .types import Boolean, Elements, Integer, Ints64

_BLOCK = 1024
_TAG = np.int64(32)
_ROW = np.int64(0xFFFFFFFF)
_HALF = np.uint64(32)
_WORD = np.uint64(6)
_LAST = np.uint64(63)
_BIT = np.uint64(1)


@jit
def tag_of(value: Integer) -> Integer:
    """The upper half of a slot or a hash."""
    return np.int64(np.uint64(value) >> _HALF)


@jit
def mix_word(value: Integer, word: Integer) -> Integer:
    """The hash of a key whose words before ``word`` have the hash ``value``, 0 for none."""
    return np.int64(mix(np.uint64(value ^ word)))


@jit
def place_of_hint(hints: Ints64, value: Integer) -> Integer:
    """The bit that stands for a hash: slots take its lower bits."""
    return (np.uint64(value) >> _HALF) & np.uint64(64 * len(hints) - 1)


@jit
def may_have(hints: Ints64, value: Integer) -> Boolean:
    """Whether a key with this hash may be in the table. No branch: loops of it vectorise."""
    place = place_of_hint(hints, value)
    return (np.uint64(hints[place >> _WORD]) >> (place & _LAST)) & _BIT != np.uint64(0)


@jit
def enter_hints(slots: Ints64, stored: Elements, hints: Ints64) -> Integer:
    """Sets the bits of all keys of a table; ``stored`` has no word where numbers are in the slots. Returns how many."""
    keys = 0
    for s in range(len(slots)):
        slot = slots[s]
        if slot != 0:
            value = np.int64(0)
            if stored.shape[0] == 0:
                value = mix_word(value, tag_of(slot))
            for w in range(stored.shape[0]):
                value = mix_word(value, stored[w, (slot & _ROW) - 1])
            place = place_of_hint(hints, value)
            hints[place >> _WORD] |= np.int64(_BIT << (place & _LAST))
            keys += 1
    return keys


@jit
def find_numbers(numbers: Ints64, n: Integer, slots: Ints64, ranks: Elements) -> Integer:
    """The row of each of the first ``n`` numbers; -1 for one that is not there, or negative. Returns how many are."""
    mask = np.int64(len(slots) - 1)
    homes = np.empty(_BLOCK, np.int64)
    guesses = np.empty(_BLOCK, np.int64)
    found = 0
    for begin in range(0, n, _BLOCK):
        count = min(_BLOCK, n - begin)
        for i in range(count):
            homes[i] = np.int64(mix(np.uint64(numbers[begin + i]))) & mask
        for i in range(count):
            guesses[i] = slots[np.uint64(homes[i])]
        for i in range(count):
            slot = guesses[i]
            number = numbers[begin + i]
            if slot != 0 and tag_of(slot) != number:
                slot = slot_of_number(number, homes[i] + 1, slots)
            ranks[begin + i] = (slot & _ROW) - 1
            found += slot != 0
    return found


@jit
def slot_of_number(number: Integer, place: Integer, slots: Ints64) -> Integer:
    """The slot of ``number``, or the empty one that ends the search for it from ``place`` on."""
    mask = np.int64(len(slots) - 1)
    slot = slots[np.uint64(place & mask)]
    while slot != 0 and tag_of(slot) != number:
        place += 1
        slot = slots[np.uint64(place & mask)]
    return slot


@jit
def enter_numbers(numbers: Ints64, first: Integer, stop: Integer, slots: Ints64, ranks: Ints64) -> Integer:
    """Enters the PENDING rows whose search begins in slots ``first`` to ``stop`` and stays there; counts the new keys.

    ``ranks`` gets the first row of each row's key, -1 for no key. Workers may enter rows of one table at the same time
    into ranges of their own; rows that run out of a range stay PENDING, for a last call over all slots.
    """
    mask = np.int64(len(slots) - 1)
    hashes = np.empty(_BLOCK, np.int64)
    mine = np.empty(_BLOCK, np.int64)
    guesses = np.empty(_BLOCK, np.int64)
    entered = 0
    for begin in range(0, len(numbers), _BLOCK):
        n = min(_BLOCK, len(numbers) - begin)
        for i in range(n):
            hashes[i] = np.int64(mix(np.uint64(numbers[begin + i])))
        n = choose_rows(hashes, n, mask, first, stop, mine)
        for k in range(n):
            guesses[k] = slots[np.uint64(hashes[mine[k]] & mask)]
        for k in range(n):
            row = begin + mine[k]
            if ranks[row] != PENDING:
                continue
            place = hashes[mine[k]] & mask
            number = numbers[row]
            slot = guesses[k] if guesses[k] != 0 else slots[np.uint64(place)]
            while slot != 0 and tag_of(slot) != number and number >= 0:
                place = next_place(place, first, stop, len(slots))
                if place < 0:
                    break
                slot = slots[np.uint64(place)]
            entered += settle_row(row, number >= 0, number, place, slot, slots, ranks)
    return entered


@jit
def choose_rows(hashes: Ints64, n: Integer, mask: Integer, first: Integer, stop: Integer, mine: Ints64) -> Integer:
    """Writes which of ``n`` rows begin their search in slots ``first`` to ``stop``; returns how many do."""
    count = 0
    for i in range(n):
        place = hashes[i] & mask
        mine[np.uint64(count)] = i
        count += (place >= first) & (place < stop)
    return count


@jit
def next_place(place: Integer, first: Integer, stop: Integer, size: Integer) -> Integer:
    """The slot after ``place``: around the end of a whole table, -1 at the end of a part of it."""
    if place + 1 < stop:
        return place + 1
    return 0 if stop - first == size else -1


@jit
def settle_row(
    row: Integer, known: Boolean, tag: Integer, place: Integer, slot: Integer, slots: Ints64, ranks: Ints64
) -> Integer:
    """Enters a row where its search ended, at ``slot`` in ``place``; 1 if its key is new."""
    if not known:
        ranks[row] = -1
    elif slot == 0:
        slots[np.uint64(place)] = (tag << _TAG) | (row + 1)
        ranks[row] = row
        return 1
    elif place >= 0:
        ranks[row] = (slot & _ROW) - 1
    return 0


@jit
def hash_keys(words: Ints64, count: Integer, first: Integer, n: Integer, hashes: Ints64) -> Integer:
    """The hashes of ``n`` keys from ``first`` on, of ``count`` words each; returns how far a key's words are apart."""
    stride = len(words) // count
    for i in range(n):
        hashes[i] = np.int64(mix(np.uint64(words[first + i])))
    for w in range(1, count):
        for i in range(n):
            hashes[i] = np.int64(mix(np.uint64(hashes[i] ^ words[w * stride + first + i])))
    return stride


@jit
def has_words(stored: Elements, slot: Integer, words: Ints64, stride: Integer, i: Integer) -> Boolean:
    """Whether the words of the row in ``slot`` are those of key ``i``."""
    row = np.uint64(slot & _ROW) - np.uint64(1)
    w = 0
    while w < stored.shape[0] and stored[w, row] == words[w * stride + i]:
        w += 1
    return w == stored.shape[0]


@jit
def find_words(words: Ints64, n: Integer, slots: Ints64, stored: Elements, ranks: Elements) -> Integer:
    """:func:`find_numbers` for keys of k words: word ``w`` of key ``i`` is at ``words[w * (len(words) // k) + i]``."""
    mask = np.int64(len(slots) - 1)
    hashes = np.empty(_BLOCK, np.int64)
    guesses = np.empty(_BLOCK, np.int64)
    likely = np.empty(_BLOCK, np.bool_)
    found = 0
    for begin in range(0, n, _BLOCK):
        count = min(_BLOCK, n - begin)
        stride = hash_keys(words, stored.shape[0], begin, count, hashes)
        for i in range(count):
            guesses[i] = slots[np.uint64(hashes[i] & mask)]
        for i in range(count):
            likely[i] = stored[0, np.uint64(max((guesses[i] & _ROW) - 1, 0))] == words[begin + i]
        for i in range(count):
            slot = guesses[i]
            key = begin + i
            if slot != 0 and not (likely[i] and has_words(stored, slot, words, stride, key)):
                slot = slot_of_words(words, stride, key, hashes[i], slots, stored)
            ranks[key] = (slot & _ROW) - 1
            found += slot != 0
    return found


@jit
def slot_of_words(
    words: Ints64, stride: Integer, i: Integer, value: Integer, slots: Ints64, stored: Elements
) -> Integer:
    """The slot of key ``i``, whose hash is ``value``, or the empty one that ends the search for it."""
    mask = np.int64(len(slots) - 1)
    place = value
    slot = slots[np.uint64(place & mask)]
    while slot != 0 and (tag_of(slot) != tag_of(value) or not has_words(stored, slot, words, stride, i)):
        place += 1
        slot = slots[np.uint64(place & mask)]
    return slot


@jit
def enter_words(stored: Elements, first: Integer, stop: Integer, slots: Ints64, ranks: Ints64) -> Integer:
    """:func:`enter_numbers` for the words of all rows."""
    rows = stored.shape[1]
    words = stored.reshape(stored.size)
    mask = np.int64(len(slots) - 1)
    hashes = np.empty(_BLOCK, np.int64)
    mine = np.empty(_BLOCK, np.int64)
    guesses = np.empty(_BLOCK, np.int64)
    entered = 0
    for begin in range(0, rows, _BLOCK):
        n = min(_BLOCK, rows - begin)
        hash_keys(words, stored.shape[0], begin, n, hashes)
        n = choose_rows(hashes, n, mask, first, stop, mine)
        for k in range(n):
            guesses[k] = slots[np.uint64(hashes[mine[k]] & mask)]
        for k in range(n):
            row = begin + mine[k]
            if ranks[row] != PENDING:
                continue
            place = hashes[mine[k]] & mask
            known = words[row] != NO_KEY
            tag = tag_of(hashes[mine[k]])
            slot = guesses[k] if guesses[k] != 0 else slots[np.uint64(place)]
            while slot != 0 and known and (tag_of(slot) != tag or not has_words(stored, slot, words, rows, row)):
                place = next_place(place, first, stop, len(slots))
                if place < 0:
                    break
                slot = slots[np.uint64(place)]
            entered += settle_row(row, known, tag, place, slot, slots, ranks)
    return entered
