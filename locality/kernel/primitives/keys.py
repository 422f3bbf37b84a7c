"""Keys of an index as words: a column's share is added to each row's word, straight from the codes it is stored by.

``words`` come in as zeros before a word's first column. A row without a key, because a value is out of range or NULL,
gets NO_KEY in the word that is written, and keeps it.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .floats import ordered_key
from .markers import NO_KEY
from .types import Boolean, Bytes, Elements, Integer, Ints64

_BITS = np.int64(7)
_SHIFT = np.int64(3)
_ONE = np.int64(1)


@jit
def is_null(validity: Bytes, row: Integer) -> Boolean:
    """Whether a row is NULL by a bitmap, which is empty where no row is."""
    return len(validity) != 0 and (np.int64(validity[row >> _SHIFT]) >> (row & _BITS)) & _ONE == 0


@jit
def add_digits(codes: Elements, validity: Bytes, first: Integer, part: Ints64, words: Ints64) -> Integer:
    """Adds ``stride * digit + shift`` to every row's word, where digits are ``factor * code + delta``.

    codes: of the rows from ``first`` on, as many as words. validity: the column's bitmap, empty where nothing is NULL.
    part: factor, delta, how many digits there are (a uint64), stride, shift, and what NULL adds; -1 if it makes no key.
    Returns how many rows have a key so far.
    """
    factor, delta, stride, shift, null = part[0], part[1], part[3], part[4], part[5]
    size = np.uint64(part[2])
    known = 0
    for i in range(len(words)):
        digit = np.int64(codes[i]) * factor + delta
        share = stride * digit + shift
        inside = np.uint64(digit) < size
        if is_null(validity, first + i):
            share = null
            inside = null >= 0
        inside &= words[i] != NO_KEY
        words[i] = words[i] + share if inside else NO_KEY
        known += inside
    return known


@jit
def add_floats(codes: Elements, validity: Bytes, first: Integer, null: Integer, words: Ints64) -> Integer:
    """Sets every row's word, which is 0, to what is equal for equal floats, or to ``null``; see :func:`add_digits`."""
    known = 0
    for i in range(len(words)):
        word = ordered_key(np.float64(codes[i]))
        inside = True
        if is_null(validity, first + i):
            word = null
            inside = null >= 0
        words[i] = word if inside else NO_KEY
        known += inside
    return known
