"""About how many distinct values there are, from a small sketch: the least hashes that were seen.

If the k-th least of evenly spread hashes lies at fraction f of their range, there are about (k - 1) / f values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_KEPT = 2048
_MULTIPLIER = np.uint64(0x9E37_79B9_7F4A_7C15)
EMPTY: Hashes = np.zeros(0, dtype=np.uint64)
"""The sketch of no values."""


def sketch(values: npt.NDArray[np.generic]) -> Hashes:
    """The least distinct hashes of integers, ascending; equal values of different widths have equal hashes."""
    if not len(values):
        return EMPTY
    hashes = _hash(values)
    # A part of the hashes suffices, unless values repeat much.
    for wanted in (4 * _KEPT, 32 * _KEPT):
        if wanted < len(hashes):
            least = _ascending(hashes[hashes <= np.uint64(wanted * (2**64 // len(hashes)))])
            if len(least) >= _KEPT:
                return least[:_KEPT]
    return _ascending(hashes)[:_KEPT]


def merge(left: Hashes, right: Hashes) -> Hashes:
    """The sketch of the values of both."""
    if len(left) == _KEPT:
        right = right[right < left[-1]]
    if not len(left) or not len(right):
        return right if not len(left) else left
    return _ascending(np.concatenate([left, right]))[:_KEPT]


def estimate(hashes: Hashes) -> int:
    """Distinct values, exact while there are fewer than the sketch keeps."""
    if len(hashes) < _KEPT:
        return len(hashes)
    return round((_KEPT - 1) * (2**64 / (int(hashes[-1]) + 1)))


def _ascending(hashes: Hashes) -> Hashes:
    """The distinct hashes in ascending order; numpy's unique hashes them again, which takes longer than sorting."""
    ordered = np.sort(hashes)
    first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def _hash(values: npt.NDArray[np.generic]) -> Hashes:
    hashes: Hashes = values.astype(np.int64).view(np.uint64) if values.dtype.kind == "i" else values.astype(np.uint64)
    hashes *= _MULTIPLIER
    hashes ^= hashes >> np.uint64(32)
    hashes *= _MULTIPLIER
    return hashes
