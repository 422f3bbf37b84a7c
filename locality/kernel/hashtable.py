"""Hash tables of keys for kernels: the arrays that the primitives of ``hashing`` work on, and how they grow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints64 = npt.NDArray[np.int64]

#: What ``state[1]`` holds while no block was turned away.
NO_ROW = 2**63 - 1


class HashTable:
    """Numbers distinct keys of ``words`` 64-bit words: 0 for the first, 1 for the next, ...

    slots, stored, state: as :mod:`locality.kernel.primitives.hashing` says; a kernel takes all three as parameters.
    """

    def __init__(self, words: int, capacity: int = 4096) -> None:
        self.stored: Ints64 = np.empty((0, words), np.int64)
        self.slots: Ints64 = np.zeros(0, np.int64)
        self.state: Ints64 = np.array([0, NO_ROW], np.int64)
        self.reserve(capacity)

    def __len__(self) -> int:
        return int(self.state[0])

    @property
    def keys(self) -> Ints64:
        """The keys by their numbers, shape (len(self), words)."""
        return self.stored[: len(self)]

    @property
    def nbytes(self) -> int:
        return self.slots.nbytes + self.stored.nbytes

    @property
    def turned_away(self) -> int | None:
        """The first row that a kernel left undone for want of room, or None."""
        row = int(self.state[1])
        return None if row == NO_ROW else row

    def reserve(self, capacity: int) -> None:
        """Makes room for ``capacity`` keys in all, at least doubling what there is, and lets kernels go on."""
        self.state[1] = NO_ROW
        if capacity <= len(self.stored):
            return
        from locality.kernel.primitives.hashing import fill_slots

        rows = 1 << (max(capacity, 2 * len(self.stored)) - 1).bit_length()
        stored = np.empty((rows, self.stored.shape[1]), np.int64)
        stored[: len(self)] = self.keys
        self.stored = stored
        self.slots = np.zeros(4 * rows, np.int64)
        fill_slots(self.stored, len(self), self.slots)

    def number(self, keys: Ints64) -> Ints64:
        """The numbers of keys, shape (n, words), entering new ones: how tables of several threads are merged."""
        from locality.kernel.primitives.hashing import number_groups

        self.reserve(len(self) + len(keys))
        groups = np.empty(len(keys), np.int64)
        columns = np.ascontiguousarray(keys.T).reshape(-1)
        number_groups(columns, len(keys), self.slots, self.stored, self.state, groups)
        return groups
