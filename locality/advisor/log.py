"""The workload log of a connection: what was asked, gathered in memory and written to the store now and then.

A query pays for one look into a dictionary. Constants are taken out of texts, and the file is written, on a thread of
its own every half a minute, and when the connection is closed. Whatever goes wrong there, no query fails by it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from locality.advisor.logfile import Log, LogFile
from locality.advisor.shapes import Example, LoggedShape, Runs, is_kept
from locality.errors import LocalityError, StoreError
from locality.runtime.profile import Profile
from locality.sql.given import Parameters
from locality.sql.shape import shape_of
from locality.storage.store import Store

#: Bytes of texts that are held until they are written, and seconds.
_MOST_BYTES = 1 << 20
_PERIOD = 30.0
#: Texts that are longer, and lists of more parameters, are not kept.
_MOST_TEXT = 1 << 16
_MOST_PARAMETERS = 256


@dataclass(slots=True)
class _Asked:
    """Runs of one text at one version of the store; the profile and the parameters are those of the last."""

    profile: Profile
    params: Parameters | None = None
    count: int = 0
    seconds: float = 0.0
    bytes: int = 0


class WorkloadLog:
    """What one connection adds to the log of its store; threads may share it."""

    def __init__(self, store: Store, *, writable: bool) -> None:
        """``writable``: whether the store may be written to, or all stays in memory."""
        self._store, self._writable = store, writable
        self._file = LogFile(store.path)
        self._asked: dict[tuple[str, int], _Asked] = {}
        self._held = 0
        self._unwritten: Log = Log()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._due = time.monotonic() + _PERIOD

    def add(self, sql: str, params: Parameters | None, profile: Profile, version: int) -> None:
        """Notes one answered query over the store at a version."""
        if len(sql) > _MOST_TEXT:
            return
        with self._lock:
            asked = self._asked.get((sql, version))
            if asked is None:
                if self._held > 2 * _MOST_BYTES:  # more come than can be written
                    return
                asked = self._asked[sql, version] = _Asked(profile)
                self._held += len(sql)
            asked.profile = profile
            if params and len(params) <= _MOST_PARAMETERS:
                asked.params = dict(params) if isinstance(params, Mapping) else tuple(params)
            asked.count += 1
            asked.seconds += max(profile.seconds - profile.compile_seconds, 0.0)
            asked.bytes += profile.bytes_moved
        if self._held > _MOST_BYTES or time.monotonic() > self._due:
            self._start_writing()

    def flush(self) -> None:
        """Writes what is not written yet; where that is impossible it stays in memory."""
        with self._writing, contextlib.suppress(LocalityError):  # the store is gone
            later = self._fold()
            if self._writable and later.shapes and self._file.update(lambda log: log.merged(later)):
                self._unwritten = Log()

    def read(self) -> Log:
        """The log of the store, with what this connection can't write to it."""
        self.flush()
        return self._file.read().merged(self._unwritten)

    def mark(self, predicted: Mapping[str, LoggedShape]) -> None:
        """Notes that the store was optimized: runs are counted apart from now on, beside what is ``predicted``."""
        self.flush()
        version = self._store.snapshot().version
        if predicted or self._file.read().shapes:
            self._file.update(lambda log: log.optimized(version, predicted))

    def clear(self) -> None:
        """Forgets everything; raises StoreError if the store may not be written to."""
        if not self._writable:
            raise StoreError("the store is open read-only: connect without read_only=True to clear its log")
        with self._writing:
            self._fold()
            self._unwritten = Log()
            self._file.remove()

    def _start_writing(self) -> None:
        self._due = time.monotonic() + _PERIOD
        if not self._writing.locked():
            with contextlib.suppress(RuntimeError):  # the interpreter is going down, or no thread can be had
                threading.Thread(target=self.flush).start()

    def _fold(self) -> Log:
        """All that is not written, by shapes."""
        with self._lock:
            asked, self._asked, self._held = self._asked, {}, 0
        if asked:
            known = {name.lower(): name for name in self._store.snapshot().tables}
            epoch, now = self._file.read().epoch, time.time()
            for (sql, version), runs in asked.items():
                shape = _logged(sql, version, runs, known, is_since=version >= epoch, now=now)
                self._unwritten = self._unwritten.merged(Log({shape.text: shape}))
        return self._unwritten


def _logged(
    sql: str, version: int, asked: _Asked, tables: Mapping[str, str], *, is_since: bool, now: float
) -> LoggedShape:
    shape, profile = shape_of(sql), asked.profile
    seconds = max(profile.seconds - profile.compile_seconds, 0.0)
    example = Example(sql, asked.params, profile.bytes_moved, seconds, profile.touched, version)
    runs = Runs(asked.count, asked.seconds, asked.bytes)
    return LoggedShape(
        shape.text,
        tuple(sorted(tables[name] for name in shape.names & tables.keys())),
        profile.engine,
        profile.reason,
        before=Runs() if is_since else runs,
        since=runs if is_since else Runs(),
        recent=asked.count,
        last=now,
        examples=(example,) if is_kept(asked.params) else (),
    )
