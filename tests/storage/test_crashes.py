"""Processes that die, are interrupted, or find the disk full: the last commit stays whole."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from locality.errors import StoreFullError, StoreLockedError
from locality.storage import durable
from locality.storage.ingest import ingest
from locality.storage.store import Store
from locality.storage.verify import verify
from tests.storage import writer
from tests.storage.faults import Disk, fill
from tests.storage.ingest.tables import stored

ROOT = Path(__file__).parents[2]


def start(path: Path, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.storage.writer", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        **options,
    )


def check_whole(path: Path) -> int:
    """Check that the store is whole and has nothing left over; returns the number of its last write."""
    with Store.open(path) as store:
        with store.begin():
            pass
        verify(store)
        entry = store.snapshot().entries.get("t")
        needed = {file.path for file in entry.files} if entry else set()
        found = {f"{kind}/{f.name}" for kind in ("segments", "dictionaries") for f in (path / kind).glob("*")}
        assert found == needed
        assert not list(path.glob("*.tmp"))
        if entry is None:
            return 0
        rows = stored(store, "t")
        number: int = rows["number"][0].as_py()
        assert rows.equals(writer.table(number, 20_000).cast(rows.schema))
        return number


def test_a_killed_writer_leaves_the_last_commit_whole(tmp_path: Path) -> None:
    seed = random.Random(7)
    last = 0
    for _ in range(8):
        process = start(tmp_path)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        process.stdout.readline()  # the first commit of this process
        time.sleep(seed.random() * 0.3)
        process.kill()
        process.wait()
        last = check_whole(tmp_path)
        assert last >= 1


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_an_interrupted_writer_cleans_up(tmp_path: Path) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    assert "KeyboardInterrupt" in process.stderr.read()
    assert not (tmp_path / "staging").exists()
    assert list((tmp_path / "readers").iterdir()) == []
    assert check_whole(tmp_path) >= 2


def test_interrupt_between_pieces(tmp_path: Path) -> None:
    def batches() -> Any:
        yield from pa.table({"x": range(300_000)}).to_batches()
        raise KeyboardInterrupt

    with Store.open(tmp_path) as store:
        reader = pa.RecordBatchReader.from_batches(pa.schema([("x", pa.int64())]), batches())
        with pytest.raises(KeyboardInterrupt):
            ingest(store, "t", reader)
        assert not (tmp_path / "staging").exists()
        assert store.snapshot().version == 0


def test_a_second_writer_is_told_to_wait(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, store.begin():
        process = start(tmp_path)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "StoreLockedError" in said
        assert str(tmp_path) in said
        with Store.open(tmp_path) as other, pytest.raises(StoreLockedError, match="wait until it is done"):
            other.drop("t")
    with Store.open(tmp_path) as other:
        ingest(other, "t", pa.table({"x": [1]}))


def test_readers_see_commits_of_another_process(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        process = start(tmp_path)
        assert process.stdout is not None
        try:
            process.stdout.readline()
            for _ in range(3):
                number = int(process.stdout.readline())
                rows = stored(store, "t")
                assert rows["number"][0].as_py() >= number
                assert len(set(rows["number"].to_pylist())) == 1
        finally:
            process.kill()
            process.wait()


SOURCE = pa.table({"x": range(5000), "word": ["a", "b"] * 2500, "text": [f"{i} {i * i}" for i in range(5000)]})


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_at_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    with Store.open(tmp_path) as store:
        ingest(store, "kept", SOURCE)
        with monkeypatch.context() as patched:
            disk = fill(patched, 0)
            ingest(store, "kept", SOURCE, mode="replace")
        writes = disk.count
        assert writes > 15
        for fail_at in range(1, writes + 1, 1 if error == errno.ENOSPC else 7):
            before = store.snapshot().version
            with monkeypatch.context() as patched:
                fill(patched, fail_at, error)
                with pytest.raises(StoreFullError, match=str(tmp_path)):
                    ingest(store, "kept", SOURCE, mode="replace")
            # Only if the manifest was in place already, the last step of all may fail after the commit.
            assert store.snapshot().version in ((before,) if fail_at < writes else (before, before + 1))
            with Store.open(tmp_path) as again:
                verify(again)
                assert stored(again, "kept").to_pydict() == SOURCE.to_pydict()
        needed = len(store.snapshot().entries["kept"].files)
        with store.begin():
            pass
        assert len([f for kind in ("segments", "dictionaries") for f in (tmp_path / kind).iterdir()]) == needed


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="limits the size of files")
def test_a_real_limit_on_file_size(tmp_path: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Store.open(tmp_path) as store:
        ingest(store, "kept", SOURCE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
        try:
            with pytest.raises(StoreFullError, match="free some space"):
                ingest(store, "large", pa.table({"x": range(100_000, 300_000)}))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert list(store.snapshot().tables) == ["kept"]
        verify(store)
        ingest(store, "large", pa.table({"x": range(100_000, 300_000)}))


def test_no_permission_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(tmp_path) as store:
        monkeypatch.setattr(durable, "make_directory", Disk(1, errno.EACCES).guard(durable.make_directory))
        with pytest.raises(durable.StoreError, match="no permission"):
            ingest(store, "t", SOURCE)


@pytest.mark.parametrize("error", [errno.EROFS, errno.EIO])
def test_a_disk_that_can_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    with Store.open(tmp_path) as store:
        for fail_at in (1, 4, 9):
            with monkeypatch.context() as patched:
                fill(patched, fail_at, error)
                with pytest.raises(durable.StoreError, match=f"{tmp_path}.* can't be written to"):
                    ingest(store, "t", SOURCE)
        verify(store)
        ingest(store, "t", SOURCE)
