"""Methods of a connection that run parts of a query which Locality has no plan for as a whole."""

from __future__ import annotations

import contextlib
import threading
import time
from abc import abstractmethod
from collections.abc import Callable

from locality.errors import LocalityError, Unsupported
from locality.runtime.execution import QueryExecution
from locality.runtime.interrupts import Interrupt
from locality.runtime.opened import Opened
from locality.runtime.parts import Ran, Splitter, run_parts
from locality.runtime.query import PreparedQuery
from locality.runtime.result import Result
from locality.sql.given import Parameters
from locality.sql.parts import Split
from locality.sql.planner import Planner
from locality.storage.snapshot import Snapshot


class Divides(Opened):
    """What :class:`locality.connection.Connection` can do about parts of queries."""

    _planner: Planner
    _splitter: Splitter
    _lock: threading.RLock

    @abstractmethod
    def _plan(self, sql: str, params: Parameters | None, snapshot: Snapshot) -> PreparedQuery | str:
        """The prepared query, or why DuckDB has to answer."""

    def plans(self, sql: str, params: Parameters | None) -> bool:
        """Whether a query has a plan here as a whole, which may turn out not to run."""
        try:
            return isinstance(self._plan(sql, params, self._snapshot()), PreparedQuery)
        except LocalityError:
            return False

    def parts(self, sql: str, params: Parameters | None, allowed: Callable[[str], bool]) -> Split | None:
        """What of a statement is worth running here, of that which is ``allowed``; None if nothing is."""
        snapshot = self._snapshot()

        def plan(part: str, given: Parameters | None) -> PreparedQuery | str:
            return self._plan(part, given, snapshot) if allowed(part) else "not allowed"

        with self._lock:
            found = self._splitter.find(sql, params, snapshot, self._planner, plan)
        return found if found is not None and all(allowed(part.sql) for part in found.parts) else None

    def _run_parts(self, sql: str, params: Parameters | None, snapshot: Snapshot, interrupt: Interrupt) -> Ran | None:
        """Those parts of a statement that Locality can run."""

        def run(part: str, given: Parameters | None) -> Result:
            planned = self._plan(part, given, snapshot)
            if isinstance(planned, str):
                raise Unsupported(planned)
            return planned.run(
                QueryExecution(self._workers, self.settings.memory_bytes, interrupt), time.perf_counter(), 0
            )

        found = self._split(sql, params, snapshot)
        if found is None:
            return None
        with contextlib.suppress(Unsupported):
            return run_parts(found, params, run)
        return None

    def _split(self, sql: str, params: Parameters | None, snapshot: Snapshot) -> Split | None:
        def plan(part: str, given: Parameters | None) -> PreparedQuery | str:
            return self._plan(part, given, snapshot)

        with self._lock:
            return self._splitter.split(sql, params, snapshot, self._planner, plan)
