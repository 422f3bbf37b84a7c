"""The process that one engine lives in: requests come by a pipe, one at a time, and each gets one reply."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .digest import Brief, brief
from .engines.base import Engine, Ledger, NotSupported, OutOfMemory, Resources
from .model import Query, Source
from .outcome import Outcome, Reply


@dataclass(frozen=True)
class Contestant:
    """An engine with its options, under a name of the report.

    shares: the contestant whose stored tables it opens, instead of loading its own.
    """

    name: str
    engine: type[Engine]
    options: Mapping[str, Any] = field(default_factory=dict)
    shares: str | None = None


@dataclass(frozen=True)
class Start:
    """Make the engine; the reply's value is its version."""

    contestant: Contestant
    resources: Resources


@dataclass(frozen=True)
class Load:
    """Load one table."""

    table: str
    source: Source


@dataclass(frozen=True)
class Finish:
    """All tables are loaded; the reply's value is the bytes that they take, or None."""


@dataclass(frozen=True)
class Open:
    """Take up what another process stored."""


@dataclass(frozen=True)
class Describe:
    """The reply's value is the engine's configuration in words."""


@dataclass(frozen=True)
class Run:
    """Answer a query with these parameters within so many seconds; the reply's value is an ``Answered``."""

    query: Query
    limit: float
    parameters: tuple[Any, ...] = ()


Request = Start | Load | Finish | Open | Describe | Run


@dataclass(frozen=True)
class Answered:
    """An answer in brief, or None if it is that of the last run of this query; its rows in number; the ledger."""

    brief: Brief | None
    count: int
    ledger: Ledger | None


class Session:
    """Carries requests out, and turns whatever an engine raises into a reply."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._answers: dict[str, tuple[tuple[Any, ...], Brief]] = {}

    def handle(self, request: Request) -> Reply:
        """The reply to one request."""
        started = time.perf_counter()
        try:
            match request:
                case Start(contestant, resources):
                    self._engine = contestant.engine(resources, **contestant.options)
                    value: Any = self._engine.version()
                case Load(table, source):
                    value = None
                    self.engine.load_table(table, source)
                case Finish():
                    self.engine.finish_loading()
                    value = self.engine.stored_bytes()
                    _forget_garbage()
                case Open():
                    value = None
                    self.engine.open()
                case Describe():
                    value = self.engine.explain_configuration()
                case Run():
                    return self._run(request)
        except BaseException as error:  # noqa: BLE001 (any failure is an outcome; a panic of Rust's is no Exception)
            return _failure(error)
        return Reply(seconds=time.perf_counter() - started, value=value)

    @property
    def engine(self) -> Engine:
        """The engine, once it was made."""
        assert self._engine is not None
        return self._engine

    def close(self) -> None:
        """Close the engine, if there is one."""
        if self._engine is not None:
            self._engine.close()

    def _run(self, request: Run) -> Reply:
        query, parameters = request.query, request.parameters
        with _interrupting(self.engine, request.limit) as interrupted:
            started = time.perf_counter()
            try:
                result = self.engine.execute(query, parameters)
            except BaseException as error:  # noqa: BLE001 (as above)
                return Reply(Outcome.TOO_LONG) if interrupted.is_set() else _failure(error)
            seconds = time.perf_counter() - started
        found = brief(self.engine.answer(result))
        is_known = self._answers.get(query.name) == (parameters, found)
        self._answers[query.name] = (parameters, found)
        answered = Answered(None if is_known else found, len(found), self.engine.ledger(result))
        return Reply(seconds=seconds, value=answered)


@contextmanager
def _interrupting(engine: Engine, limit: float) -> Iterator[threading.Event]:
    """Interrupts the engine at the time limit; the event tells whether that happened."""
    interrupted = threading.Event()

    def interrupt() -> None:
        interrupted.set()
        engine.interrupt()

    timer = threading.Timer(limit, interrupt)
    timer.start()
    try:
        yield interrupted
    finally:
        timer.cancel()
        timer.join()


def _failure(error: BaseException) -> Reply:
    message = f"{type(error).__name__}: {error}".splitlines()[0]
    match error:
        case MemoryError() | OutOfMemory():
            return Reply(Outcome.OUT_OF_MEMORY, str(error).partition("\n")[0] or message)
        case NotSupported():
            return Reply(Outcome.UNSUPPORTED, str(error).partition("\n")[0])
        case _:
            return Reply(Outcome.ERROR, message)


def _forget_garbage() -> None:
    """Millions of live objects would otherwise slow every collection."""
    gc.collect()
    gc.freeze()


def serve(connection: Connection, environment: Mapping[str, str], log: Path) -> None:
    """The main function of an engine's process: replies until the pipe closes.

    What the engine prints goes into ``log``. Ctrl-C is the driver's business: it ends this process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setsid"):
        os.setsid()
    os.environ.update(environment)
    with log.open("a", encoding="utf-8") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    session = Session()
    try:
        while True:
            connection.send(session.handle(connection.recv()))
    except (EOFError, BrokenPipeError):
        session.close()
