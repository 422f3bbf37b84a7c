"""Stopping a running query: a flag that its threads look at, and a caller who does not wait for the last of them.

Python handles Ctrl-C on the main thread alone, and there only between two of its instructions: a call into compiled
code that sorts or indexes many million rows lets nobody in. So a query that may take long runs on a thread of its own,
and the caller waits for it, or for an interrupt.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from locality.errors import InterruptError

Answer = TypeVar("Answer")

#: Seconds between two looks at the flag; and that a stopped query has to end, before it is left to end by itself.
_LOOK, _GRACE = 0.05, 0.1


class Interrupt:
    """Whether one query is to stop; any thread may ask for it."""

    def __init__(self) -> None:
        self.requested = False

    def request(self) -> None:
        """Have the query stop."""
        self.requested = True

    def check(self) -> None:
        """Raises InterruptError if the query is to stop."""
        if self.requested:
            raise InterruptError("the query was interrupted")


class Interrupts:
    """Those of a connection's running queries."""

    def __init__(self) -> None:
        self._running: set[Interrupt] = set()
        self._lock = threading.Lock()

    @contextmanager
    def query(self) -> Iterator[Interrupt]:
        """The interrupt of a query that runs in the body."""
        interrupt = Interrupt()
        with self._lock:
            self._running.add(interrupt)
        try:
            yield interrupt
        finally:
            with self._lock:
                self._running.discard(interrupt)

    def request(self) -> None:
        """Have all queries stop that are running now."""
        with self._lock:
            for interrupt in self._running:
                interrupt.request()


_asked = threading.local()


@contextmanager
def stopped_by(asks: Callable[[], bool]) -> Iterator[None]:
    """The queries that this thread runs in the body are to stop once ``asks`` says so; only this thread calls it."""
    _asked.asks = asks
    try:
        yield
    finally:
        del _asked.asks


#: Threads that ran a query and may run another: to start one takes longer than a short query does.
_idle: list[ThreadPoolExecutor] = []
_MOST_IDLE = 4
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # threads stay behind in the parent


def _rest(thread: ThreadPoolExecutor) -> None:
    """Keep a thread that is done, unless there are enough."""
    if len(_idle) < _MOST_IDLE:
        _idle.append(thread)
    else:
        thread.shutdown(wait=False)


def run_interruptibly(work: Callable[[], Answer], interrupt: Interrupt) -> Answer:
    """What ``work`` returns or raises, computed by another thread.

    Raises InterruptError, or on Ctrl-C KeyboardInterrupt, soon after it was asked for: if ``work`` does not notice
    within a tenth of a second, its thread ends when it does, and lets go of its memory then.
    """
    try:
        thread = _idle.pop()
    except IndexError:
        thread = ThreadPoolExecutor(1, "locality-query")
    future = thread.submit(work)
    future.add_done_callback(lambda _: _rest(thread))
    asks: Callable[[], bool] | None = getattr(_asked, "asks", None)
    try:
        while not wait([future], _LOOK).done:
            if asks is not None and asks():
                interrupt.request()
            if interrupt.requested and not wait([future], _GRACE).done:
                interrupt.check()
    except KeyboardInterrupt:
        interrupt.request()
        wait([future], _GRACE)
        raise
    return future.result()
