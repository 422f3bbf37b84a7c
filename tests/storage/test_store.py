"""Opening and creating stores, snapshots while others write, and damaged or foreign manifests."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from locality.errors import CatalogError, CorruptStoreError, StoreError, StoreVersionError
from locality.storage import manifest
from locality.storage.ingest import ingest
from locality.storage.lock import ReaderPin, remove_dead_pins
from locality.storage.store import Store
from locality.storage.table import ForeignKey
from locality.storage.verify import find_problems, verify
from tests.storage.ingest.tables import stored

ROWS = {"id": [1, 2, 3], "name": ["a", "b", "c"]}


def make(path: Path) -> Path:
    with Store.open(path) as store:
        ingest(store, "t", pa.table(ROWS), primary_key="id")
        ingest(store, "text", pa.table({"s": [f"{i:9}" * 3 for i in range(9000)]}))
    return path


def test_new_store_is_empty(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a" / "b") as store:
        assert store.snapshot().version == 0
        assert len(store.snapshot().tables) == 0
    with Store.open(tmp_path / "a" / "b", create=False) as store:
        assert verify(store).tables == 0


def test_tables_survive_reopening(tmp_path: Path) -> None:
    with Store.open(make(tmp_path / "s")) as store:
        assert stored(store, "t").to_pydict() == ROWS
        table = store.snapshot().tables["T"]
        assert (table.name, table.primary_key, table.unique) == ("t", ("id",), ("id", "name"))
        with pytest.raises(CatalogError, match="'nope'.*t, text"):
            store.snapshot().tables.table("nope")


def test_no_store_is_made_where_none_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store at"):
        Store.open(tmp_path / "s", create=False)
    assert not (tmp_path / "s").exists()


def test_foreign_directories_stay_untouched(tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"not a store.*report\.txt"):
        Store.open(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["report.txt"]
    with pytest.raises(StoreError, match="is a file"):
        Store.open(tmp_path / "report.txt")


def test_interrupted_creation_is_completed(tmp_path: Path) -> None:
    (tmp_path / "write.lock").touch()
    (tmp_path / "manifest.json.123.tmp").write_text("{")
    with Store.open(tmp_path) as store:
        ingest(store, "t", pa.table(ROWS))
        assert stored(store, "t").to_pydict() == ROWS
    assert not list(tmp_path.glob("*.tmp"))


def test_missing_manifest(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / manifest.NAME).unlink()
    with pytest.raises(CorruptStoreError, match="manifest.json is missing"):
        Store.open(tmp_path)


def test_manifest_that_vanishes_while_open(tmp_path: Path) -> None:
    with Store.open(make(tmp_path)) as store:
        (tmp_path / manifest.NAME).unlink()
        with pytest.raises(CorruptStoreError, match="manifest.json is missing"):
            store.snapshot()


def test_newer_format(tmp_path: Path) -> None:
    make(tmp_path)
    header, body = (tmp_path / manifest.NAME).read_text().split("\n", 1)
    newer = json.dumps({**json.loads(header), "format": 7})
    (tmp_path / manifest.NAME).write_text(f"{newer}\n{body}")
    with pytest.raises(StoreVersionError, match="format 7.*format 2: upgrade"):
        Store.open(tmp_path)


def test_manifest_truncated_anywhere(tmp_path: Path) -> None:
    make(tmp_path)
    content = (tmp_path / manifest.NAME).read_bytes()
    for length in {*range(0, len(content), 37), len(content) - 1}:
        (tmp_path / manifest.NAME).write_bytes(content[:length])
        with pytest.raises(CorruptStoreError, match="manifest.json"):
            Store.open(tmp_path)


def test_manifest_with_any_byte_changed(tmp_path: Path) -> None:
    make(tmp_path)
    content = (tmp_path / manifest.NAME).read_bytes()
    end_of_header = content.index(b"\n")
    for position in [*range(end_of_header + 1), *range(end_of_header, len(content), 41)]:
        changed = bytearray(content)
        changed[position] ^= 0x15
        (tmp_path / manifest.NAME).write_bytes(bytes(changed))
        with pytest.raises(StoreError, match="manifest.json|has format"):
            Store.open(tmp_path)


def test_manifest_with_bytes_after_its_end(tmp_path: Path) -> None:
    make(tmp_path)
    with (tmp_path / manifest.NAME).open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(CorruptStoreError, match="bytes too many"):
        Store.open(tmp_path)


def _data_files(path: Path) -> list[Path]:
    return sorted(file for kind in ("segments", "dictionaries") for file in (path / kind).iterdir())


def test_verify_names_every_damaged_file(tmp_path: Path) -> None:
    make(tmp_path)
    files = _data_files(tmp_path)
    assert {file.suffixes[0] for file in files} >= {".arrow", ".zones", ".values"}
    for file in files:
        content = file.read_bytes()
        for position in range(0, len(content), max(1, len(content) // 7)):
            changed = bytearray(content)
            changed[position] ^= 1 << position % 8
            file.write_bytes(bytes(changed))
            with Store.open(tmp_path) as store:
                assert any(file.name in problem.message for problem in find_problems(store))
        file.write_bytes(content[:-1])
        with Store.open(tmp_path) as store, pytest.raises(CorruptStoreError, match=file.name):
            verify(store)
        file.unlink()
        with Store.open(tmp_path) as store, pytest.raises(CorruptStoreError, match=f"{file.name} is missing"):
            verify(store)
        file.write_bytes(content)
    with Store.open(tmp_path) as store:
        assert verify(store).files == len(files)


def test_reading_a_truncated_file_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    for file in _data_files(tmp_path):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        with Store.open(tmp_path) as store, pytest.raises(CorruptStoreError, match=file.name):
            for table in store.snapshot().tables.values():
                for segment in table.segments:
                    for index in range(len(table.columns)):
                        segment.column(index)
                        segment.zones(index)
        file.write_bytes(content)


@pytest.mark.parametrize(
    ("fact", "value"), [("minimum", 0), ("maximum", 4), ("null_count", 1), ("sorted", "descending"), ("rows", 4)]
)
def test_verify_holds_statistics_against_the_data(tmp_path: Path, fact: str, value: object) -> None:
    make(tmp_path)
    current = manifest.read(tmp_path)
    table = current.tables[0]
    column = replace(table.columns[0], statistics=replace(table.columns[0].statistics, **{fact: value}))
    table = replace(table, columns=(column, *table.columns[1:]))
    manifest.write(tmp_path, replace(current, tables=(table, *current.tables[1:])))
    with Store.open(tmp_path) as store:
        assert [str(problem) for problem in find_problems(store)] == [
            "t: the statistics of column 'id' are not those of its values"
        ]


def test_verify_checks_keys(tmp_path: Path) -> None:
    make(tmp_path)
    current = manifest.read(tmp_path)
    with Store.open(tmp_path) as store:
        ingest(store, "double", pa.table({"k": [2, 5, 2]}))
    double = manifest.read(tmp_path).tables[2]
    for claim, part in (
        ({"primary_key": ("k",)}, "primary key k"),
        ({"unique": ("k",)}, "unique column k"),
        ({"foreign_keys": (ForeignKey(("k",), "t", ("id",)),)}, "5 at row 1"),
    ):
        manifest.write(tmp_path, replace(current, tables=(*current.tables, replace(double, **claim))))
        with Store.open(tmp_path) as store, pytest.raises(CorruptStoreError, match=part):
            verify(store)


def test_snapshots_share_what_did_not_change(tmp_path: Path) -> None:
    with Store.open(make(tmp_path)) as store:
        before = store.snapshot()
        assert store.snapshot() is before
        ingest(store, "t", pa.table(ROWS).slice(0, 0), mode="append")
        ingest(store, "other", pa.table(ROWS))
        after = store.snapshot()
        assert after.version == before.version + 2
        assert after.tables["text"] is before.tables["text"]
        assert after.tables["t"].segments == before.tables["t"].segments


def test_appended_segments_are_shared(tmp_path: Path) -> None:
    with Store.open(make(tmp_path)) as store:
        before = store.snapshot().tables["t"]
        ingest(store, "t", pa.table({"id": [9], "name": ["z"]}), mode="append")
        after = store.snapshot().tables["t"]
        assert (before.row_count, after.row_count) == (3, 4)
        assert after.segments[0] is before.segments[0]


def test_an_old_snapshot_keeps_its_files(tmp_path: Path) -> None:
    make(tmp_path)
    with Store.open(tmp_path) as reader, Store.open(tmp_path) as writer:
        old = reader.snapshot().tables["t"]
        for value in range(3):
            ingest(writer, "t", pa.table({"id": [value]}), mode="replace")
        assert pa.Table.from_batches(list(old.to_batches([0, 1])), old.arrow_schema).to_pydict() == ROWS
        assert stored(reader, "t").to_pydict() == {"id": [2]}


def test_replaced_files_go_once_nobody_reads_them(tmp_path: Path) -> None:
    make(tmp_path)
    with Store.open(tmp_path) as reader, Store.open(tmp_path) as writer:
        first = set(_data_files(tmp_path))
        ingest(writer, "t", pa.table({"id": [1]}), mode="replace")
        assert first <= set(_data_files(tmp_path))
        reader.snapshot()
        with writer.begin():
            pass
        assert not first <= set(_data_files(tmp_path))
        writer.drop("t")
        writer.drop("text")
    with Store.open(tmp_path) as store:
        with store.begin():
            pass
        assert _data_files(tmp_path) == []
        assert list((tmp_path / "readers").glob("*.version"))  # this reader's own pin
    assert list((tmp_path / "readers").iterdir()) == []


def test_pins_of_dead_readers_are_removed(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "readers" / "dead.lock").touch()
    (tmp_path / "readers" / "dead.version").write_text("1")
    with Store.open(tmp_path) as store:
        store.drop("text")
        store.drop("t")
        with store.begin():
            pass
    assert _data_files(tmp_path) == []
    assert not (tmp_path / "readers" / "dead.lock").exists()


def test_opening_a_store_removes_pins_of_dead_readers_alone(tmp_path: Path) -> None:
    make(tmp_path)
    readers = tmp_path / "readers"
    with Store.open(tmp_path) as living:
        pinned = set(readers.iterdir())
        assert len(pinned) == 2
        for number in range(3):
            (readers / f"dead{number}.lock").touch()
            (readers / f"dead{number}.version").write_text("1")
        with Store.open(tmp_path):
            assert {file for file in readers.iterdir() if file.name.startswith("dead")} == set()
            assert pinned < set(readers.iterdir())
        assert set(readers.iterdir()) == pinned
        assert len(stored(living, "t")) == 3
    assert list(readers.iterdir()) == []


def test_every_new_pin_holds_while_dead_ones_are_removed(tmp_path: Path) -> None:
    make(tmp_path)
    done = threading.Event()

    def remove() -> None:
        while not done.is_set():
            remove_dead_pins(tmp_path)

    removers = [threading.Thread(target=remove) for _ in range(2)]
    for remover in removers:
        remover.start()
    try:
        for _ in range(100):
            pin = ReaderPin(tmp_path)
            pin.keep(1)
            assert any(version.is_file() and version.read_text() == "1" for version in remove_dead_pins(tmp_path))
            pin.close()
    finally:
        done.set()
        for remover in removers:
            remover.join()
    assert list((tmp_path / "readers").iterdir()) == []


def test_a_dictionary_is_shared_and_reused(tmp_path: Path) -> None:
    words = pa.table({"w": ["x", "y"]})
    with Store.open(tmp_path) as store:
        ingest(store, "a", words)
        ingest(store, "b", words)
        assert len(list((tmp_path / "dictionaries").iterdir())) == 1
        old = store.snapshot()
        store.drop("a")
        store.drop("b")
        ingest(store, "c", words)
        assert len(list((tmp_path / "dictionaries").iterdir())) == 1
        del old
        with store.begin():
            pass
        assert stored(store, "c").to_pydict() == words.to_pydict()
        assert verify(store).tables == 1


def test_dropping(tmp_path: Path) -> None:
    with Store.open(make(tmp_path)) as store:
        ingest(store, "child", pa.table({"t_id": [1]}), foreign_keys={"t_id": "t"})
        with pytest.raises(CatalogError, match="'t' can't be dropped.*'child'"):
            store.drop("T")
        with pytest.raises(CatalogError, match="'nope'"):
            store.drop("nope")
        store.drop("CHILD")
        store.drop("t")
        assert list(store.snapshot().tables) == ["text"]


def test_closed_store(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.snapshot()
    with pytest.raises(StoreError, match="closed"):
        store.begin()


def test_a_store_can_move(tmp_path: Path) -> None:
    make(tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    with Store.open(tmp_path / "there") as store:
        assert stored(store, "t").to_pydict() == ROWS
        assert find_problems(store) == []


def test_names_with_odd_letters(tmp_path: Path) -> None:
    odd = pa.table({'a "quoted" name': [1], "ünï/cødé.{}": [2], "  ": [3], "select": [4]})
    with Store.open(tmp_path) as store:
        ingest(store, 'the "table"; drop', odd)
        assert stored(store, 'THE "TABLE"; DROP').to_pydict() == odd.to_pydict()
        assert find_problems(store) == []


def test_a_write_that_is_not_committed_leaves_nothing(tmp_path: Path) -> None:
    with Store.open(make(tmp_path)) as store:
        before = _data_files(tmp_path)
        with store.begin() as transaction:
            transaction.drop("t")
            (transaction.store / "segments" / f"{transaction.new_name()}.arrow").write_bytes(b"half")
        assert store.snapshot().version == 2
        assert _data_files(tmp_path) == before
        assert not transaction.staging.exists()
