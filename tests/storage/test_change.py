"""Rows that go and come in one commit: what is written, what is checked, and what readers and crashes see of it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest

from locality.errors import CorruptStoreError, KeyViolation, StoreError, StoreLockedError
from locality.storage import change as change_module
from locality.storage import durable, manifest
from locality.storage.change import Change, ChangeReport, change_rows
from locality.storage.ingest import ingest
from locality.storage.ingest.source import Place, StreamSource, ready
from locality.storage.snapshot import Snapshot
from locality.storage.store import Store
from locality.storage.verify import find_problems, verify

ROWS = 1000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store.open(tmp_path / "store")
    ingest(opened, "t", pa.table({"k": range(ROWS), "word": [f"w{i % 7}" for i in range(ROWS)]}), primary_key="k")
    return opened


def keys(snapshot: Snapshot, table: str = "t") -> list[int]:
    return [k for batch in snapshot.tables[table].to_batches([0]) for k in batch.column(0).to_pylist()]


def delete(store: Store, rows: list[int], table: str = "t") -> ChangeReport:
    return change_rows(store, lambda _: Change(table, np.array(rows, np.int64)))


def append(store: Store, values: list[int], rows: tuple[int, ...] = ()) -> ChangeReport:
    table = pa.table({"k": pa.array(values, pa.int64()), "word": ["new"] * len(values)})
    source = StreamSource(table.to_reader(), Place("the test"), ready)
    return change_rows(store, lambda _: Change("t", np.array(rows, np.int64), source, updated=len(rows)))


def test_a_deletion_writes_a_bitmap_and_nothing_else(store: Store) -> None:
    before = manifest.read(store.path).files
    report = delete(store, [999, 5, 3, 5])
    assert (report.deleted, report.inserted, report.updated) == (3, 0, 0)
    (new,) = manifest.read(store.path).files.keys() - before.keys()
    assert new.endswith(".deleted.arrow")
    assert report.bytes_written == (store.path / new).stat().st_size < 2048
    assert keys(store.snapshot()) == [k for k in range(ROWS) if k not in (3, 5, 999)]
    assert verify(store).rows == ROWS - 3


def test_open_segments_are_shared_with_the_snapshot_before(store: Store) -> None:
    before = store.snapshot().tables["t"]
    delete(store, [1])
    after = store.snapshot().tables["t"]
    assert after.segments == before.segments
    assert (before.live_count, after.live_count, after.row_count) == (ROWS, ROWS - 1, ROWS)


def test_a_reader_keeps_the_rows_of_its_snapshot(store: Store) -> None:
    before = store.snapshot()
    delete(store, list(range(10)))
    between = store.snapshot()
    delete(store, list(range(10, 20)))
    assert [keys(each)[0] for each in (before, between, store.snapshot())] == [0, 10, 20]


def test_segments_without_rows_are_dropped(store: Store) -> None:
    append(store, [5000, 5001])
    delete(store, list(range(ROWS)))
    (segment,) = store.snapshot().entries["t"].primary.segments
    assert segment.rows == 2
    assert keys(store.snapshot()) == [5000, 5001]
    assert find_problems(store) == []
    delete(store, [0, 1])
    assert store.snapshot().entries["t"].files == ()
    assert find_problems(store) == []
    append(store, [0])
    assert store.snapshot().entries["t"].unique == ("k", "word")
    assert find_problems(store) == []


def test_statistics_of_dropped_segments_are_held_against_the_rest(store: Store) -> None:
    append(store, [5000])
    delete(store, list(range(ROWS)))
    current = manifest.read(store.path)
    (table,) = current.tables
    wrong = change_module.replace(table, dropped=3)
    manifest.write(store.path, change_module.replace(current, tables=(wrong,)))
    with Store.open(store.path) as other:
        assert [problem.table for problem in find_problems(other)] == ["t", "t"]


def test_an_update_is_one_commit(store: Store) -> None:
    version = store.snapshot().version
    report = append(store, [7], rows=(7,))
    assert (report.updated, report.deleted, report.inserted, report.rows) == (1, 0, 0, 1)
    assert store.snapshot().version == version + 1
    assert sorted(keys(store.snapshot())) == list(range(ROWS))


def test_nothing_is_committed_where_nothing_changes(store: Store) -> None:
    version = store.snapshot().version
    assert delete(store, []).rows == 0
    assert store.snapshot().version == version


def test_a_key_that_comes_twice_is_refused(store: Store) -> None:
    with pytest.raises(KeyViolation, match=r"primary key k of 't' is not unique: 7 is at rows 7 and 1000"):
        append(store, [7])
    delete(store, [7])
    append(store, [7])
    assert find_problems(store) == []


def test_a_row_that_others_refer_to_stays(store: Store) -> None:
    ingest(store, "child", pa.table({"p": [3, None, 5]}), foreign_keys={"p": "t(k)"})
    with pytest.raises(KeyViolation, match=r"rows of 't' that others refer to can't be deleted.* p of 'child': 5 at"):
        delete(store, [4, 5])
    delete(store, [2], "child")
    delete(store, [4, 5])
    assert len(keys(store.snapshot())) == ROWS - 2
    assert find_problems(store) == []


@pytest.mark.parametrize("kind", [pa.int64(), pa.string()])
def test_keys_of_several_columns_are_checked(tmp_path: Path, kind: pa.DataType) -> None:
    """Of the rows that come and go alone, where that is enough, and of all otherwise."""
    with Store.open(tmp_path / "s") as store:
        pairs = [(a, b) for a in range(20) for b in range(20)]

        def table(rows: list[tuple[int, int]]) -> pa.Table:
            columns = [pa.array([row[i] for row in rows], pa.int64()).cast(kind) for i in range(2)]
            return pa.table(columns, names=["a", "b"])

        def put(rows: list[tuple[int, int]], gone: tuple[int, ...] = ()) -> None:
            source = StreamSource(table(rows).to_reader(), Place("the test"), ready)
            change_rows(store, lambda _: Change("p", np.array(gone, np.int64), source, updated=len(gone)))

        ingest(store, "p", table(pairs), primary_key=("a", "b"))
        ingest(store, "c", table([(3, 4), (19, 19)]), foreign_keys={"a, b": "p(a, b)"})
        with pytest.raises(KeyViolation, match="is not unique"):
            put([(100, 7), (3, 3)])
        with pytest.raises(KeyViolation, match="others refer to"):
            put([(2**40, -5)], gone=(3 * 20 + 4,))
        put([(3, 4)], gone=(3 * 20 + 4,))
        put([(2**40, -5)], gone=(3 * 20 + 5,))
        delete(store, [0, 1], "p")
        with pytest.raises(KeyViolation, match="others refer to"):
            delete(store, [399], "p")
        with pytest.raises(KeyViolation, match="others refer to"):
            change_rows(store, lambda s: Change("p", np.flatnonzero(s.tables["p"].live_mask())))
        delete(store, [0, 1], "c")
        change_rows(store, lambda s: Change("p", np.flatnonzero(s.tables["p"].live_mask())))
        assert find_problems(store) == []


def test_a_row_may_refer_to_one_of_its_own_table(store: Store) -> None:
    tree = pa.table({"id": [1, 2, 3], "parent": [None, 1, 2]})
    ingest(store, "tree", tree, primary_key="id", foreign_keys={"parent": "tree(id)"})
    with pytest.raises(KeyViolation, match="others refer to"):
        delete(store, [1], "tree")
    delete(store, [1, 2], "tree")
    delete(store, [0], "tree")
    assert find_problems(store) == []


def test_strings_without_a_dictionary_stay_so(store: Store) -> None:
    """Few new rows would get one, and scans would meet both forms."""
    ingest(store, "raw", pa.table({"s": [f"text {i * 7919} of its own" for i in range(70_000)]}))
    source = StreamSource(pa.table({"s": ["same", "same"]}).to_reader(), Place("the test"), ready)
    change_rows(store, lambda _: Change("raw", added=source))
    ingest(store, "raw", pa.table({"s": ["same"]}), mode="append")
    assert [segment.encoding(0) for segment in store.snapshot().tables["raw"].segments] == ["text"] * 3


def test_a_change_of_values_is_noted(store: Store) -> None:
    assert store.snapshot().entries["t"].changed == 1
    delete(store, [3])
    append(store, [3])
    assert store.snapshot().entries["t"].changed == 1
    append(store, [9], rows=(9,))
    assert store.snapshot().entries["t"].changed == store.snapshot().version


def test_another_writer_is_waited_for_and_then_named(store: Store) -> None:
    with (
        mock.patch.object(change_module, "PATIENCE", 0.01),
        Store.open(store.path) as other,
        other.begin(),
        pytest.raises(StoreLockedError),
    ):
        delete(store, [1])


@pytest.mark.parametrize("step", range(8))
def test_a_crash_leaves_the_last_commit(store: Store, step: int, tmp_path: Path) -> None:
    """The process ends at some write: nothing is cleaned up, and a new one opens the store."""
    steps = iter([None] * step)
    replaced, synced = durable.replace_file, durable.sync_file

    class Crash(BaseException):
        pass

    def dying(original):  # type: ignore[no-untyped-def]
        def write(*arguments: object) -> object:
            if next(steps, Crash) is Crash:
                raise Crash
            return original(*arguments)

        return write

    with (
        mock.patch.object(durable, "replace_file", dying(replaced)),
        mock.patch.object(durable, "sync_file", dying(synced)),
        mock.patch.object(durable, "remove_quietly", return_value=True),
        contextlib.suppress(Crash),
    ):
        append(store, [7], rows=(7,))
    copy = tmp_path / "copy"
    shutil.copytree(store.path, copy)
    with Store.open(copy) as reopened:
        assert sorted(keys(reopened.snapshot())) == list(range(ROWS))
        assert len(reopened.snapshot().entries["t"].primary.segments) == reopened.snapshot().version
        assert find_problems(reopened) == []


def test_a_damaged_bitmap_is_named(store: Store) -> None:
    delete(store, [1, 2])
    (file,) = (store.path / "segments").glob("*.deleted.arrow")
    content = bytearray(file.read_bytes())
    position = content.index(bytes([0b1111_1001]))
    content[position] = 0b1111_1011
    file.write_bytes(content)
    with Store.open(store.path) as other:
        with pytest.raises(CorruptStoreError, match=r"deleted.arrow does not mark the 2 rows"):
            keys(other.snapshot())
        with pytest.raises(CorruptStoreError, match=r"deleted.arrow is damaged: its checksum"):
            verify(other)


def test_a_store_without_room_is_as_it_was(store: Store) -> None:
    with (
        mock.patch.object(durable, "replace_file", side_effect=StoreError("no")),
        pytest.raises(StoreError, match="no"),
    ):
        delete(store, [1])
    assert len(keys(store.snapshot())) == ROWS


def test_rows_that_go_and_come_in_one_commit_change_values_whatever_they_are_called(store: Store) -> None:
    delete(store, [3])
    append(store, [3])
    version = store.snapshot().version
    assert store.snapshot().entries["t"].changed < version - 1
    table = pa.table({"k": pa.array([7], pa.int64()), "word": ["new"]})
    source = StreamSource(table.to_reader(), Place("the test"), ready)
    change_rows(store, lambda _: Change("t", np.array([7], np.int64), source))
    assert store.snapshot().entries["t"].changed == version + 1


def test_rows_have_other_numbers_once_a_segment_is_dropped(store: Store) -> None:
    append(store, [5000])
    append(store, [5001])
    assert store.snapshot().entries["t"].primary.written == 1
    delete(store, [ROWS])
    assert store.snapshot().entries["t"].primary.written == store.snapshot().version
