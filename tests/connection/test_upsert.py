"""Rows that change by methods: delete, upsert, compact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import locality
from locality.connection import Connection
from locality.errors import CatalogError, KeyViolation, SchemaError, StoreError

COLUMNS = pa.schema([("k", pa.int32()), ("word", pa.string())])


def table(*rows: tuple[int | None, str | None]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(COLUMNS.names, row, strict=True)) for row in rows], COLUMNS)


@pytest.fixture
def connection() -> Iterator[Connection]:
    with locality.connect() as made:
        made.ingest("t", table(*((k, f"w{k % 2}") for k in range(6))), primary_key="k")
        yield made


def rows(connection: Connection) -> list[Any]:
    result = connection.sql("select k, word from t")
    assert result.profile.engine == "locality"
    return result.fetchall()


def test_delete_says_how_many(connection: Connection) -> None:
    assert connection.delete("T", "k > ? or word = 'w1'", [4]) == 3
    assert rows(connection) == [(0, "w0"), (2, "w0"), (4, "w0")]
    assert connection.delete("t", "true") == 3


def test_rows_with_known_keys_are_replaced_and_others_come(connection: Connection) -> None:
    new = table((9, "new"), (3, None), (0, "zero")).select(["word", "k"])
    report = connection.upsert("t", new)
    assert (report.updated, report.inserted, report.deleted, report.rows) == (2, 1, 0, 3)
    assert report.bytes_written > 0
    assert rows(connection) == [(1, "w1"), (2, "w0"), (4, "w0"), (5, "w1"), (9, "new"), (3, None), (0, "zero")]
    connection.verify()


def test_a_file_is_a_source_too(connection: Connection, tmp_path: Path) -> None:
    pq.write_table(table((1, "file")), tmp_path / "new.parquet")
    assert connection.upsert("t", tmp_path / "new.parquet").updated == 1
    assert rows(connection)[-1] == (1, "file")


def test_the_key_may_be_another_one(connection: Connection) -> None:
    connection.ingest("s", table((1, "a"), (2, "b")))
    assert connection.upsert("s", table((7, "b"), (8, "c")), key="word").updated == 1
    assert connection.sql("from s order by k").fetchall() == [(1, "a"), (7, "b"), (8, "c")]
    assert connection.upsert("s", table((7, "x"), (8, "c")), key=["k", "word"]).updated == 1


@pytest.mark.parametrize(
    ("source", "key", "error", "message"),
    [
        (table((1, "a"), (1, "b")), (), KeyViolation, "1 is at rows 0 and 1"),
        (table((None, "a")), (), KeyViolation, "'k' is NULL at row 0"),
        (table((9, "w1")), "word", KeyViolation, "key word of 't' does not tell rows apart"),
        (table((9, "w1")), "nope", SchemaError, "has no column 'nope'"),
        (table((9, "w1")).select(["k"]), (), SchemaError, "lacks the column 'word'"),
        (pa.table({"k": [2**40], "word": ["x"]}), (), SchemaError, "the source's BIGINT does not fit"),
    ],
)
def test_what_does_not_fit_is_refused(
    connection: Connection, source: pa.Table, key: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        connection.upsert("t", source, key=key)
    assert len(rows(connection)) == 6


def test_a_table_without_a_key_needs_one(connection: Connection) -> None:
    connection.ingest("s", table((1, "a")))
    with pytest.raises(SchemaError, match="has no primary key: name the columns that tell its rows by key="):
        connection.upsert("s", table((1, "b")))
    with pytest.raises(CatalogError, match="no table 'nope'"):
        connection.upsert("nope", table((1, "b")))


def test_compact_drops_what_was_deleted(connection: Connection) -> None:
    connection.upsert("t", table((2, "two"), (7, "seven")))
    connection.delete("t", "k = 5")
    before = rows(connection)
    report = connection.compact("t")
    assert report.rows == 6
    assert report.bytes_stored < report.bytes_before
    assert rows(connection) == before
    (summary,) = connection.info().tables
    assert (summary.rows, summary.deleted, summary.segments, summary.primary_key) == (6, 0, 1, ("k",))
    connection.verify()


def test_info_counts_deleted_rows(connection: Connection) -> None:
    connection.delete("t", "k < 2")
    (summary,) = connection.info().tables
    assert (summary.rows, summary.deleted) == (4, 2)
    assert "t: 4 rows" in str(connection.info())
    assert "2 deleted rows are still stored" in str(connection.info())


def test_read_only_connections_refuse(tmp_path: Path) -> None:
    with locality.connect(tmp_path) as writer:
        writer.ingest("t", table((1, "a")), primary_key="k")
    with locality.connect(tmp_path, read_only=True) as reader:
        for change in (
            lambda: reader.delete("t", "true"),
            lambda: reader.upsert("t", table((1, "b"))),
            lambda: reader.compact("t"),
        ):
            with pytest.raises(StoreError, match="read-only"):
                change()
