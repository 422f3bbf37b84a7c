"""Optimises kernels on a thread of its own while they run: those that have run for long as they were compiled at first.

The thread is there as long as a kernel waits for it. LLVM's Python binding lets one thread in at a time, and a step of
LLVM's takes up to some tenths of a second: so none begins while kernels are compiled that queries wait for, nor shortly
after, when there will be more of them. But a query that is asked again waits for its kernels: it is one that is asked
often. A program that ends waits for one kernel at most, which is then in the cache.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

#: Seconds without a kernel that a query waits for, before one is optimised; and between two looks at the program's end.
_QUIET, _LOOK = 0.25, 0.01


class Improvable(Protocol):
    """Code that better code can take the place of."""

    def optimise(self, give_way: Callable[[], None]) -> None:
        """Makes better code; calls ``give_way()`` before each long step."""


class Optimiser:
    """Optimises what is added, one after the other."""

    def __init__(self) -> None:
        self._waiting: dict[Improvable, None] = {}
        self._urgent = 0
        self._calm = 0.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, code: Improvable) -> None:
        """Have code optimised, unless it waits for that already, or the program ends."""
        with self._lock:
            self._waiting[code] = None
            if self._thread is None:
                thread = threading.Thread(target=self._optimise_all, name="locality-optimiser")
                try:
                    thread.start()
                except RuntimeError:  # Python starts no threads any more once the program ends
                    return
                self._thread = thread

    @contextmanager
    def urgently(self) -> Iterator[None]:
        """No step begins while the body compiles what a query waits for."""
        with self._lock:
            self._urgent += 1
        try:
            yield
        finally:
            with self._lock:
                self._urgent -= 1
                self._calm = time.monotonic() + _QUIET

    @property
    def waiting(self) -> frozenset[Improvable]:
        """What is not yet optimised of what was added."""
        with self._lock:
            return frozenset(self._waiting)

    def hasten(self, codes: Collection[Improvable], most: float, check: Callable[[], None]) -> float:
        """Has some come before the others, and returns once none of them waits any more, after ``most`` seconds if not.

        ``check()`` is called meanwhile, and may raise. Returns how long that took.
        """
        started = time.monotonic()
        with self._lock:
            self._waiting = {**{code: None for code in self._waiting if code in codes}, **self._waiting}
            self._calm = 0.0
        while any(code in self._waiting for code in codes) and time.monotonic() < started + most:
            check()
            time.sleep(_LOOK)
        return time.monotonic() - started

    def wait(self) -> None:
        """Returns once all that was added is optimised."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _optimise_all(self) -> None:
        while True:
            self._give_way()
            with self._lock:
                if not self._waiting or not threading.main_thread().is_alive():
                    self._waiting.clear()
                    self._thread = None
                    return
                code = next(iter(self._waiting))
            try:
                code.optimise(self._give_way)
            finally:
                with self._lock:
                    del self._waiting[code]

    def _give_way(self) -> None:
        while (self._urgent or time.monotonic() < self._calm) and threading.main_thread().is_alive():
            time.sleep(_LOOK)


optimiser = Optimiser()
