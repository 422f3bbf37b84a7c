"""An engine's process as the driver sees it: asked within limits of time and memory, and ended beyond them."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from .outcome import Outcome, Reply
from .units import data_size
from .worker import Request, serve

_SAMPLING_SECONDS = 0.01
"""Between looks at the process's memory."""

_HELPERS_SECONDS = 0.25
"""Between looks for the processes that it started, which is slower."""

_GRACE_SECONDS = 2.0
"""What an engine gets beyond its time limit to end a query by itself."""

_STOPPING_SECONDS = 5.0

_LEAST_FREE = 0.03
"""Share of the machine's memory that stays free: beyond it, systems swap or end processes of their choice."""

_KILLED = -9


@dataclass
class Memory:
    """The most that was seen: of all resident pages, and of those that are no mapped files."""

    resident: int = 0
    private: int = 0

    def include(self, resident: int, private: int) -> None:
        """Take one look into account."""
        self.resident, self.private = max(self.resident, resident), max(self.private, private)


class Channel(Protocol):
    """How requests reach an engine.

    alive: whether it can be asked. memory: the most that it took since this was last set.
    """

    alive: bool
    memory: Memory

    def ask(self, request: Request, limit: float) -> Reply:
        """The reply; after ``limit`` seconds and some grace the engine is ended and not alive any more."""

    def close(self) -> None:
        """End it."""


class EngineProcess:
    """A ``Channel`` to an engine in a new process.

    environment: its variables besides those of this process. log: the file that takes what it prints.
    memory_bytes: the process is ended when its private memory passes that. has_helpers: whether it starts others, whose
    memory counts.
    """

    def __init__(
        self, environment: Mapping[str, str], log: Path, memory_bytes: int, *, has_helpers: bool = False
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, dict(environment), log), daemon=True)
        self._process.start()
        theirs.close()
        self._log = log
        self._limit = memory_bytes
        self._least_free = int(psutil.virtual_memory().total * _LEAST_FREE)
        self._watched = [psutil.Process(self._process.pid)]
        self._has_helpers = has_helpers
        self._looked = 0.0
        self.alive = True
        self.memory = Memory()

    def ask(self, request: Request, limit: float) -> Reply:
        deadline = time.monotonic() + limit + _GRACE_SECONDS
        try:
            self._pipe.send(request)
            while not self._pipe.poll(_SAMPLING_SECONDS):
                excess = self._sample()
                if excess is not None:
                    self._kill()
                    return Reply(Outcome.OUT_OF_MEMORY, excess)
                if time.monotonic() > deadline:
                    self._kill()
                    return Reply(Outcome.TOO_LONG)
            reply = self._pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return self._ended()
        self._sample()
        assert isinstance(reply, Reply)
        return reply

    def close(self) -> None:
        """Let it close the engine, or end it if that takes long."""
        self._pipe.close()
        self._process.join(_STOPPING_SECONDS)
        self._kill()

    def _sample(self) -> str | None:
        """Look at its memory; what is said of it if that is too much."""
        now = time.monotonic()
        resident = private = 0
        with suppress(psutil.NoSuchProcess):
            if self._has_helpers and now - self._looked > _HELPERS_SECONDS:
                self._looked = now
                self._watched = [self._watched[0], *self._watched[0].children(recursive=True)]
        for process in self._watched:
            with suppress(psutil.NoSuchProcess):
                found = process.memory_info()
                resident += found.rss
                private += getattr(found, "private", found.rss - getattr(found, "shared", 0))
        self.memory.include(resident, private)
        if private > self._limit:
            return f"more than {data_size(self._limit)}"
        if psutil.virtual_memory().available < self._least_free:
            return f"the machine has less than {data_size(self._least_free)} left"
        return None

    def _ended(self) -> Reply:
        """What the process's end is taken for: the system ends those that need too much memory by SIGKILL."""
        self._process.join(_STOPPING_SECONDS)
        status = self._process.exitcode
        self._kill()
        if status == _KILLED:
            return Reply(Outcome.OUT_OF_MEMORY, "the system ended the process")
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n") if self._log.exists() else []
        said = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        return Reply(Outcome.ERROR, f"the process ended with status {status}; it last printed: {said}")

    def _kill(self) -> None:
        """End it and what it started."""
        self.alive = False
        for process in reversed(self._watched):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.join(_STOPPING_SECONDS)
