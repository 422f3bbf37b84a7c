"""A contestant's seat: its process, loaded, asked, and started again where that is quick after it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .engines.base import Resources
from .model import Query, Source
from .outcome import Outcome, Reply
from .process import Channel, Memory
from .record import LoadRecord
from .worker import Contestant, Describe, Finish, Load, Open, Request, Run, Start

_LOAD_LIMIT = 600.0
"""Seconds that starting, or loading one table, may take."""

_RELOAD_SECONDS = 20.0
"""What loading may have taken for a process that ended to be loaded again."""

Connect = Callable[[Contestant], Channel]


class Seat:
    """One contestant with its process. ``load`` comes first; ``record`` tells of it.

    connect: starts a process. sources: what is loaded, but by a contestant that shares another's tables.
    """

    def __init__(
        self, contestant: Contestant, resources: Resources, connect: Connect, sources: Mapping[str, Source]
    ) -> None:
        self.contestant = contestant
        self.memory = Memory()
        engine = contestant.engine
        self.record = LoadRecord(contestant.name, version="", configuration="", keeps=engine.keeps)
        self._resources = resources
        self._connect = connect
        self._sources = sources
        self._channel: Channel | None = None
        self._why_lost = ""

    def load(self, notify: Callable[[str], None], limit: float = _LOAD_LIMIT) -> None:
        """Start the process and load every table; what fails is in the record, and the seat then answers nothing.

        limit: seconds that it may take in all.
        """
        deadline = time.monotonic() + limit
        failed = self._start() or self._fill(notify, deadline)
        if failed is not None:
            self.record.outcome = failed.outcome if failed.outcome is not Outcome.UNSUPPORTED else Outcome.ERROR
            self.record.message = failed.message
            self.close()
        self.record.peak_memory_bytes, self.record.peak_private_bytes = self.memory.resident, self.memory.private

    @property
    def takes_part(self) -> bool:
        """Whether it was loaded."""
        return self.record.outcome is Outcome.OK

    def run(self, query: Query, limit: float, parameters: Sequence[Any] = ()) -> Reply:
        """The reply to a query, within so many seconds; ``memory`` then tells what was the most while it ran."""
        if (self._channel is None or not self._channel.alive) and not self._restart():
            return Reply(Outcome.SKIPPED, self._why_lost)
        reply = self._ask(Run(query, limit, tuple(parameters)), limit)
        if self._channel is not None and not self._channel.alive:
            self._why_lost = f"its process had to be ended at {query.name}, and loading takes long"
        if reply.outcome is Outcome.TOO_LONG:
            return Reply(Outcome.TOO_LONG, f"no answer within {limit:g} s")
        return reply

    def reopen(self) -> bool:
        """A new process that opens what was stored; whether there is one."""
        self.close()
        started = time.perf_counter()
        if self.record.keeps != "disk" or self._start(count=False) is not None or self._ask_all(Open()) is not None:
            return False
        self.record.reopen_seconds = time.perf_counter() - started
        return True

    def close(self) -> None:
        """End the process."""
        if self._channel is not None:
            self._channel.close()
        self._channel = None

    def _start(self, *, count: bool = True) -> Reply | None:
        """Start the process with an empty engine; the reply if that failed."""
        started = time.perf_counter()
        self._channel = self._connect(self.contestant)
        reply = self._ask(Start(self.contestant, self._resources), _LOAD_LIMIT)
        if reply.outcome is not Outcome.OK:
            return reply
        if count:
            self.record.start_seconds = time.perf_counter() - started
        self.record.version = reply.value
        return None

    def _fill(self, notify: Callable[[str], None], deadline: float) -> Reply | None:
        """Load the tables, or open those that another has loaded; the reply if that failed."""
        name, limit = self.contestant.name, self.contestant.engine.row_limit
        if self.contestant.shares is None:
            for table, source in self._sources.items():
                notify(f"loading {table} into {name}")
                reply = self._ask(Load(table, source), max(0.0, deadline - time.monotonic()))
                if reply.outcome is Outcome.TOO_LONG:
                    return replace(reply, message=f"{table} was not loaded in time; see --time-limit")
                if reply.outcome is not Outcome.OK:
                    return reply
                self.record.seconds[table] = reply.seconds
                self.record.rows[table] = min(source.rows, limit or source.rows)
        else:
            notify(f"opening {name}")
            failed = self._ask_all(Open())
            if failed is not None:
                return failed
        reply = self._ask(Finish(), _LOAD_LIMIT)
        if reply.outcome is not Outcome.OK:
            return reply
        self.record.seconds["(finish)"] = reply.seconds
        self.record.stored_bytes = reply.value
        described = self._ask(Describe(), _LOAD_LIMIT)
        self.record.configuration = str(described.value)
        return None

    def _restart(self) -> bool:
        """Bring a lost engine back where that is quick; whether it is there."""
        if self._channel is not None:
            self._channel.close()
        if self.record.keeps == "disk":
            return self._start(count=False) is None and self._ask_all(Open()) is None
        if sum(self.record.seconds.values()) > _RELOAD_SECONDS:
            return False
        loads: list[Request] = [Load(table, source) for table, source in self._sources.items()]
        return self._start(count=False) is None and self._ask_all(*loads, Finish()) is None

    def _ask_all(self, *requests: Request) -> Reply | None:
        """Ask in turn; the first reply that isn't right."""
        for request in requests:
            reply = self._ask(request, _LOAD_LIMIT)
            if reply.outcome is not Outcome.OK:
                return reply
        return None

    def _ask(self, request: Request, limit: float) -> Reply:
        assert self._channel is not None
        self._channel.memory = Memory()
        reply = self._channel.ask(request, limit)
        if isinstance(request, Run):
            self.memory = self._channel.memory
        else:
            self.memory.include(self._channel.memory.resident, self._channel.memory.private)
        return reply
