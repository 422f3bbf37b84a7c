"""Every kind of bad input gets a clear error that names the place, and leaves the store as it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from locality.errors import CatalogError, KeyViolation, LocalityError, SchemaError, SourceError
from locality.storage.ingest import ingest
from locality.storage.store import Store
from locality.storage.table import ForeignKey
from locality.storage.verify import verify

TABLE = pa.table({"id": [1, 2, 3], "name": ["a", "b", "c"]})


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store.open(tmp_path / "store") as opened:
        ingest(opened, "kept", TABLE, primary_key="id")
        yield opened
        assert list(opened.snapshot().tables) == ["kept"]
        assert opened.snapshot().version == 1
        assert verify(opened).rows == 3
        assert not list((opened.path / "staging").glob("*"))
        with Store.open(opened.path) as again:
            named = {file.path for file in again.snapshot().entries["kept"].files}
        assert {f"segments/{f.name}" for f in (opened.path / "segments").iterdir()} <= named


def refuse(store: Store, source: Any, error: type[LocalityError], *parts: str, **options: Any) -> None:
    with pytest.raises(error) as caught:
        ingest(store, options.pop("table", "t"), source, **options)
    for part in parts:
        assert part in str(caught.value)


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_missing_file(store: Store, tmp_path: Path) -> None:
    refuse(store, tmp_path / "none.parquet", SourceError, "none.parquet", "No such file")
    refuse(store, str(tmp_path / "*.parquet"), SourceError, "no file matches", "*.parquet")


def test_directory(store: Store, tmp_path: Path) -> None:
    refuse(store, tmp_path, SourceError, str(tmp_path), "directory")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(store: Store, tmp_path: Path) -> None:
    path = _write(tmp_path / "t.csv", b"a\n1\n")
    path.chmod(0)
    refuse(store, path, SourceError, "t.csv", "Permission denied")


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.feather"])
def test_wrong_content(store: Store, tmp_path: Path, name: str) -> None:
    refuse(store, _write(tmp_path / name, b"a,b\n1,2\n"), SourceError, name, "its name says so")
    refuse(store, _write(tmp_path / name, b""), SourceError, name)


def test_unknown_format(store: Store, tmp_path: Path) -> None:
    refuse(store, _write(tmp_path / "t.xlsx", b"PK"), SourceError, "t.xlsx", "Parquet, CSV")


def test_object_of_another_kind(store: Store) -> None:
    refuse(store, 42, SourceError, "int", "__arrow_c_stream__")
    refuse(store, [1, 2], SourceError, "list")
    refuse(store, [], SourceError, "list")


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrows"])
def test_truncated_file(store: Store, tmp_path: Path, kind: str, keep: float) -> None:
    table = pa.table({"x": range(50_000), "s": [str(i) for i in range(50_000)]})
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
        with new(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=10_000)
    content = path.read_bytes()
    _write(path, content[: int(len(content) * keep) // 8 * 8 - 4])
    refuse(store, path, SourceError, path.name)


def test_garbled_parquet(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": range(50_000)}), path, compression="zstd", use_dictionary=False)
    content = bytearray(path.read_bytes())
    for position in range(1_000, 20_000, 7):
        content[position] ^= 0xFF
    refuse(store, _write(path, bytes(content)), SourceError, "t.parquet")


def test_files_with_different_columns(store: Store, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "p1.parquet")
    pq.write_table(pa.table({"b": [1]}), tmp_path / "p2.parquet")
    refuse(store, str(tmp_path / "p*.parquet"), SourceError, "p2.parquet", "columns b")
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "p2.parquet")
    refuse(store, str(tmp_path / "p*.parquet"), SourceError, "p2.parquet", "'a'", "string", "int64")


def test_files_of_different_formats(store: Store, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t1.parquet")
    _write(tmp_path / "t2.csv", b"a\n1\n")
    refuse(store, [tmp_path / "t1.parquet", tmp_path / "t2.csv"], SourceError, "t2.csv", "CSV")


def test_csv_with_a_bad_value(store: Store, tmp_path: Path) -> None:
    lines = ["x,y", *(f"{i},{i}" for i in range(50_000)), "oops,3", "1,2"]
    path = _write(tmp_path / "t.csv", "\n".join(lines).encode())
    refuse(store, path, SourceError, "t.csv", "Line: 50002", "oops", 'column "x"')


def test_csv_with_a_bad_row(store: Store, tmp_path: Path) -> None:
    lines = ["x,y", *(f"{i},{i}" for i in range(50_000)), "1,2,3", "1,2"]
    refuse(store, _write(tmp_path / "t.csv", "\n".join(lines).encode()), SourceError, "t.csv", "Line: 50002")


def test_csv_that_is_none(store: Store, tmp_path: Path) -> None:
    refuse(store, _write(tmp_path / "t.csv", b""), SourceError, "t.csv", "empty")
    refuse(store, _write(tmp_path / "t.csv", bytes(range(256)) * 10), SourceError, "t.csv")


def test_csv_options_that_do_not_exist(store: Store, tmp_path: Path) -> None:
    path = _write(tmp_path / "t.csv", b"x\n1\n")
    refuse(store, path, SourceError, "nope", csv={"nope": 1})
    refuse(store, path, SourceError, "') --", csv={"') --": 1})
    refuse(store, path, SourceError, "t.csv", '"y"', csv={"types": {"y": "VARCHAR"}})


def test_csv_options_for_what_is_no_csv_file(store: Store, tmp_path: Path) -> None:
    refuse(store, TABLE, SourceError, "'delim' is for CSV files", "Table", csv={"delim": ";"})
    pq.write_table(TABLE, tmp_path / "t.parquet")
    refuse(store, tmp_path / "t.parquet", SourceError, "'delim'", "t.parquet", "Parquet", csv={"delim": ";"})


def test_csv_files_with_different_columns(store: Store, tmp_path: Path) -> None:
    _write(tmp_path / "a.csv", b"x,y\n1,2\n")
    _write(tmp_path / "b.csv", b"x,z\n1,2\n")
    refuse(store, str(tmp_path / "?.csv"), SourceError, "b.csv", '"y"')


def test_stream_that_fails(store: Store) -> None:
    def batches() -> Any:
        yield TABLE.to_batches()[0]
        raise OSError("the network is gone")

    reader = pa.RecordBatchReader.from_batches(TABLE.schema, batches())
    refuse(store, reader, SourceError, "RecordBatchReader", "the network is gone")


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800"])
def test_names_that_can_not_be(store: Store, name: str) -> None:
    refuse(store, TABLE, SchemaError, "name", table=name)


def test_columns_that_can_not_be(store: Store) -> None:
    refuse(store, pa.table({"": [1]}), SchemaError, "empty")
    refuse(store, pa.table([[1], [2]], names=["a", "A"]), SchemaError, "'a'", "'A'")
    refuse(store, pa.table([[1], [2]], names=["a", "a"]), SchemaError, "'a'")
    refuse(store, pa.table({}), SchemaError, "no columns")


def test_types_that_can_not_be(store: Store) -> None:
    wide = pa.table({"d": pa.array([1], pa.decimal256(50, 0))})
    refuse(store, wide, SchemaError, "'d'", "38")
    far = pa.table({"t": pa.array([2**62], pa.timestamp("s", tz="UTC"))})
    refuse(store, far, SchemaError, "'t'")
    low = pa.Array.from_buffers(pa.decimal128(5, -2), 1, [None, pa.py_buffer(bytes(16))])
    refuse(store, pa.table({"n": low}), SchemaError, "'n'", "-2")


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_view(pa.int32()),
        pa.struct([]),
        pa.list_(pa.struct([("a", pa.struct([]))])),
        pa.list_(pa.duration("s")),
        pa.struct([("a", pa.int8()), ("A", pa.int8())]),
        pa.list_(pa.decimal128(5, -2)),
    ],
    ids=str,
)
def test_nested_types_that_can_not_be(store: Store, kind: pa.DataType) -> None:
    refuse(store, pa.table({"v": pa.array([], kind)}), SchemaError, "'v'", "can't be kept")


@pytest.mark.parametrize("path", ["a\0b.parquet", "a" * 5000 + ".parquet"])
def test_paths_that_can_not_be(store: Store, path: str) -> None:
    refuse(store, path, SourceError, "can't be read")


NOT_UNICODE = pa.array([b"a", b"b\xc3", b"\xc3\xa9", b"\xff\xfe"]).view(pa.string())


@pytest.mark.parametrize(
    "text",
    [
        NOT_UNICODE,
        NOT_UNICODE.cast(pa.large_string()),
        NOT_UNICODE.dictionary_encode(),
        NOT_UNICODE.view(pa.string())[1:],
    ],
    ids=["string", "large", "dictionary", "slice"],
)
@pytest.mark.parametrize("before", [0, 70_000, 300_000])
def test_strings_that_are_not_unicode(store: Store, tmp_path: Path, text: pa.Array, before: int) -> None:
    valid = pa.array(["é", "e"] * (before // 2)).cast(text.type)
    row = before + (1 if len(text) == 4 else 0)
    table = pa.table({"n": range(before + len(text)), "s": pa.chunked_array([valid, text])})
    place = f"column 's', row {row} (counted from 0): a string is not valid UTF-8"
    refuse(store, table, SourceError, f"the pyarrow Table: {place}")
    pq.write_table(table, tmp_path / "t.parquet")
    refuse(store, tmp_path / "t.parquet", SourceError, place)
    # Arrow files hold one dictionary for all chunks, which is then bad in the first one already.
    pa.feather.write_feather(table.set_column(1, "s", table["s"].cast(pa.string())), tmp_path / "t.arrow")
    refuse(store, tmp_path / "t.arrow", SourceError, "t.arrow: ", place)


def broken(arrow: pa.DataType, length: int, *buffers: Any, children: Any = None) -> pa.Array:
    """An array of a hostile library: Arrow does not look into buffers that it is given."""
    return pa.Array.from_buffers(arrow, length, [None, *map(pa.py_buffer, buffers)], children=children)


def int32(*values: int) -> bytes:
    return np.array(values, np.int32).tobytes()


@pytest.mark.parametrize(
    ("array", "row"),
    [
        (broken(pa.string(), 3, int32(0, 2, 1, 2), b"ab"), 1),
        (broken(pa.list_(pa.int64()), 2, int32(0, 9, 2), children=[pa.array([1, 2])]), 0),
        (broken(pa.list_(pa.string()), 1, int32(0, 4), children=[NOT_UNICODE]), 0),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1, 7]), ["a", "b"], safe=False), 2),
        (broken(pa.decimal128(4, 2), 2, np.array([5, 0, 10**9, 0]).tobytes()), 1),
    ],
    ids=["offsets", "list", "strings in a list", "indices", "decimal"],
)
def test_arrays_that_are_not_what_they_say(store: Store, array: pa.Array, row: int) -> None:
    valid = pa.nulls(5, array.type)
    refuse(store, pa.table({"x": pa.chunked_array([valid, array])}), SourceError, f"column 'x', row {5 + row} ")


def test_table_that_is_there(store: Store) -> None:
    refuse(store, TABLE, CatalogError, "'kept'", "already", table="KEPT")


def test_append_to_no_table(store: Store) -> None:
    refuse(store, TABLE, CatalogError, "'t'", "kept", mode="append")


def test_append_of_other_columns(store: Store) -> None:
    def append(source: pa.Table, *parts: str) -> None:
        refuse(store, source, SchemaError, *parts, table="kept", mode="append")

    append(TABLE.select(["id"]), "'name'")
    append(TABLE.append_column("more", [[1, 2, 3]]), "'more'")
    append(TABLE.set_column(1, "name", [[1, 2, 3]]), "'name'", "VARCHAR", "BIGINT")
    append(TABLE.set_column(0, "id", [[1.0, 2.0, 3.0]]), "'id'", "DOUBLE")


def test_append_with_keys(store: Store) -> None:
    refuse(store, TABLE, SchemaError, "keys", table="kept", mode="append", primary_key="id")


def test_append_of_a_key_that_is_there(store: Store) -> None:
    more = pa.table({"id": [4, 2], "name": ["d", "e"]})
    refuse(store, more, KeyViolation, "'kept'", "id", "2", "rows 1 and 4", table="kept", mode="append")


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ([7, 8, 9, 8, 7], ("8 is at rows 1 and 3",)),
        ([1, 10**15, 10**15], (f"{10**15} is at rows 1 and 2",)),
        (["x", "y", "x"], ("'x' is at rows 0 and 2",)),
        ([1.5, float("nan"), float("nan")], ("nan is at rows 1 and 2",)),
        ([1, None, 2], ("NULL at row 1",)),
    ],
)
def test_duplicate_keys(store: Store, values: list[Any], parts: tuple[str, ...]) -> None:
    refuse(store, pa.table({"k": values}), KeyViolation, "primary key", "'t'", *parts, primary_key="k")


def test_duplicate_composite_key(store: Store) -> None:
    table = pa.table({"a": [1, 1, 2, 1], "b": ["x", "y", "x", "y"]})
    refuse(store, table, KeyViolation, "(1, 'y') is at rows 1 and 3", primary_key=["a", "b"])


def test_dangling_reference(store: Store) -> None:
    children = pa.table({"parent": [1, None, 3, 4, 9]})
    refuse(store, children, KeyViolation, "4 at row 3", "'kept'", foreign_keys={"parent": "kept(id)"})


@pytest.mark.parametrize(
    ("reference", "error", "part"),
    [
        ("none(id)", CatalogError, "'none'"),
        ("kept(what)", SchemaError, "'what'"),
        ("kept(name)", SchemaError, "VARCHAR"),
        ("kept(id, name)", SchemaError, "does not match"),
        ("kept((", SchemaError, "table(column)"),
    ],
)
def test_impossible_reference(store: Store, reference: str, error: type[LocalityError], part: str) -> None:
    refuse(store, pa.table({"parent": [1]}), error, part, foreign_keys={"parent": reference})


def test_key_of_no_column(store: Store) -> None:
    refuse(store, TABLE, SchemaError, "'what'", "id, name", primary_key="what")
    refuse(store, TABLE, SchemaError, "'what'", foreign_keys=[ForeignKey(("what",), "kept", ("id",))])
