"""Engines that misbehave in chosen ways, a suite of two small queries, and a channel without a process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from locality._suites.benchmarks.digest import brief
from locality._suites.benchmarks.engines import Engine, Ledger, Resources
from locality._suites.benchmarks.engines.base import NotSupported, OutOfMemory
from locality._suites.benchmarks.engines.duckdb import DuckDBEngine
from locality._suites.benchmarks.model import AnswerRow, Query
from locality._suites.benchmarks.outcome import Outcome, Reply
from locality._suites.benchmarks.process import Memory
from locality._suites.benchmarks.suites import SUITES
from locality._suites.benchmarks.worker import Contestant, Request, Session

_ALL = {query.name: query for suite in SUITES.values() for query in suite.queries}
SUITE = replace(SUITES["tpch"], queries=(_ALL["q06"], _ALL["brass_catalogue"]))

GIGABYTE = 10**9


class Ours(DuckDBEngine):
    """Answers rightly and keeps a ledger, in the place of Locality."""

    name: ClassVar[str] = "locality"
    answered_by: ClassVar[str] = "locality"

    def ledger(self, result: Any) -> Ledger:
        reason = None if self.answered_by == "locality" else "window functions"
        return Ledger(self.answered_by, reason, 3000, 2000, 90_000, {"lineitem.l_tax": 3000})


class Picky(Ours):
    """Has a form of one query only."""

    @classmethod
    def answers(cls, query: Query) -> bool:
        return query.name == "q06"


class FallsBack(Ours):
    """Has DuckDB answer."""

    answered_by: ClassVar[str] = "duckdb"


class Wrong(Ours):
    """Changes one value of the answer's last row."""

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        rows = brief(super().answer(result))
        assert isinstance(rows, list)
        return [*rows[:-1], (*rows[-1][:-1], rows[-1][-1] + 1)]


class WrongLater(Wrong):
    """Right at first, wrong from the third run on, as a race would be."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._runs = 0

    def answer(self, result: Any) -> pa.Table | list[AnswerRow]:
        self._runs += 1
        return super().answer(result) if self._runs > 2 else Ours.answer(self, result)


class Fails(Ours):
    """Raises on every query."""

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        raise RuntimeError("no way to run this\nwith details")


class Unable(Ours):
    """Lacks something for every query."""

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        raise NotSupported("no such function\nwith details")


class Hungry(Ours):
    """Says that every query needs too much memory."""

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        raise OutOfMemory("could not allocate block\nwith details")


class FailsToLoad(Ours):
    """Can't load."""

    def load_table(self, name: str, source: Any) -> None:
        raise ValueError(f"no way to load {name}")


class LoadsSlowly(Ours):
    """Takes its time to load."""

    def load_table(self, name: str, source: Any) -> None:
        time.sleep(3600)


class Interrupted(Ours):
    """Ctrl-C comes at the second query."""

    def execute(self, query: Query, parameters: Sequence[Any] = ()) -> Any:
        if query.name != "q06":
            raise KeyboardInterrupt
        return super().execute(query, parameters)


class Sampled(DuckDBEngine):
    """Named like the naive engine, with a small row limit."""

    name: ClassVar[str] = "naive"
    row_limit: ClassVar[int | None] = 6000

    def ask(self, sql: str, parameters: Sequence[Any]) -> Any:
        return super().ask(sql.replace("from lineitem", f"from (from lineitem limit {self.row_limit})"), parameters)


class Greedy(Ours):
    """Takes more and more memory, or the process's end, or no end of time: for processes only."""

    def execute(self, query: Query, parameters: Sequence[Any] = ()) -> Any:
        match query.name:
            case "memory":
                taken = []
                while True:
                    taken.append(b"1" * 10_000_000)
            case "crash":
                import os

                print("a last word", flush=True)
                os._exit(7)
            case "killed":
                import os
                import signal

                os.kill(os.getpid(), signal.SIGKILL)
            case "stuck":
                time.sleep(3600)
            case "slow":
                for _ in range(3600):
                    time.sleep(0.01)
                    if self.stop:
                        raise RuntimeError("interrupted")
        return super().execute(query, parameters)

    stop: bool = False

    def interrupt(self) -> None:
        self.stop = True


class Inline:
    """A channel to an engine in this process; Ctrl-C in the engine is Ctrl-C in the driver."""

    def __init__(self, contestant: Contestant) -> None:
        self.alive = True
        self.memory = Memory()
        self._session = Session()

    def ask(self, request: Request, limit: float) -> Reply:
        reply = self._session.handle(request)
        if reply.outcome is Outcome.ERROR and (reply.message or "").startswith("KeyboardInterrupt"):
            raise KeyboardInterrupt
        self.memory.include(2000, 1000)
        return reply

    def close(self) -> None:
        if self.alive:
            self._session.close()
        self.alive = False


def contestants(*engines: type[Engine]) -> list[Contestant]:
    """One for each engine, under its own name."""
    return [Contestant(engine.name, engine) for engine in engines]


def resources(directory: Path, threads: int = 1) -> Resources:
    """For an engine of a test."""
    return Resources(threads, GIGABYTE, directory)


def all_of(engines: Sequence[type[Engine]]) -> dict[str, type[Engine]]:
    """A registry of these engines by name."""
    return {engine.name: engine for engine in engines}
