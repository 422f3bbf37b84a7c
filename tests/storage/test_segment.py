"""Segments come back as they were written, and damaged files raise errors that name them."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locality import types
from locality.encodings import ENCODINGS, EncodedColumn, EncodingSpec, canonical, concat, decode
from locality.errors import CorruptStoreError, StoreError
from locality.storage import durable
from locality.storage.dictionaries import Dictionaries, read_dictionary, write_dictionary
from locality.storage.files import check_content
from locality.storage.segment import Segment, SegmentFiles, open_segment, write_segment
from locality.storage.zones import ZONE_ROWS, zones_of
from locality.types import DataType
from tests.encodings import cases
from tests.encodings.oracle import columns, exact

Columns = dict[str, EncodedColumn]
NESTED = pa.list_(pa.int64())


def save(directory: Path, table: Columns) -> SegmentFiles:
    for column in table.values():
        if column.dictionary is not None and not (directory / f"{column.dictionary.key}.arrow").exists():
            write_dictionary(directory, column.dictionary)
    return write_segment(directory, "s", list(table.values()), list(table))


def dictionaries(directory: Path, table: Columns) -> Dictionaries:
    keys = {column.dictionary.key for column in table.values() if column.dictionary is not None}
    paths = [directory / f"{key}.arrow" for key in keys]
    entries = [durable_entry(path) for path in paths]
    return Dictionaries(directory, entries)


def durable_entry(path: Path) -> Any:
    from locality.storage.files import FileEntry

    return FileEntry(path.name, path.stat().st_size, durable.checksum(path))


def reopen(directory: Path, files: SegmentFiles, table: Columns) -> Segment:
    column_types = [column.type for column in table.values()]
    return open_segment(directory, files, list(table), column_types, dictionaries(directory, table))


def check_same(segment: Segment, table: Columns) -> None:
    for index, column in enumerate(table.values()):
        found = segment.column(index)
        assert exact(decode(found)) == exact(decode(column))
        assert found.type == column.type
        assert (found.base, found.factor, found.all_null) == (column.base, column.factor, column.all_null)
        expected, zones = zones_of(found), segment.zones(index)
        assert zones.nulls.tolist() == expected.nulls.tolist()
        assert (zones.prefix_minimum, zones.prefix_maximum) == (expected.prefix_minimum, expected.prefix_maximum)
        for bound, other in ((zones.minimum, expected.minimum), (zones.maximum, expected.maximum)):
            assert (bound is None) == (other is None)
            assert bound is None or other is None or bound.tolist() == other.tolist()
    segment.verify()


def every_encoding(dtype: DataType, array: pa.Array) -> Columns:
    return {f"{dtype} {column.encoding}": column for column in columns(array, dtype)}


@pytest.mark.parametrize("name", [name for name in cases.fixed(types.BIGINT) if name != "empty"])
def test_every_type_and_encoding(tmp_path: Path, name: str) -> None:
    arrays = {dtype: cases.fixed(dtype)[name] for dtype in cases.FLAT}
    for length in {len(array) for array in arrays.values()}:
        table: Columns = {}
        for dtype, array in arrays.items():
            if len(array) == length:
                table |= every_encoding(dtype, array)
        directory = tmp_path / str(length)
        directory.mkdir()
        check_same(reopen(directory, save(directory, table), table), table)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), dtype=st.sampled_from(cases.FLAT))
def test_random_columns(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, dtype: DataType) -> None:
    array = data.draw(cases.arrays(dtype).filter(len))
    directory = tmp_path_factory.mktemp("segment")
    table = every_encoding(dtype, array)
    check_same(reopen(directory, save(directory, table), table), table)


def test_lengths_that_need_no_padding(tmp_path: Path) -> None:
    table: Columns = {}
    for dtype in cases.FLAT:
        table |= every_encoding(dtype, pa.concat_arrays([cases.fixed(dtype)["mixed"]] * 3).slice(0, 512))
    check_same(reopen(tmp_path, save(tmp_path, table), table), table)


def test_a_segment_of_text_alone(tmp_path: Path) -> None:
    table = {"t": canonical(pa.array(["a", None]), types.VARCHAR)}
    check_same(reopen(tmp_path, save(tmp_path, table), table), table)


def sample(rows: int = ZONE_ROWS + 100) -> Columns:
    """A segment of two zones with a column of every encoding."""
    rng = np.random.default_rng(1)
    numbers = pa.array(rng.integers(0, 1000, rows), mask=rng.random(rows) < 0.1)
    sorted_numbers = pa.array(np.arange(rows) // 700)
    words = pa.array([f"w{n % 13}" for n in range(rows)])
    spec = EncodingSpec(types.BIGINT, "rle", code="uint8")
    return {
        "plain": canonical(numbers, types.BIGINT),
        "frame": ENCODINGS["frame"].encode(numbers, EncodingSpec(types.BIGINT, "frame", code="uint16")),
        "rle": ENCODINGS["rle"].encode(sorted_numbers, spec),
        "dictionary": canonical(words.dictionary_encode(), types.VARCHAR),
        "constant": ENCODINGS["constant"].encode(
            pa.array([7] * rows, mask=rng.random(rows) < 0.5), EncodingSpec(types.BIGINT, "constant", base=7)
        ),
        "text": canonical(pa.array([None if n % 9 == 0 else f"text {n}" for n in range(rows)]), types.VARCHAR),
        "nested": canonical(
            pa.array([[1, 2], None, []] * (rows // 3) + [[]] * (rows % 3), NESTED), DataType(str(NESTED))
        ),
    }


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SegmentFiles, Columns]:
    directory, table = tmp_path_factory.mktemp("stored"), sample()
    return directory, save(directory, table), table


Stored = tuple[Path, SegmentFiles, Columns]


def test_columns_of_two_zones(stored: Stored) -> None:
    check_same(reopen(*stored), stored[2])


def test_encodings_are_known_without_reading_values(stored: Stored) -> None:
    segment = reopen(*stored)
    found = [segment.encoding(index) for index in range(len(stored[2]))]
    assert found == ["plain", "frame", "rle", "dictionary", "constant", "text", "opaque"]
    assert segment.cached_bytes == 0


def test_arrays_are_aligned_read_only_views_of_the_file(stored: Stored) -> None:
    segment = reopen(*stored)
    before = pa.total_allocated_bytes()
    for index in range(5):
        column = segment.column(index)
        for array in (column.codes, column.validity, column.run_ends):
            if array is not None:
                assert array.ctypes.data % 64 == 0
                assert not array.flags.writeable
    assert pa.total_allocated_bytes() - before < 20_000


def test_any_arrow_tool_reads_codes_and_their_meaning(stored: Stored) -> None:
    directory, files, table = stored
    with pa.ipc.open_file(directory / files.codes.path) as reader:
        codes = reader.read_all()
    field = codes.schema.field("frame")
    assert field.metadata == {
        b"locality.type": b"BIGINT",
        b"locality.encoding": b"frame",
        b"locality.base": b"0",
        b"locality.factor": b"1",
    }
    assert field.type == pa.uint16()
    assert codes["plain"].combine_chunks().equals(decode(table["plain"]))
    assert pa.types.is_run_end_encoded(codes.schema.field("rle").type)
    with pa.ipc.open_file(directory / files.text.path) as reader:
        assert reader.num_record_batches == 2
        assert reader.read_all()["text"].combine_chunks().equals(decode(table["text"]))


def test_opening_touches_no_file(tmp_path: Path) -> None:
    table = sample(10)
    files = save(tmp_path, table)
    segment = reopen(tmp_path, files, table)
    for file in files.files:
        (tmp_path / file.path).unlink()
    assert segment.row_count == 10
    with pytest.raises(CorruptStoreError, match=r"s\.arrow is missing"):
        segment.column(0)


def test_checksums_and_sizes_are_those_of_the_files(stored: Stored) -> None:
    directory, files, _ = stored
    assert {file.path for file in files.files} == {"s.arrow", "s.zones.arrow", "s.values.arrow"}
    for file in files.files:
        check_content(directory / file.path, file)
        with pytest.raises(CorruptStoreError, match="checksum"):
            check_content(directory / file.path, replace(file, crc32=file.crc32 ^ 1))


def test_decompressed_values_are_cached_and_dropped(stored: Stored) -> None:
    segment = reopen(*stored)
    text = segment.column(5)
    assert segment.column(5) is text
    assert segment.cached_bytes >= 8 * text.length
    segment.drop_cache()
    assert segment.cached_bytes == 0
    assert decode(text).equals(decode(stored[2]["text"]))
    assert segment.column(5) is not text


def test_threads_share_a_column(stored: Stored) -> None:
    segment = reopen(*stored)
    found: list[EncodedColumn] = []
    threads = [threading.Thread(target=lambda: found.append(segment.column(5))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({id(column) for column in found}) == 1


def test_nothing_is_left_of_a_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="no space"):
        write_segment(tmp_path, "s", [canonical(pa.array([1]), types.BIGINT)], ["a"])
    assert list(tmp_path.iterdir()) == []


def touch_everything(segment: Segment, count: int) -> None:
    """What a scan would do with whatever the files say."""
    for index in range(count):
        segment.zones(index)
        column = segment.column(index)
        decode(column)
        concat([column, column])


DAMAGE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "empty": lambda content, rng: b"",
    "truncated": lambda content, rng: content[: rng.randrange(len(content))],
    "longer": lambda content, rng: content + b"x",
    "zeroed": lambda content, rng: bytes(len(content)),
    "wrong magic": lambda content, rng: b"PARQUET1" + content[8:],
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("role", ["codes", "zones", "text"])
def test_damaged_files_are_named(tmp_path: Path, name: str, role: str) -> None:
    table = sample(50)
    files = save(tmp_path, table)
    path = tmp_path / getattr(files, role).path
    path.write_bytes(DAMAGE[name](path.read_bytes(), random.Random(0)))
    with pytest.raises(CorruptStoreError, match=path.name):
        touch_everything(reopen(tmp_path, files, table), len(table))


@pytest.mark.parametrize("role", ["codes", "zones", "text"])
def test_flipped_bytes_never_crash(tmp_path: Path, role: str) -> None:
    table = sample(50)
    files = save(tmp_path, table)
    path = tmp_path / getattr(files, role).path
    content = path.read_bytes()
    rng = random.Random(role)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(rng.choice([1, 1, 4])):
            damaged[rng.randrange(len(damaged))] = rng.choice([0, 1, 0x7F, 0xFF, rng.randrange(256)])
        path.unlink()  # the old file may still be mapped
        path.write_bytes(damaged)
        with contextlib.suppress(CorruptStoreError):
            touch_everything(reopen(tmp_path, files, table), len(table))


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Replaces a file's table, keeping everything else well-formed."""
    with pa.ipc.open_file(path) as reader:
        table = change(reader.read_all().combine_chunks())
    path.unlink()
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_batch(table.to_batches()[0])


def with_field(table: pa.Table, name: str, array: pa.Array, **metadata: str) -> pa.Table:
    index = table.schema.get_field_index(name)
    old = table.schema.field(name).metadata
    changed = {**old, **{f"locality.{key}".encode(): value.encode() for key, value in metadata.items()}}
    return table.set_column(index, pa.field(name, array.type, metadata=changed), array)


def runs(ends: list[int]) -> pa.Array:
    values = pa.array(range(len(ends)), pa.uint8())
    return pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int32()), values)


HOSTILE: dict[str, Callable[[pa.Table], pa.Table]] = {
    "codes beyond the dictionary": lambda t: with_field(t, "dictionary", pa.array([13] * 50, pa.uint8())),
    "signed codes": lambda t: with_field(t, "frame", pa.array([-1] * 50, pa.int16())),
    "another type": lambda t: with_field(t, "plain", pa.array([1] * 50, pa.int32())),
    "another encoding": lambda t: with_field(t, "plain", t["plain"].chunk(0), encoding="text"),
    "an unknown encoding": lambda t: with_field(t, "frame", t["frame"].chunk(0), encoding="magic"),
    "strings as a frame": lambda t: with_field(t, "dictionary", t["dictionary"].chunk(0), encoding="frame"),
    "an unknown dictionary": lambda t: with_field(t, "dictionary", t["dictionary"].chunk(0), dictionary="ff"),
    "a base that is no number": lambda t: with_field(t, "frame", t["frame"].chunk(0), base="x"),
    "another SQL type": lambda t: with_field(t, "plain", t["plain"].chunk(0), type="DOUBLE"),
    "rows of runs": lambda t: with_field(t, "rle", pa.array([1] * 50, pa.uint8())),
    "fewer rows": lambda t: t.slice(0, 49),
    "a column less": lambda t: t.drop_columns(["plain"]),
    "a foreign column": lambda t: t.rename_columns(["other", *t.column_names[1:]]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_well_formed_lies_are_found(tmp_path: Path, name: str) -> None:
    table = sample(50)
    files = save(tmp_path, table)
    path = tmp_path / files.codes.path
    rewrite(path, HOSTILE[name])
    forged = replace(files, codes=durable_entry(path))
    with pytest.raises(CorruptStoreError, match=r"s\.arrow"):
        touch_everything(reopen(tmp_path, forged, table), len(table))


@pytest.mark.parametrize("ends", [[0, 50], [30, 30, 50], [40, 20, 50], [10, 60], [10, 20], [-5, 50]], ids=str)
def test_runs_out_of_order_are_found(tmp_path: Path, ends: list[int]) -> None:
    table = sample(50)
    files = save(tmp_path, table)
    path = tmp_path / files.codes.path
    content = path.read_bytes()
    forged = np.array(ends, dtype=np.int32).tobytes()
    genuine = np.array([50], dtype=np.int32).tobytes()
    position = content.index(genuine + bytes(60))
    if len(ends) == 1:
        path.write_bytes(content[:position] + forged + content[position + len(forged) :])
    else:
        try:
            rewrite(path, lambda t: with_field(t, "rle", runs(ends)))
        except (pa.ArrowInvalid, ValueError):
            return  # Arrow itself refuses to write such runs
    with pytest.raises(CorruptStoreError, match=r"s\.arrow"):
        touch_everything(reopen(tmp_path, replace(files, codes=durable_entry(path)), table), len(table))


def test_verify_holds_zones_against_values(tmp_path: Path) -> None:
    table = sample(50)
    files = save(tmp_path, table)
    path = tmp_path / files.zones.path
    rewrite(path, lambda t: t.set_column(t.schema.get_field_index("0.maximum"), "0.maximum", pa.array([3], pa.int64())))
    segment = reopen(tmp_path, replace(files, zones=durable_entry(path)), table)
    with pytest.raises(CorruptStoreError, match="statistics of column plain"):
        segment.verify()


def test_dictionaries_are_read_once_and_checked(tmp_path: Path) -> None:
    dictionary = sample(50)["dictionary"].dictionary
    assert dictionary is not None
    entry = write_dictionary(tmp_path, dictionary)
    loaded = Dictionaries(tmp_path, [entry])
    assert list(loaded) == [dictionary.key]
    assert loaded[dictionary.key] is loaded[dictionary.key]
    assert loaded[dictionary.key].values.equals(dictionary.values)
    with pytest.raises(KeyError):
        loaded["other"]
    path = tmp_path / entry.path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptStoreError, match=entry.path):
        read_dictionary(tmp_path, entry)
