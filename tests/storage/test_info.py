"""What a store says of itself."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from locality.storage.info import describe
from locality.storage.ingest import ingest
from locality.storage.store import Store


def test_summaries(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [1, 2, 3],
            "price": pa.array([Decimal("1.50"), None, Decimal("-2.25")]),
            "day": pa.array([dt.date(2020, 1, 2), dt.date(2019, 5, 6), None]),
            "at": pa.array([dt.datetime(2020, 1, 2, 3, 4, 5)] * 3, pa.timestamp("us")),
            "ok": [True, False, True],
            "name": ["b", "a", "a"],
            "f": [1.5, float("nan"), -0.5],
            "wide": pa.array([Decimal(10**30), None, Decimal(1)], pa.decimal128(38, 0)),
            "list": [[1], [], None],
            "none": pa.nulls(3, pa.int32()),
        }
    )
    with Store.open(tmp_path) as store:
        ingest(store, "t", table, primary_key="id")
        ingest(store, "empty", table.slice(0, 0))
        info = describe(store)
    first, empty = info.tables
    assert (info.version, first.name, first.rows, first.segments, first.primary_key) == (2, "t", 3, 1, ("id",))
    bounds = {column.name: (column.minimum, column.maximum, column.nulls) for column in first.columns}
    assert bounds == {
        "id": (1, 3, 0),
        "price": (Decimal("-2.25"), Decimal("1.50"), 1),
        "day": (dt.date(2019, 5, 6), dt.date(2020, 1, 2), 1),
        "at": (dt.datetime(2020, 1, 2, 3, 4, 5), dt.datetime(2020, 1, 2, 3, 4, 5), 0),
        "ok": (False, True, 0),
        "name": ("a", "b", 0),
        "f": (-0.5, 1.5, 0),
        "wide": (Decimal(1), Decimal(10**30), 1),
        "list": (None, None, 1),
        "none": (None, None, 3),
    }
    encodings = {column.name: column.encodings for column in first.columns}
    assert encodings["id"] == ("frame",)
    assert encodings["at"] == ("constant",)
    assert encodings["name"] == ("dictionary",)
    assert first.columns[0].bytes_per_value == 1.0
    assert first.file_bytes == sum(
        f.stat().st_size for kind in ("segments", "dictionaries") for f in (tmp_path / kind).iterdir()
    )
    assert (empty.rows, empty.columns[0].bytes_per_value, empty.columns[0].encodings) == (0, 0.0, ())


def test_text(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        ingest(store, "parent", pa.table({"id": [1, 2]}), primary_key="id")
        child = pa.table({"parent": [2, 2, 1], "n": [1, 2, 3]})
        ingest(store, "child", child, foreign_keys={"parent": "parent"})
        lines = str(describe(store)).splitlines()
    assert lines[0].startswith(f"{tmp_path}: version 2, 2 tables, ")
    assert "primary key id" in lines
    assert "foreign key parent -> parent id" in lines
    assert "unique by inspection: n" in lines
    assert [line.split()[:4] for line in lines if line.startswith("n ")] == [["n", "BIGINT", "frame", "3"]]
