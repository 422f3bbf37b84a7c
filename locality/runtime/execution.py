"""Running physical operators: worker threads that pull morsels, the memory limit, the ledger's entries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from locality.kernel.machinecode import compilations
from locality.memory import Account
from locality.operators.physical import Traffic
from locality.plan.expressions import PhysicalValue
from locality.runtime.interrupts import Interrupt

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Workers:
    """A connection's worker threads; the calling thread is one of them, so one thread needs no other."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "locality") if threads > 1 else None

    def run(self, items: Sequence[Item], work: Callable[[int, Item], Any], account: Account) -> None:
        """Calls ``work(worker, item)`` for every item, in order of start; the first exception stops them all.

        The workers count what they take in ``account``, whose check is made, and may stop them, before each item.
        """
        account.check()
        if len(items) == 1:
            work(0, items[0])
            return
        todo = iter(items)
        lock = threading.Lock()
        stop = threading.Event()

        def pull(worker: int) -> None:
            try:
                with account:
                    while not stop.is_set():
                        account.check()
                        with lock:
                            item = next(todo, None)
                        if item is None:
                            return
                        work(worker, item)
            except BaseException:
                stop.set()
                raise

        helpers = min(self.threads, len(items)) - 1
        futures = [self._pool.submit(pull, worker + 1) for worker in range(helpers)] if self._pool else []
        try:
            pull(0)
        finally:
            # one that has not started is not needed; no other may outlive the query whose arrays it writes
            started = [future for future in futures if not future.cancel()]
            for future in started:
                future.exception()
        for future in started:
            future.result()

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown()


class Measured:
    """Adds the time that its body takes to an entry of the ledger."""

    __slots__ = ("_start", "_traffic")

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def __enter__(self) -> Traffic:
        self._start = time.perf_counter()
        return self._traffic

    def __exit__(self, *error: object) -> None:
        self._traffic.seconds += time.perf_counter() - self._start


class QueryExecution:
    """One run of one query: what operators may use while it lasts."""

    def __init__(self, workers: Workers, memory_limit: int, interrupt: Interrupt | None = None) -> None:
        """``interrupt``: what may stop it; by default nothing does."""
        self.threads = workers.threads
        self.values: Sequence[PhysicalValue] = ()
        self.interrupt = interrupt or Interrupt()
        self.account = Account(memory_limit, self.interrupt.check)
        self.ledger: list[Traffic] = []
        self._compiled = compilations.kernels, compilations.seconds
        self._workers = workers
        self.memory_limit = memory_limit
        self._reserved = 0
        self._results: dict[int, Any] = {}
        self._lock = threading.Lock()

    @property
    def compiled(self) -> tuple[int, float]:
        """How many kernels this process has compiled since the execution began, and the seconds that this took."""
        kernels, seconds = self._compiled
        return compilations.kernels - kernels, compilations.seconds - seconds

    def measure(self, operator: str) -> Measured:
        """An entry in the ledger for the time that the body takes and the bytes that it counts."""
        self.interrupt.check()
        traffic = Traffic(operator)
        self.ledger.append(traffic)
        return Measured(traffic)

    def run(self, items: Sequence[Item], work: Callable[[int, Item], Any]) -> None:
        """See :meth:`Workers.run`."""
        self._workers.run(items, work, self.account)

    def reserve(self, nbytes: int, what: str) -> None:
        """Counts ``nbytes`` of state until they are released; raises MemoryLimitError past the limit."""
        self.account.reserve(nbytes, what)

    def once(self, key: object, compute: Callable[[], Answer]) -> Answer:
        """What ``compute()`` gave at the first call with this very ``key``, which must outlive the execution."""
        if id(key) not in self._results:
            self._results[id(key)] = compute()
        answer: Answer = self._results[id(key)]
        return answer

    def release(self, nbytes: int) -> None:
        """Counts ``nbytes`` of reserved state no more."""
        self.account.release(nbytes)
