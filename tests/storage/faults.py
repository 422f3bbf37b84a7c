"""A disk that fails at a chosen write."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from locality.storage import durable, files


class Disk:
    """Counts the store's writes, and fails the one that is asked for."""

    def __init__(self, fail_at: int, error: int) -> None:
        self.count = 0
        self._fail_at = fail_at
        self._error = error

    def guard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count == self._fail_at:
                raise OSError(self._error, os.strerror(self._error))
            return function(*args, **kwargs)

        return guarded


def fill(monkeypatch: pytest.MonkeyPatch, fail_at: int, error: int = errno.ENOSPC) -> Disk:
    """Has the store's write number ``fail_at`` fail (0: none); counts them all."""
    disk = Disk(fail_at, error)
    monkeypatch.setattr(files.ChecksumFile, "write", disk.guard(files.ChecksumFile.write))
    monkeypatch.setattr(os, "fsync", disk.guard(os.fsync))
    monkeypatch.setattr(durable, "make_directory", disk.guard(durable.make_directory))
    monkeypatch.setattr(Path, "replace", disk.guard(Path.replace))
    return disk
