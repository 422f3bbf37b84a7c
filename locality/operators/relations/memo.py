"""What was derived from a relation's rows and may be derived again: bounded in all, and forgotten with the rows."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

Value = TypeVar("Value")

#: Bytes that all memos of the process may take together, about; what is asked for longest ago goes first.
MOST_BYTES = 64 << 20
#: What of it is left after some was forgotten, so that it need not be done again at once.
_LEFT = 0.75
#: What is counted for a value whose size nobody tells.
_SMALL = 512


@dataclass(slots=True)
class _Entry:
    value: Any
    nbytes: int
    used: int


class Memo:
    """Values by key; threads may share one. Nothing that is put in is sure to be there later."""

    __slots__ = ("__weakref__", "_entries")

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Any:
        """The value of ``key``; None if there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        entry.used = next(_BUDGET.clock)
        return entry.value

    def keep(self, key: Hashable, value: Any, nbytes: int = _SMALL) -> None:
        """Remembers a value of about so many bytes."""
        if not self._entries:  # most relations that a query puts out never remember anything
            _BUDGET.memos.add(self)
        self._entries[key] = _Entry(value, nbytes, next(_BUDGET.clock))
        _BUDGET.add(nbytes)

    def once(self, key: Hashable, make: Callable[[], Value], nbytes: int = _SMALL) -> Value:
        """The value of ``key``, made now if there is none."""
        value: Value | None = self.get(key)
        if value is None:
            value = make()
            self.keep(key, value, nbytes)
        return value

    def pop(self, key: Hashable) -> None:
        """Forgets the value of ``key``, if there is one."""
        self._entries.pop(key, None)

    def entries(self) -> list[tuple[Hashable, _Entry]]:
        """A copy of what is there."""
        return list(self._entries.items())


class _Budget:
    """The bytes of all memos that live; those of memos that died are counted until the next shrinking."""

    def __init__(self) -> None:
        self.memos: weakref.WeakSet[Memo] = weakref.WeakSet()
        self.clock = itertools.count()
        self._total = 0
        self._lock = threading.Lock()

    def add(self, nbytes: int) -> None:
        """Counts what was put in, and makes room if it is too much."""
        with self._lock:
            self._total += nbytes
            if self._total > MOST_BYTES:
                self._shrink()

    def _shrink(self) -> None:
        entries = [(memo, key, entry) for memo in list(self.memos) for key, entry in memo.entries()]
        total = sum(entry.nbytes for _, _, entry in entries)
        for memo, key, entry in sorted(entries, key=lambda each: each[2].used):
            if total <= _LEFT * MOST_BYTES:
                break
            memo.pop(key)
            total -= entry.nbytes
        self._total = total


_BUDGET = _Budget()
