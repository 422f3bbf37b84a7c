"""Predicates over one string: bytes ``data[start:stop]`` in UTF-8, ordered byte by byte.

Patterns of LIKE come as two arrays, made by :mod:`locality.kernel.like`: for each token its byte and its kind.
"""

from __future__ import annotations

import numpy as np

from . import jit
from .selection import STEP, equal_bytes, lowest_bit
from .types import Boolean, Bytes, Integer

LITERAL = 0
ANY_CHARACTER = 1
ANY_STRING = 2

_EIGHT = 8
_TOP_BITS = np.uint64(0x8080808080808080)


@jit
def string_compare(data: Bytes, start: Integer, stop: Integer, other: Bytes) -> Integer:
    """-1, 0 or 1 as the string is less than, equal to or greater than ``other``."""
    length = stop - start
    shared = min(length, len(other))
    for i in range(shared):
        a = data[start + i]
        b = other[i]
        if a != b:
            return -1 if a < b else 1
    if length == len(other):
        return 0
    return -1 if length < len(other) else 1


@jit
def string_starts_with(data: Bytes, start: Integer, stop: Integer, prefix: Bytes) -> Boolean:
    """Whether the string begins with ``prefix``."""
    if stop - start < len(prefix):
        return False
    for i in range(len(prefix)):  # noqa: SIM110 (loops are compiled, generators are not)
        if data[np.uint64(start + i)] != prefix[np.uint64(i)]:
            return False
    return True


@jit
def string_length(data: Bytes, start: Integer, stop: Integer) -> Integer:
    """The number of characters (code points): of bytes that don't continue one."""
    count = 0
    for i in range(start, stop):
        count += (data[i] & 0xC0) != 0x80
    return count


@jit
def next_character(data: Bytes, position: Integer, stop: Integer) -> Integer:
    """Where the character after the one at ``position`` begins."""
    position += 1
    while position < stop and (data[position] & 0xC0) == 0x80:
        position += 1
    return position


@jit
def next_start(data: Bytes, position: Integer, stop: Integer, tokens: Bytes, kinds: Bytes, token: Integer) -> Integer:
    """Where the pattern from a token on can first match at or after ``position``, by up to two literals."""
    if kinds[token] != LITERAL:
        return position
    first = tokens[token]
    if token + 1 == len(tokens) or kinds[token + 1] != LITERAL:
        while position < stop and data[np.uint64(position)] != first:
            position += 1
        return position
    second = tokens[token + 1]
    last = stop - 1
    while position < last and len(data) - position > STEP:
        found = equal_bytes(data, position, first) & equal_bytes(data, position + 1, second)
        if found != 0:
            place = position + lowest_bit(found)
            return place if place < last else stop
        position += STEP
    while position < last:
        if data[np.uint64(position)] == first and data[np.uint64(position + 1)] == second:
            return position
        position += 1
    return stop


@jit
def string_like(data: Bytes, start: Integer, stop: Integer, tokens: Bytes, kinds: Bytes) -> Boolean:
    """Whether the whole string matches a pattern of LIKE.

    After a mismatch only the last ``%`` passed is widened, by one character: an earlier one could gain nothing.
    """
    position = start
    token = 0
    retry_token = -1
    retry_position = start
    while True:
        if token < len(tokens) and kinds[np.uint64(token)] == ANY_STRING:
            token += 1
            if token == len(tokens):
                return True
            retry_token = token
            retry_position = position = next_start(data, position, stop, tokens, kinds, token)
            continue
        if token == len(tokens):
            if position == stop:
                return True
        elif position < stop:
            if kinds[np.uint64(token)] == ANY_CHARACTER:
                position = next_character(data, position, stop)
                token += 1
                continue
            if data[np.uint64(position)] == tokens[np.uint64(token)]:
                position += 1
                token += 1
                continue
        else:
            return False
        if retry_token < 0 or retry_position >= stop:
            return False
        token = retry_token
        position = next_character(data, retry_position, stop)
        retry_position = position = next_start(data, position, stop, tokens, kinds, token)


@jit
def pack_substring(data: Bytes, start: Integer, stop: Integer, first: Integer, count: Integer) -> Integer:
    """Characters ``first`` to ``first + count`` as one integer that orders as the string does; -1 if over 7 bytes.

    The bytes lie from the 59th bit down, padded with 0, and their number in the lowest three bits. ``count`` <= 7.
    """
    end = min(start + first + count, stop)
    if first < _EIGHT and first + count <= _EIGHT and start < end and len(data) - start >= _EIGHT:
        octets = np.uint64(0)
        for k in range(_EIGHT):  # one load
            octets |= np.uint64(data[np.uint64(start + k)]) << np.uint64(56 - 8 * k)
        after = np.uint64(8 * (_EIGHT - (end - start)))
        octets = (octets >> after) << after
        if octets & _TOP_BITS == 0:
            kept = ((octets << np.uint64(8 * first)) >> np.uint64(8)) << np.uint64(3)
            return np.int64(kept) | np.int64(max(end - start - first, 0))
    packed = np.int64(0)
    above = np.uint8(0)
    for i in range(start, end):
        above |= data[i]
    if above < 128:
        length = np.int64(max(end - start - first, 0))
        for i in range(end - length, end):
            packed = (packed << np.int64(8)) | np.int64(data[i])
        return (packed << (np.int64(8) * (np.int64(7) - length) + np.int64(3))) | length
    return pack_characters(data, start, stop, first, count)


@jit
def pack_characters(data: Bytes, start: Integer, stop: Integer, first: Integer, count: Integer) -> Integer:
    """:func:`pack_substring` of characters that may have several bytes."""
    position = start
    for _ in range(first):
        if position < stop:
            position = next_character(data, position, stop)
    packed = np.int64(0)
    length = np.int64(0)
    for _ in range(count):
        if position >= stop:
            break
        after = next_character(data, position, stop)
        if length + after - position > 7:
            return np.int64(-1)
        for i in range(position, after):
            packed = (packed << np.int64(8)) | np.int64(data[i])
        length += after - position
        position = after
    return (packed << (np.int64(8) * (np.int64(7) - length) + np.int64(3))) | length
