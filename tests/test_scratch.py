"""Directories for a process's temporary files: they go with the process, or with the next one to make some."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from locality.scratch import ScratchDirectory, remove_abandoned

_HOUR = 3600.0


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's directory for temporary files, during a test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _age(scratch: Path) -> None:
    then = time.time() - _HOUR
    os.utime(scratch / ".owner.lock", (then, then))


_PROGRAM = """
import os
from locality.scratch import ScratchDirectory
scratch = ScratchDirectory("spill")
print(scratch.name, flush=True)
os._exit(9)
"""


def _left_by_a_killed_process(temporary: Path) -> Path:
    """The directory that it had, with something in it."""
    environment = {**os.environ, "TMPDIR": str(temporary)}
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 9, ended.stderr
    left = Path(ended.stdout.strip())
    (left / "spilled").write_bytes(b"1")
    return left


def test_it_is_removed_at_the_end(temporary: Path) -> None:
    with ScratchDirectory("spill") as name:
        assert Path(name).parent == temporary
        assert Path(name).name.startswith("locality-spill-")
        Path(name, "spilled").write_bytes(b"1")
    assert not list(temporary.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next(temporary: Path) -> None:
    left = _left_by_a_killed_process(temporary)
    with ScratchDirectory("spill"):
        assert left.exists()  # too young to tell from one that is just being made
    _age(left)
    with ScratchDirectory("spill"):
        assert not left.exists()


def test_what_a_living_process_has_stays(temporary: Path) -> None:
    with ScratchDirectory("spill") as name:
        _age(Path(name))
        remove_abandoned()
        assert Path(name).exists()


def test_directories_of_others_stay(temporary: Path) -> None:
    other = temporary / "locality-mine"
    other.mkdir()
    (other / "notes").write_text("not a scratch directory")
    remove_abandoned()
    assert (other / "notes").exists()
