"""Compiling a query's kernels in the background: by running it, as later operators are made for what earlier ones gave.

Meanwhile DuckDB answers it over the same snapshot. A rehearsal stops between two kernels, and between two morsels, when
the connection is closed or the program ends, so that neither waits for more than one compilation. Kernels that were
compiled until then are kept.
"""

from __future__ import annotations

import contextlib
import threading

from locality.errors import LocalityError, Unsupported
from locality.runtime.execution import QueryExecution, Workers
from locality.runtime.interrupts import Interrupt
from locality.runtime.query import PreparedQuery

#: Why DuckDB answers meanwhile.
REASON = "its kernels are being compiled in the background"


class Rehearsals:
    """Rehearses queries, one after the other, on a thread that is there as long as any is waiting."""

    def __init__(self) -> None:
        self._waiting: dict[PreparedQuery, int] = {}
        self._interrupt = _UntilExit()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def add(self, query: PreparedQuery, memory_limit: int) -> None:
        """Have a query rehearsed, unless it waits for that already.

        memory_limit: bytes that the rehearsal may take, beside what queries take.
        """
        with self._lock:
            if query in self._waiting or self._interrupt.requested:
                return
            self._waiting[query] = memory_limit
            if self._thread is None:
                self._thread = threading.Thread(target=self._rehearse_all, name="locality-rehearsal")
                self._thread.start()

    def close(self) -> None:
        """Stops the rehearsal that runs, and forgets the others."""
        self._interrupt.request()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _rehearse_all(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or self._interrupt.requested:
                    self._waiting.clear()
                    self._thread = None
                    return
                query, memory_limit = next(iter(self._waiting.items()))
            execution = QueryExecution(Workers(1), memory_limit, self._interrupt)
            # A query that can't be answered says so when it is asked again.
            with contextlib.suppress(LocalityError, Unsupported):
                self._rehearse(query, execution)
            with self._lock:
                del self._waiting[query]

    def _rehearse(self, query: PreparedQuery, execution: QueryExecution) -> None:
        try:
            query.rehearse(execution)
        except RuntimeError:  # of Python, which starts no threads any more once the program ends
            if not self._interrupt.requested:
                raise


class _UntilExit(Interrupt):
    """Is also requested when the main thread has come to its end, and the program waits for the others."""

    @property
    def requested(self) -> bool:
        return self._asked or not threading.main_thread().is_alive()

    @requested.setter
    def requested(self, value: bool) -> None:
        self._asked = value
