"""The memory that a query holds: counted before it is taken, and until it is freed, against the limit.

An :class:`Account` is a query's. Whoever makes a large array for it asks here for the array, or shows it here, without
knowing the query: each thread that works for one does so inside its account. Where there is none, nothing is counted.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.errors import MemoryLimitError

AnyArray = npt.NDArray[Any]

#: Smaller arrays are not counted: all of them together take little, and counting each would cost more than it tells.
LEAST_BYTES = 1 << 16

_threads = threading.local()


class _Held(weakref.ref[AnyArray]):
    """A counted array, as long as it lives."""

    __slots__ = ("key", "nbytes")
    key: int
    nbytes: int


class Account:
    """What one query holds, in bytes, and may; entered as a context manager by each thread that works for the query."""

    def __init__(self, limit: int, check: Callable[[], None] = lambda: None) -> None:
        """``check``: called whenever something is asked for; it may raise, to end the query."""
        self.limit = limit
        self.check = check
        self._held = 0
        self._arrays: dict[int, _Held] = {}
        # An array may be freed anywhere, while this very thread counts another one: that is only noted down.
        self._freed: deque[tuple[int, _Held | None]] = deque()
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Bytes that the query holds now."""
        with self._lock:
            self._settle()
            return self._held

    def allow(self, nbytes: int, what: str) -> None:
        """Raises MemoryLimitError if ``nbytes`` more would pass the limit; counts nothing."""
        self._add(0, nbytes, what)

    def reserve(self, nbytes: int, what: str) -> None:
        """Counts ``nbytes`` until they are released; raises MemoryLimitError, and counts nothing, past the limit."""
        self._add(nbytes, nbytes, what)

    def release(self, nbytes: int) -> None:
        """Counts ``nbytes`` no more."""
        self._freed.append((nbytes, None))

    def hold(self, array: AnyArray, what: str) -> None:
        """Counts an array until its memory is freed, a view's that it shows; raises MemoryLimitError past the limit.

        Memory that no array owns, such as a mapped file, does not count, and none counts twice.
        """
        if array.nbytes < LEAST_BYTES:
            return
        array = array.base if isinstance(array.base, np.ndarray) else array
        known = self._arrays.get(id(array))
        if not array.flags.owndata or (known is not None and known() is array):
            return
        self.reserve(array.nbytes, what)
        held = _Held(array, self._let_go)
        held.key, held.nbytes = id(array), array.nbytes
        self._arrays[held.key] = held

    def _let_go(self, held: Any) -> None:
        self._freed.append((held.nbytes, held))

    def _add(self, nbytes: int, wanted: int, what: str) -> None:
        self.check()
        with self._lock:
            self._settle()
            if self._held + wanted > self.limit:
                raise MemoryLimitError(
                    f"{what} would take the query to {self._held + wanted:,} bytes of memory, more than the limit of "
                    f"{self.limit:,}; raise memory_limit, or select fewer rows and columns"
                )
            self._held += nbytes

    def _settle(self) -> None:
        """Stops counting what was freed."""
        while self._freed:
            nbytes, held = self._freed.popleft()
            self._held -= nbytes
            if held is not None and self._arrays.get(held.key) is held:
                del self._arrays[held.key]

    def __enter__(self) -> Account:
        stack = _threads.__dict__.setdefault("accounts", [])
        stack.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _threads.accounts.pop()


def current() -> Account | None:
    """The account of the query that this thread works for."""
    stack: list[Account] = _threads.__dict__.get("accounts", [])
    return stack[-1] if stack else None


def allow(nbytes: int, what: str) -> None:
    """Raises MemoryLimitError if ``nbytes`` more would pass the limit: for who is about to take as much."""
    account = current() if nbytes >= LEAST_BYTES else None
    if account is not None:
        account.allow(nbytes, what)


def hold(arrays: Iterable[AnyArray | None], what: str) -> None:
    """Counts arrays that were made just now, until they are freed; raises MemoryLimitError past the limit."""
    large = [array for array in arrays if array is not None and array.nbytes >= LEAST_BYTES]
    account = current() if large else None
    if account is not None:
        for array in large:
            account.hold(array, what)


def empty(shape: int | tuple[int, ...], dtype: npt.DTypeLike, what: str) -> AnyArray:
    """``np.empty``, counted; raises MemoryLimitError, before any memory is taken, past the limit."""
    return _made(np.empty, shape, dtype, what)


def zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike, what: str) -> AnyArray:
    """``np.zeros``, counted likewise."""
    return _made(np.zeros, shape, dtype, what)


def _made(make: Callable[..., AnyArray], shape: int | tuple[int, ...], dtype: npt.DTypeLike, what: str) -> AnyArray:
    nbytes = (shape if isinstance(shape, int) else math.prod(shape)) * np.dtype(dtype).itemsize
    account = current() if nbytes >= LEAST_BYTES else None
    if account is None:
        return make(shape, dtype)
    account.allow(nbytes, what)
    array = make(shape, dtype)
    account.hold(array, what)
    return array


def concatenate(parts: list[AnyArray], what: str) -> AnyArray:
    """``np.concatenate``, counted likewise."""
    allow(sum(part.nbytes for part in parts), what)
    array = np.concatenate(parts)
    hold((array,), what)
    return array
