"""Reading sources: large row groups, many small batches, widening appends, progress, and key declarations."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import locality
from locality.errors import SchemaError
from locality.storage.ingest import ingest, parquet, passes
from locality.storage.ingest.keys import parse_foreign_keys, parse_primary_key
from locality.storage.ingest.parallel import in_order
from locality.storage.ingest.parquet import ParquetSource
from locality.storage.ingest.source import CHUNK_ROWS, Place, gather
from locality.storage.store import Store
from locality.storage.table import ForeignKey
from locality.storage.verify import verify
from tests.storage.ingest.tables import stored


def big_table(rows: int) -> pa.Table:
    return pa.table(
        {
            "n": np.arange(rows),
            "few": pa.array([f"word {i % 7}" for i in range(rows)]),
            "many": pa.array([str(i) for i in range(rows)]),
        }
    )


@pytest.mark.parametrize("group_rows", [1_000, 70_000, 400_000])
def test_row_groups_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_rows: int) -> None:
    monkeypatch.setattr(parquet, "_GROUP_ROWS", 100_000)
    table = big_table(300_000)
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=group_rows)
    source = ParquetSource([tmp_path / "t.parquet"])
    assert source.rows == 300_000
    read = [piece() for piece in source.pieces()]
    assert max(piece.num_rows for piece in read) <= 2 * CHUNK_ROWS
    assert pa.types.is_dictionary(source.schema.field("few").type)
    assert not pa.types.is_dictionary(source.schema.field("many").type)
    rows = pa.concat_tables([piece.cast(table.schema) for piece in read])
    assert rows.equals(table)


def test_more_than_fits_in_memory_waits_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "STAGED_BYTES", 100_000)
    table = big_table(300_000)
    with Store.open(tmp_path) as store:
        ingest(store, "t", table)
        assert stored(store, "t").equals(table.cast(stored(store, "t").schema))
        verify(store)
        assert not (tmp_path / "staging").exists()


def test_small_batches_are_gathered_and_large_ones_cut() -> None:
    batches = pa.table({"x": range(5 * CHUNK_ROWS)}).to_batches(max_chunksize=3 * CHUNK_ROWS)
    small = [batch for start in range(0, 1000, 10) for batch in [batches[0].slice(start, 10)]]
    groups = list(gather(Place("it"), iter([*small, *batches])))
    sizes = [sum(batch.num_rows for batch in group) for group in groups]
    assert sum(sizes) == 1000 + 5 * CHUNK_ROWS
    assert all(CHUNK_ROWS <= size < 2 * CHUNK_ROWS for size in sizes[:-1])
    values = np.concatenate([batch.column(0).to_numpy() for group in groups for batch in group])
    assert values.tolist() == [*range(1000), *range(5 * CHUNK_ROWS)]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (pa.array([1], pa.int64()), pa.array([2], pa.int16())),
        (pa.array([1], pa.int32()), pa.array([2], pa.uint16())),
        (pa.array(["1.5"]).cast(pa.decimal128(10, 3)), pa.array(["2.5"]).cast(pa.decimal128(8, 1))),
        (pa.array(["1.5"]).cast(pa.decimal128(12, 2)), pa.array([2], pa.int32())),
        (pa.array([1.5], pa.float64()), pa.array([2.5], pa.float32())),
        (pa.array(["x"]), pa.array([None], pa.null())),
        (pa.array(["x"]), pa.array(["y"], pa.string_view())),
        (pa.array([[1]]), pa.array([[2]])),
    ],
)
def test_append_widens(tmp_path: Path, first: pa.Array, then: pa.Array) -> None:
    with Store.open(tmp_path) as store:
        ingest(store, "t", pa.table({"k": [1], "V": first}))
        ingest(store, "t", pa.table({"v": then, "K": [2]}), mode="append")
        rows = stored(store, "t")
        assert rows.column_names == ["k", "V"]
        assert rows["k"].to_pylist() == [1, 2]
        wanted = then.cast(first.type) if not pa.types.is_nested(first.type) else then
        assert rows["V"].to_pylist() == [*first.to_pylist(), *wanted.to_pylist()]
        verify(store)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (pa.array([1], pa.int16()), pa.array([2], pa.int64())),
        (pa.array([1], pa.uint32()), pa.array([2], pa.int8())),
        (pa.array(["1.5"]).cast(pa.decimal128(8, 1)), pa.array(["2.5"]).cast(pa.decimal128(8, 2))),
        (pa.array(["1.5"]).cast(pa.decimal128(11, 2)), pa.array([2], pa.int32())),
        (pa.array([1.5], pa.float32()), pa.array([2.5], pa.float64())),
        (pa.array(["x"]), pa.array([b"y"])),
        (pa.array([0], pa.date32()), pa.array([0], pa.timestamp("us"))),
        (pa.array([[1]]), pa.array([["x"]])),
    ],
)
def test_append_never_narrows(tmp_path: Path, first: pa.Array, then: pa.Array) -> None:
    with Store.open(tmp_path) as store:
        ingest(store, "t", pa.table({"v": first}))
        with pytest.raises(SchemaError, match="'v'"):
            ingest(store, "t", pa.table({"v": then}), mode="append")


def test_runs_of_arrow_are_written_out() -> None:
    runs = pa.array([2, 4], pa.int32())
    numbers = pa.RunEndEncodedArray.from_arrays(runs, pa.array([1, None]))
    words = pa.RunEndEncodedArray.from_arrays(runs, pa.array(["a", "b"]))
    rows = pa.table({"number": numbers, "word": words})
    with locality.connect() as con:
        con.ingest("t", rows)
        con.ingest("t", rows, mode="append")
        result = con.sql("select number, word from t")
        assert result.fetchall() == [(1, "a"), (1, "a"), (None, "b"), (None, "b")] * 2
        assert result.profile.engine == "locality"


def test_types_that_nothing_can_read_are_refused() -> None:
    wide = pa.array([[], None], pa.list_(pa.decimal256(60, 2)))
    with locality.connect() as con:
        with pytest.raises(SchemaError, match=r"column 'wide' of table 't': values of type list.*can't be kept"):
            con.ingest("t", pa.table({"wide": wide}))
        assert con.sql("select 1").fetchall() == [(1,)]


def test_appended_statistics_say_what_is_certain(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        ingest(store, "t", pa.table({"up": [1, 2], "down": [9, 8], "s": ["b", "c"]}))
        ingest(store, "t", pa.table({"up": [3, 7], "down": [5, 4], "s": ["d", "a"]}), mode="append")
        table = store.snapshot().tables["t"]
        assert [table.statistics(i).sorted for i in range(3)] == ["strictly ascending", "descending", None]
        assert (table.statistics(0).minimum, table.statistics(0).maximum) == (1, 7)
        assert table.unique == ("up", "down")


def test_unique_columns_are_noted_only_if_certain(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    shuffled = rng.permutation(10_000)
    nearly = np.where(shuffled == 17, 18, shuffled)
    table = pa.table({"shuffled": shuffled, "nearly": nearly, "half": pa.array([None, *shuffled[1:].tolist()])})
    with Store.open(tmp_path) as store:
        ingest(store, "t", table)
        assert store.snapshot().tables["t"].unique == ("shuffled",)
        ingest(store, "t", table.slice(5, 1), mode="append")
        assert store.snapshot().tables["t"].unique == ()


def test_unique_raw_strings_are_noted(tmp_path: Path) -> None:
    names = [f"number {i * 7919 % 10_007} of all" for i in range(10_000)]
    table = pa.table({"name": names, "nearly": [*names[:-1], names[3]], "half": [*names[:-1], None]})
    with Store.open(tmp_path) as store:
        ingest(store, "t", table)
        stored = store.snapshot().tables["t"]
        assert all(stored.is_raw(index) for index in range(3))
        assert stored.unique == ("name",)
        ingest(store, "t", table.slice(5, 1), mode="append")
        assert store.snapshot().tables["t"].unique == ()


def test_progress_is_shown_where_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr("sys.stderr", shown)
    pq.write_table(big_table(200_000), tmp_path / "t.parquet")
    with Store.open(tmp_path / "s") as store:
        ingest(store, "quiet", tmp_path / "t.parquet")
        assert shown.getvalue() == ""
        report = ingest(store, "told", tmp_path / "t.parquet", progress=True)
        assert "told" in shown.getvalue()
    assert (report.table, report.rows, report.bytes_in) == ("told", 200_000, (tmp_path / "t.parquet").stat().st_size)
    assert report.bytes_stored > 0
    assert report.seconds > 0


def test_declared_keys() -> None:
    assert parse_primary_key(None) == ()
    assert parse_primary_key("a, b") == ("a, b",)
    assert parse_primary_key(["a", "b"]) == ("a", "b")
    assert parse_foreign_keys(None) == ()
    key = ForeignKey(("x",), "t", ("y",))
    assert parse_foreign_keys([key]) == (key,)
    assert parse_foreign_keys({"x": "t(y)", "a, b": " the table ( c , d )", "z": "t"}) == (
        key,
        ForeignKey(("a", "b"), "the table", ("c", "d")),
        ForeignKey(("z",), "t", ()),
    )


def test_results_come_in_order_and_errors_end_the_work() -> None:
    done: list[int] = []

    def task(number: int) -> Any:
        def run() -> int:
            if number == 5:
                raise ValueError(number)
            done.append(number)
            return number

        return run

    results = []
    with pytest.raises(ValueError, match="5"):
        for result in in_order((task(number) for number in range(1000)), 3):
            results.append(result)
    assert results == [0, 1, 2, 3, 4]
    assert max(done) <= 9


@pytest.mark.parametrize(("segment_bytes", "rows"), [(2**40, 1 << 20), (4_000_000, 196_608), (100_000, 6_000)])
def test_segments_of_wide_rows_are_shorter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment_bytes: int, rows: int
) -> None:
    monkeypatch.setattr(passes, "SEGMENT_BYTES", segment_bytes)
    monkeypatch.setattr("locality.storage.ingest.source.CHUNK_BYTES", 1_000_000)
    table = big_table(300_000)
    with Store.open(tmp_path) as store:
        ingest(store, "t", table)
        lengths = [segment.row_count for segment in store.snapshot().tables["t"].segments]
        assert sum(lengths) == 300_000
        assert max(lengths) <= rows
        assert len(set(lengths[:-1])) <= 1
        if rows > 65_536:
            assert all(length % 65_536 == 0 for length in lengths[:-1])
        assert stored(store, "t").equals(table.cast(stored(store, "t").schema))
        verify(store)
