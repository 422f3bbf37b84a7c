"""Whatever is ingested comes back as it was, from every kind of source."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from locality.storage.ingest import ingest
from locality.storage.store import Store
from locality.storage.verify import find_problems
from tests.storage.ingest.tables import arrow_tables, expected, same, stored


def _parquet(table: pa.Table, directory: Path) -> Any:
    pq.write_table(table, directory / "t.parquet", row_group_size=7)
    return directory / "t.parquet"


def _ipc_file(table: pa.Table, directory: Path) -> Any:
    with pa.ipc.new_file(directory / "t.arrow", table.schema) as writer:
        writer.write_table(table)
    return str(directory / "t.arrow")


def _ipc_stream(table: pa.Table, directory: Path) -> Any:
    with pa.ipc.new_stream(directory / "t.arrows", table.schema) as writer:
        writer.write_table(table)
    return str(directory / "t.arrows")


def _glob(table: pa.Table, directory: Path) -> Any:
    for index, start in enumerate(range(0, max(1, table.num_rows), 20)):
        pq.write_table(table.slice(start, 20), directory / f"part-{index}.parquet")
    return str(directory / "part-*.parquet")


class _ArrayOnly:
    """An object that exports one array, as a record batch of nanoarrow does."""

    def __init__(self, table: pa.Table) -> None:
        batches = table.combine_chunks().to_batches()
        self._batch = batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)

    def __arrow_c_array__(self, requested_schema: object | None = None) -> object:
        return self._batch.__arrow_c_array__(requested_schema)


SOURCES: dict[str, Callable[[pa.Table, Path], Any]] = {
    "table": lambda table, _: table,
    "reader": lambda table, _: table.to_reader(),
    "array": lambda table, _: _ArrayOnly(table),
    "parquet": _parquet,
    "glob": _glob,
    "paths": lambda table, directory: [_parquet(table, directory)],
    "ipc file": _ipc_file,
    "ipc stream": _ipc_stream,
}


@pytest.mark.parametrize("kind", SOURCES)
@settings(deadline=None, max_examples=15)
@given(table=arrow_tables())
def test_ingest_then_decode(kind: str, table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as name, Store.open(Path(name) / "store") as store:
        report = ingest(store, "t", SOURCES[kind](table, Path(name)), threads=2)
        assert report.rows == table.num_rows
        assert same(stored(store, "t"), expected(table))
        assert find_problems(store) == []


@settings(deadline=None, max_examples=15)
@given(first=arrow_tables(), data=arrow_tables())
def test_replace(first: pa.Table, data: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as name, Store.open(name) as store:
        ingest(store, "t", first)
        ingest(store, "T", data, mode="replace")
        assert list(store.snapshot().tables) == ["T"]
        assert same(stored(store, "t"), expected(data))


@settings(deadline=None, max_examples=15)
@given(table=arrow_tables())
def test_append_in_parts(table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as name, Store.open(name) as store:
        for start in range(0, max(1, table.num_rows), 11):
            mode = "create" if start == 0 else "append"
            ingest(store, "t", table.slice(start, 11), mode=mode)  # type: ignore[arg-type]
        assert same(stored(store, "t"), expected(table))
        assert find_problems(store) == []


@pytest.fixture
def sample() -> pa.Table:
    return pa.table(
        {
            "id": pa.array([3, 1, None, 2], pa.int64()),
            "name": pa.array(["x", None, "y", "x"]),
            "price": pa.array([1.5, float("nan"), None, -0.0]),
            "day": pa.array([0, 1, 2, None], pa.date32()),
        }
    )


def test_pandas_without_its_index(sample: pa.Table, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[7, 8])
    with Store.open(tmp_path / "s") as store:
        ingest(store, "t", frame)
        assert stored(store, "t").to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_polars(sample: pa.Table, tmp_path: Path) -> None:
    frame = pl.DataFrame(sample).with_columns(pl.col("name").cast(pl.Categorical).alias("category"))
    with Store.open(tmp_path / "s") as store:
        ingest(store, "t", frame)
        answer = stored(store, "t")
    assert same(answer.select(sample.column_names), expected(sample))
    assert answer["category"].to_pylist() == sample["name"].to_pylist()


def test_duckdb_relation(sample: pa.Table, tmp_path: Path) -> None:
    connection = duckdb.connect()
    with Store.open(tmp_path / "s") as store:
        ingest(store, "t", connection.sql("from sample"))
        assert same(stored(store, "t"), expected(sample))


def test_feather(sample: pa.Table, tmp_path: Path) -> None:
    feather.write_feather(sample, tmp_path / "t.feather", compression="lz4")
    with Store.open(tmp_path / "s") as store:
        ingest(store, "t", tmp_path / "t.feather")
        assert same(stored(store, "t"), expected(sample))


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.gz"])
def test_csv_as_duckdb_reads_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    delimiter = "\t" if "tsv" in name else ","
    duckdb.sql(
        "select i, 'n' || i % 3 as name, i * 1.25 as price, date '2020-01-01' + i::int as day, i % 2 = 0 as even "
        "from range(1000) r(i)"
    ).write_csv(str(path), sep=delimiter, compression="gzip" if name.endswith("gz") else None)
    relation = duckdb.sql(f"from read_csv('{path}')")
    with Store.open(tmp_path / "s") as store:
        ingest(store, "t", path)
        assert stored(store, "t").to_pydict() == relation.to_arrow_table().to_pydict()
        types = [str(column.type) for column in store.snapshot().tables["t"].columns]
    assert types == [str(kind) for kind in relation.types]


def test_csv_options(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("zip;x\n007;NA\n123;4\n")
    with Store.open(tmp_path / "s") as store:
        ingest(store, "t", tmp_path / "t.csv", csv={"types": {"zip": "VARCHAR"}, "delim": ";", "nullstr": "NA"})
        assert stored(store, "t").to_pydict() == {"zip": ["007", "123"], "x": [None, 4]}


@settings(deadline=None, max_examples=5)
@given(table=arrow_tables(most_rows=8))
def test_many_segments(table: pa.Table) -> None:
    """More rows than a segment has: the rows of a small table over and over."""
    if not table.num_rows:
        return
    times = 1_100_000 // table.num_rows
    repeated = pa.concat_tables([table] * 50).combine_chunks() if table.num_rows else table
    batches = (batch for _ in range(times // 50) for batch in repeated.to_batches())
    with tempfile.TemporaryDirectory() as name, Store.open(name) as store:
        ingest(store, "t", pa.RecordBatchReader.from_batches(table.schema, batches))
        answer = store.snapshot().tables["t"]
        assert len(answer.segments) == 2 - (answer.row_count <= 1 << 20)
        wanted = expected(repeated)
        row = 0
        for batch in answer.to_batches(range(len(answer.columns))):
            start = row % repeated.num_rows
            head = min(batch.num_rows, repeated.num_rows - start)
            assert same(pa.Table.from_batches([batch.slice(0, head)]), wanted.slice(start, head))
            row += batch.num_rows
        assert row == times // 50 * repeated.num_rows
