"""Directories for what a process needs while it runs, which a process that dies leaves to the next one to remove."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "locality-"
#: Locked for as long as its directory's process lives: such locks vanish with a process, however it ends.
_OWNER = ".owner.lock"
#: A younger directory may be one whose process is just about to lock it.
_LEAST_AGE_S = 60.0


class ScratchDirectory(tempfile.TemporaryDirectory[str]):
    """A directory below the system's for temporary files, removed by :meth:`cleanup` or at the end of a ``with``.

    What killed processes left, which may be all that a query spilled, is removed when one is made.
    """

    def __init__(self, purpose: str) -> None:
        """``purpose``: a word for its name, for who finds it."""
        remove_abandoned()
        super().__init__(prefix=f"{_PREFIX}{purpose}-", ignore_cleanup_errors=True)
        self._lock = FileLock(Path(self.name) / _OWNER, thread_local=False)
        self._lock.acquire()

    def cleanup(self) -> None:
        """Remove it; a second call does nothing."""
        self._lock.release()
        super().cleanup()


def remove_abandoned() -> None:
    """Remove the directories whose processes have ended; those of other users, and what can't be removed, stay."""
    for owner in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_OWNER}"):
        lock = FileLock(owner, timeout=0.0, thread_local=False)
        try:
            if time.time() - owner.stat().st_mtime < _LEAST_AGE_S:
                continue
            lock.acquire()
        except (Timeout, OSError):
            continue
        shutil.rmtree(owner.parent, ignore_errors=True)
        lock.release()
