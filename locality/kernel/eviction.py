"""Keeps the directory of kernels from growing without end: who has not been used for longest goes first.

Files are touched when they are read, so their times order them by use. Whoever writes a kernel looks at the directory,
once a day for all processes together, on a thread of its own. A file that is removed while others want it is compiled
again by them.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

#: Bytes that the directory may hold when it was looked at: some ten thousand kernels.
MOST_BYTES = 512 << 20
#: Seconds between two looks, and after which what a process did not finish writing is left over.
PERIOD = 24 * 3600.0

#: Bytes that file systems give a file at a time.
_BLOCK = 4096

_MARK = ".looked_at"


class _File(NamedTuple):
    used: float
    size: int
    path: str


def touch(path: Path) -> None:
    """Note that a file is used; where that can't be noted, files go by the age of what they say."""
    with contextlib.suppress(OSError):
        os.utime(path)


@cache
def keep_small(directory: Path) -> None:
    """Have files removed if it is time for it; a process asks once."""
    mark = directory / _MARK
    with contextlib.suppress(OSError):
        known = mark.exists()
        if known and time.time() - mark.stat().st_mtime < PERIOD:
            return
        mark.touch(mode=0o600)
        if known:
            threading.Thread(target=evict, args=(directory,), name="locality-eviction", daemon=True).start()


def evict(directory: Path, most: int | None = None) -> None:
    """Remove files below a directory, those used longest ago first, until they take ``most`` bytes at most.

    Directories of environments (versions of Python, of LLVM, of this library) of which nothing is left go as well.
    """
    files = sorted(_files(directory))
    excess = sum(file.size for file in files) - (MOST_BYTES if most is None else most)
    old = time.time() - PERIOD
    for file in files:
        is_left_over = file.path.endswith(".tmp") and file.used < old
        if excess > 0 or is_left_over:
            with contextlib.suppress(OSError):
                Path(file.path).unlink()
            excess -= file.size
    for environment in directory.iterdir():
        with contextlib.suppress(OSError):  # it is no directory, or there is something in it
            environment.rmdir()


def _files(directory: Path) -> Iterator[_File]:
    with os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # another process may remove files, too
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(Path(entry.path))
                elif entry.name != _MARK:
                    status = entry.stat(follow_symlinks=False)
                    yield _File(status.st_mtime, -(-status.st_size // _BLOCK) * _BLOCK, entry.path)
