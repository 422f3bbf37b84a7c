"""Writes that survive a crash: fsync of files and directories, atomic replacement, and what a full disk raises."""

from __future__ import annotations

import contextlib
import errno
import os
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from locality.errors import StoreError, StoreFullError

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_REPLACE_ATTEMPTS = 50
_CHUNK = 1 << 20


@contextlib.contextmanager
def store_errors(store: Path) -> Iterator[None]:
    """Translate what the operating system says while writing into ``store``.

    Raises StoreFullError where the disk or a quota is full, StoreError where writing is not permitted or fails.
    """
    try:
        yield
    except PermissionError as error:
        raise StoreError(f"no permission to write to the store {store}: {error}") from error
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _FULL:
            raise StoreError(f"the store {store} can't be written to; the last commit is whole: {error}") from error
        raise StoreFullError(
            f"no space left to write to the store {store} ({error.strerror}); "
            "the last commit is whole: free some space and try again"
        ) from error


def make_directory(path: Path) -> None:
    """Make a directory unless it is there."""
    path.mkdir(exist_ok=True)


def sync_file(path: Path) -> None:
    """Force a file's bytes to the disk."""
    # Windows flushes only handles that may write.
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Force a directory's entries to the disk, where the platform can (Windows journals them by itself)."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Make ``path`` hold ``content``, durably and all at once: whoever reads it sees the old bytes or the new ones.

    mode: who may use the file, if the process's mask lets them.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb", opener=partial(os.open, mode=mode)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _rename(temporary, path)
    except BaseException:
        remove_quietly(temporary)
        raise
    sync_directory(path.parent)


def _rename(source: Path, target: Path) -> None:
    """Rename over ``target``; on Windows a reader that has it open for a moment makes this fail, so try for a while."""
    for _ in range(_REPLACE_ATTEMPTS - 1):
        try:
            source.replace(target)
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(0.01)
        else:
            return
    source.replace(target)


def remove_quietly(path: Path) -> bool:
    """Remove a file if it can be; False if it stays (on Windows: while someone maps it)."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def checksum(path: Path) -> int:
    """The CRC-32 of a file's bytes."""
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            value = zlib.crc32(chunk, value)
    return value
