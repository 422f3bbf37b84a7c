"""DuckDB's hash of values, and sketches of sets of hashes: a hash (uint64) is held as the signed integer of its bits.

The hash of an integer is a multiplicative one of two rounds (C. Wellons, "Prospecting for hash functions", 2018).
Sketches are HyperLogLog's: a register holds the greatest number of trailing zeros met (Flajolet and others, AofA 2007).
"""

from __future__ import annotations

import numpy as np

from . import jit
from .selection import lowest_bit
from .types import Bytes, Floats, Integer, Ints64

_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_SEED = np.uint64(0xE17A1465)
_OF_LENGTH = np.uint64(0xC6A4A7935BD1E995)
_EIGHT = np.uint64(8)
_LOW_HALF = np.int64(0xFFFFFFFF)


@jit
def hash_number(number: Integer) -> Integer:
    """DuckDB's hash of the 64 bits of an integer."""
    word = np.uint64(number)
    word = (word ^ (word >> _SHIFT)) * _MULTIPLIER
    word = (word ^ (word >> _SHIFT)) * _MULTIPLIER
    return np.int64(word ^ (word >> _SHIFT))


@jit
def hash_string(data: Bytes, start: Integer, stop: Integer) -> Integer:
    """DuckDB's hash of the string in ``data[start:stop]``, by eight bytes, the last filled up with zeros."""
    size = np.uint64(stop - start)
    word = _SEED ^ (size * _OF_LENGTH)
    at = np.uint64(start)
    for _ in range(size // _EIGHT):
        block = np.uint64(0)
        for k in range(8):
            block |= np.uint64(data[at + np.uint64(k)]) << np.uint64(8 * k)
        word = (word ^ block) * _MULTIPLIER
        at += _EIGHT
    if at < np.uint64(stop):
        block = np.uint64(0)
        for k in range(np.uint64(stop) - at):
            block |= np.uint64(data[at + np.uint64(k)]) << np.uint64(8 * k)
        word = (word ^ block) * _MULTIPLIER
    return hash_number(word)


@jit
def combine_hashes(first: Integer, second: Integer) -> Integer:
    """DuckDB's hash of a row of values, given the hash of those before and that of the last."""
    word = np.uint64(first)
    return np.int64((word ^ (word >> _SHIFT)) * _MULTIPLIER ^ np.uint64(second))


@jit
def hash_remainder(value: Integer, divisor: Integer) -> Integer:
    """The hash modulo ``divisor``; 0 < divisor < 2**31."""
    high = value >> 32 & _LOW_HALF
    return (high % divisor << 32 | value & _LOW_HALF) % divisor


@jit
def sketch_rank(value: Integer, bits: Integer) -> Integer:
    """What a hash has its register hold at least: the position, from 1, of the lowest set bit above its ``bits``."""
    places = np.uint64(bits)
    rest = np.uint64(value) >> places | np.uint64(1) << (np.uint64(64) - places)
    return np.int64(lowest_bit(rest)) + 1


@jit
def weigh_registers(registers: Bytes, size: Integer, powers: Floats, weights: Floats, empty: Ints64) -> Integer:
    """For each sketch of ``size`` registers, the sum of ``powers`` of them, and how many of them are 0."""
    for sketch in range(len(weights)):
        weight = 0.0
        count = np.int64(0)
        for i in range(size):
            register = registers[np.uint64(sketch * size + i)]
            weight += powers[np.uint64(register)]
            count += np.int64(register == 0)
        weights[sketch] = weight
        empty[sketch] = count
    return len(weights)
