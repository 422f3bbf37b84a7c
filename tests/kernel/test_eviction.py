"""The kernel cache's bound: what goes first, when it is looked at, and that what went is compiled again."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from locality.kernel import cache, eviction


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kernels are kept, made but empty."""
    monkeypatch.setenv(cache.CACHE_DIR_VARIABLE, str(tmp_path))
    eviction.keep_small.cache_clear()
    return cache.machine_code_directory()


def used(path: Path, seconds_ago: float) -> None:
    then = time.time() - seconds_ago
    os.utime(path, (then, then))


def test_what_was_not_used_for_longest_goes_first(directory: Path) -> None:
    other = directory.parent / "machine_code_0123456789abcdef"
    other.mkdir()
    (other / "k0").write_bytes(b"x" * 100)
    used(other / "k0", 4000)
    for number in range(1, 5):
        cache.write_code(f"k{number}", b"x" * 68)
        used(directory / f"k{number}", 1000 - number)
    assert cache.read_code("k1") == b"x" * 68, "so it is used last"
    eviction.evict(directory.parent, most=2 * 4096)
    assert sorted(path.name for path in directory.iterdir()) == ["k1", "k4"]
    assert not other.exists(), "the code of another environment, all of it used longer ago"
    assert cache.read_code("k2") is None


def test_nothing_goes_while_there_is_room_but_what_nobody_finished(directory: Path) -> None:
    cache.write_code("k1", b"x")
    for name, age in (("old", 2 * eviction.PERIOD), ("new", 0)):
        (directory / f".kernel_{name}.tmp").write_bytes(b"x")
        used(directory / f".kernel_{name}.tmp", age)
    used(directory / "k1", 9 * eviction.PERIOD)
    eviction.evict(directory.parent)
    assert sorted(path.name for path in directory.iterdir()) == [".kernel_new.tmp", "k1"]


def test_a_look_once_a_day(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()
    monkeypatch.setattr(eviction, "evict", lambda _: looked.set())
    mark = directory.parent / eviction._MARK
    for age, expected in ((None, False), (0.5, False), (1.5, True)):
        if age is not None:
            used(mark, age * eviction.PERIOD)
        eviction.keep_small.cache_clear()
        cache.write_code("k1", b"x")
        assert looked.wait(5 if expected else 0.05) == expected
    assert time.time() - mark.stat().st_mtime < 60


def test_a_directory_that_can_not_be_changed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    cache.write_code("k1", b"x")
    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    assert cache.read_code("k1") == b"x"
    eviction.evict(directory.parent, most=0)
    assert (directory / "k1").exists()
