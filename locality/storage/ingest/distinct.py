"""About how many distinct values there are, from a small sketch: the least hashes that were seen.

If the k-th least of evenly spread hashes lies at fraction f of their range, there are about (k - 1) / f values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_KEPT = 2048
_MULTIPLIER = 0x9E37_79B1
_LOW = 2**32 - 1
EMPTY: Hashes = np.zeros(0, dtype=np.uint64)
"""The sketch of no values."""


def sketch(codes: npt.NDArray[np.unsignedinteger], base: int = 0, limit: int = 2**64 - 1) -> Hashes:
    """The least distinct hashes of the integers ``base + codes`` (modulo 2**64), ascending.

    limit: hashes above it may be left out.
    """
    if not len(codes):
        return EMPTY
    order, high = _order(codes, base % 2**64)
    # A part of the hashes suffices, unless values repeat much.
    for wanted in (4 * _KEPT, 32 * _KEPT):
        if wanted < len(order):
            share = wanted * (2**32 // len(order))
            few = order <= np.uint32(min(share, limit >> 32))
            least = _hashes(order[few], high if isinstance(high, int) else high[few])
            if len(least) >= _KEPT or share >= limit >> 32:
                return least[:_KEPT]
    return _hashes(order, high)[:_KEPT]


def bound(hashes: Hashes) -> int:
    """The greatest hash that can still change a sketch."""
    return 2**64 - 1 if is_exact(hashes) else int(hashes[-1])


def merge(left: Hashes, right: Hashes) -> Hashes:
    """The sketch of the values of both."""
    if len(left) == _KEPT:
        right = right[right < left[-1]]
    if not len(left) or not len(right):
        return right if not len(left) else left
    return _ascending(np.concatenate([left, right]))[:_KEPT]


def estimate(hashes: Hashes) -> int:
    """Distinct values, exact while there are fewer than the sketch keeps."""
    if is_exact(hashes):
        return len(hashes)
    return round((_KEPT - 1) * (2**64 / (int(hashes[-1]) + 1)))


def is_exact(hashes: Hashes) -> bool:
    """Whether the sketch holds every value's hash, so that values were counted rather than estimated."""
    return len(hashes) < _KEPT


def _ascending(hashes: Hashes) -> Hashes:
    """The distinct hashes in ascending order; numpy's unique hashes them again, which takes longer than sorting."""
    ordered = np.sort(hashes)
    first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def _order(codes: npt.NDArray[np.unsignedinteger], base: int) -> tuple[npt.NDArray[np.uint32], int | Hashes]:
    """The upper halves of the hashes, evenly spread over 32 bits, and the upper halves of the values.

    Together they tell all values apart. Where values share their upper half, 32 bits are all that is calculated with.
    """
    high: int | Hashes
    if codes.dtype.itemsize <= 4 and (base + int(codes.max())) >> 32 == base >> 32:
        low = codes.astype(np.uint32)
        low += np.uint32(base & _LOW)
        high = base >> 32
        low ^= np.uint32(high * _MULTIPLIER & _LOW)
    else:
        values = codes.astype(np.uint64)
        values += np.uint64(base)
        high = values >> np.uint64(32)
        low = (values ^ high * np.uint64(_MULTIPLIER)).astype(np.uint32)
    low *= np.uint32(_MULTIPLIER)
    return low, high


def _hashes(order: npt.NDArray[np.uint32], high: int | Hashes) -> Hashes:
    hashes = order.astype(np.uint64) << np.uint64(32)
    hashes |= np.uint64(high) if isinstance(high, int) else high
    return _ascending(hashes)
