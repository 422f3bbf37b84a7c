"""Which values a column was seen to have: all of them while they lie close together, else a sketch of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from locality.storage.ingest import distinct
from locality.storage.ingest.distinct import Hashes

_SPAN = 1 << 16
"""Integers that span fewer values than this are marked, one by one."""


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """Values that were seen.

    present: whether each of ``base``, ``base + 1``, ... was seen; None where the integers are further apart.
    hashes: the sketch of the values then.
    """

    base: int = 0
    present: npt.NDArray[np.bool_] | None = None
    hashes: Hashes = field(default_factory=lambda: distinct.EMPTY)

    @property
    def count(self) -> int:
        """How many different values were seen: exact if :attr:`exact`, else an estimate."""
        return distinct.estimate(self.hashes) if self.present is None else int(np.count_nonzero(self.present))

    @property
    def exact(self) -> bool:
        """Whether all values were told apart."""
        return self.present is not None or distinct.is_exact(self.hashes)

    def merge(self, other: Seen) -> Seen:
        """The values of both."""
        if self._nothing or other._nothing:
            return other if self._nothing else self
        if self.present is not None and other.present is not None:
            base = min(self.base, other.base)
            span = max(self.base + len(self.present), other.base + len(other.present)) - base
            if span <= _SPAN:
                present = np.zeros(span, dtype=np.bool_)
                present[self.base - base :][: len(self.present)] = self.present
                present[other.base - base :][: len(other.present)] |= other.present
                return Seen(base, present)
        return Seen(hashes=distinct.merge(self._sketch(), other._sketch()))

    def integers(self, codes: npt.NDArray[np.unsignedinteger], base: int, greatest: int) -> Seen:
        """What ``base + codes`` may add to these values; ``base`` is the least of them, ``greatest`` the greatest."""
        if self._covers(base, greatest):
            return Seen()
        if greatest - base < _SPAN:
            present = np.zeros(greatest - base + 1, dtype=np.bool_)
            present[codes] = True
            return Seen(base, present)
        return Seen(hashes=distinct.sketch(codes, base, distinct.bound(self.hashes)))

    def keys(self, keys: npt.NDArray[np.uint64]) -> Seen:
        """What values, each as a number that tells it from others, may add to these."""
        return Seen(hashes=distinct.sketch(keys, limit=distinct.bound(self.hashes)))

    @property
    def _nothing(self) -> bool:
        return self.present is None and not len(self.hashes)

    def _covers(self, least: int, greatest: int) -> bool:
        """Whether every integer from ``least`` to ``greatest`` was seen."""
        if self.present is None or least < self.base or greatest >= self.base + len(self.present):
            return False
        return bool(self.present[least - self.base : greatest - self.base + 1].all())

    def _sketch(self) -> Hashes:
        if self.present is None:
            return self.hashes
        return distinct.sketch(np.flatnonzero(self.present).astype(np.uint32), self.base)
