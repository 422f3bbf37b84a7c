"""Who is using a store: the one writer's lock, and the pins of readers, by which a writer knows what must stay.

Both are locks of the operating system, so that they vanish with a process however it ends.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from locality.errors import StoreLockedError
from locality.storage import durable

WRITE_LOCK = "write.lock"
READERS = "readers"
_EVERYTHING = 0
#: Who removes dead pins may take a new one for dead before it is locked; the next name has the same small chance.
_ATTEMPTS = 8


class WriteLock:
    """The right to change a store, as a context manager; raises StoreLockedError while someone else has it."""

    def __init__(self, store: Path, timeout: float = 0.0) -> None:
        """``timeout``: seconds to wait for another writer; the default is not to wait."""
        self._store = store
        self._lock = FileLock(store / WRITE_LOCK, timeout=timeout, thread_local=False)

    def __enter__(self) -> WriteLock:
        with durable.store_errors(self._store):
            try:
                self._lock.acquire()
            except Timeout:
                raise StoreLockedError(
                    f"another process or connection is writing to the store {self._store}: "
                    "wait until it is done, or stop it, and try again"
                ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class ReaderPin:
    """Keeps the files of a version and of all later ones from being removed, until it is closed or the process ends.

    A store that can't be written to needs no pins: a pin that can't be made there is none.
    """

    def __init__(self, store: Path) -> None:
        """The new pin keeps everything, until :meth:`keep` says from which version on."""
        directory = store / READERS
        for _ in range(_ATTEMPTS):
            name = uuid.uuid4().hex
            self._version = directory / f"{name}.version"
            self._file = directory / f"{name}.lock"
            self._lock: FileLock | None = FileLock(self._file, timeout=0.0, thread_local=False)
            try:
                directory.mkdir(exist_ok=True)
                self._lock.acquire()
            except Timeout:
                continue
            except (OSError, NotImplementedError):
                self._lock = None
                return
            if self._file.exists():
                return
            self._lock.release()
        self._lock = None

    def keep(self, version: int) -> None:
        """Keep ``version`` and what came after it."""
        if self._lock is not None:
            with durable.store_errors(self._file.parent.parent):
                self._version.write_text(str(version))

    def close(self) -> None:
        """Let go; a second call does nothing."""
        if self._lock is None:
            return
        durable.remove_quietly(self._version)
        self._lock.release()
        durable.remove_quietly(self._file)
        self._lock = None


def oldest_pinned(store: Path, current: int) -> int:
    """The oldest version that a living reader pins, at most ``current``; pins that dead processes left are removed."""
    return min([current, *map(_pinned, remove_dead_pins(store))])


def remove_dead_pins(store: Path) -> list[Path]:
    """Removes the pins of processes that ended without doing so; returns the files with the versions of the others."""
    living = []
    for file in (store / READERS).glob("*.lock"):
        lock = FileLock(file, timeout=0.0, thread_local=False)
        version = file.with_suffix(".version")
        try:
            lock.acquire()
        except Timeout:
            living.append(version)
        except OSError:
            # Its reader has just closed it; or else nothing is known, and the reader must be assumed to live.
            if file.exists():
                living.append(version)
        else:
            durable.remove_quietly(version)
            # while it is locked, so that a reader that is just making it notices; Windows removes no open file
            durable.remove_quietly(file)
            lock.release()
            durable.remove_quietly(file)
    return living


def _pinned(version: Path) -> int:
    try:
        return int(version.read_text())
    except (OSError, ValueError):
        return _EVERYTHING  # its reader is just opening or moving on
