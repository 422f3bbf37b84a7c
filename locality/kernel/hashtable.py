"""Hash tables of keys for kernels: the arrays that the primitives of ``hashing`` work on, and how they grow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from locality.kernel.loader import primitive

Ints64 = npt.NDArray[np.int64]

#: Slots a key at full capacity, at least; more cost cache, fewer cost probes.
_SLOTS_A_KEY = 3


class HashTable:
    """Numbers distinct keys of ``words`` 64-bit words: 0 for the first, 1 for the next, ...

    slots, stored, header: as :mod:`locality.kernel.primitives.hashing` says; a kernel takes all three as parameters.
    """

    def __init__(self, words: int, capacity: int, stride: int) -> None:
        """``stride``: how far apart the words of a key lie where it is numbered."""
        self.stored: Ints64 = np.empty((0, words), np.int64)
        self.slots: npt.NDArray[np.uint32] = np.zeros(0, np.uint32)
        self.header: Ints64 = np.array([0, 0, 0, stride], np.int64)
        self.reserve(capacity)

    def __len__(self) -> int:
        return int(self.header[0])

    @property
    def rows(self) -> int:
        """Rows whose keys were numbered."""
        return int(self.header[1])

    @property
    def keys(self) -> Ints64:
        """The keys by their numbers, shape (len(self), words)."""
        return self.stored[: len(self)]

    @property
    def stride(self) -> int:
        """How far apart the words of a key lie where it is numbered."""
        return int(self.header[3])

    @stride.setter
    def stride(self, stride: int) -> None:
        self.header[3] = stride

    @property
    def capacity(self) -> int:
        """Keys that there is room for."""
        return len(self.stored)

    @property
    def nbytes(self) -> int:
        return self.slots.nbytes + self.stored.nbytes

    def forget(self, apart: bool) -> None:
        """Forgets all keys, of which the slots hold none any more; ``apart``: rows are kept apart from now on."""
        self.header[:3] = 0, 0, apart

    def reserve(self, capacity: int) -> None:
        """Makes room for ``capacity`` keys in all."""
        if capacity <= self.capacity:
            return
        stored = np.empty((capacity, self.stored.shape[1]), np.int64)
        stored[: len(self)] = self.keys
        self.stored = stored
        self.slots = np.zeros(1 << (_SLOTS_A_KEY * capacity - 1).bit_length(), np.uint32)
        if len(self):
            primitive("fill_slots")(self.stored, len(self), self.slots)
