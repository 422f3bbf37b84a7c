"""Tables decode their segments row by row in order, and open without touching a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from locality import types
from locality.encodings import ENCODINGS, EncodedColumn, EncodingSpec, canonical, from_arrow
from locality.storage.dictionaries import Dictionaries, write_dictionary
from locality.storage.segment import open_segment, write_segment
from locality.storage.statistics import ColumnStatistics
from locality.storage.table import ColumnInfo, DistinctCount, ForeignKey, Table
from locality.storage.zones import ZONE_ROWS

ROWS = ZONE_ROWS + 10
NESTED = pa.list_(pa.int64())
COLUMNS = [
    ColumnInfo("number", types.BIGINT, True),
    ColumnInfo("word", types.VARCHAR, False),
    ColumnInfo("note", types.VARCHAR, True),
    ColumnInfo("list", types.from_arrow(NESTED), True, NESTED),
]


def rows(seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    lists = pa.array([None if n % 7 == 0 else [n] for n in range(ROWS)], NESTED)
    return pa.table(
        {
            "number": pa.array(rng.integers(0, 200, ROWS), mask=rng.random(ROWS) < 0.1),
            "word": pa.array(np.array(["x", "y", str(seed)])[rng.integers(0, 3, ROWS)]),
            "note": pa.array([None if n % 5 == 0 else f"{seed} {n}" for n in range(ROWS)]),
            "list": lists,
        }
    )


def encoded(source: pa.Table, seed: int) -> list[EncodedColumn]:
    """The columns of one segment; bases, widths and dictionaries differ from segment to segment."""
    frame = EncodingSpec(types.BIGINT, "frame", base=-seed, code="uint16")
    return [
        ENCODINGS["frame"].encode(source["number"], frame),
        from_arrow(source["word"], types.VARCHAR),
        canonical(source["note"], types.VARCHAR),
        canonical(source["list"], types.from_arrow(NESTED)),
    ]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Table, pa.Table, Path]:
    directory = tmp_path_factory.mktemp("table")
    parts = [rows(seed) for seed in (1, 2)]
    names, column_types = [c.name for c in COLUMNS], [c.type for c in COLUMNS]
    files, entries = [], []
    for seed, part in enumerate(parts, 1):
        columns = encoded(part, seed)
        files.append(write_segment(directory, f"{seed}", columns, names))
        entries += [write_dictionary(directory, c.dictionary) for c in columns if c.dictionary is not None]
    dictionaries = Dictionaries(directory, entries)
    segments = [open_segment(directory, f, names, column_types, dictionaries) for f in files]
    statistics = [ColumnStatistics(2 * ROWS, distinct_estimate=n) for n in range(4)]
    table = Table("t", COLUMNS, segments, statistics, ["number"], [ForeignKey(("word",), "other", ("id",))])
    return table, pa.concat_tables(parts), directory


def test_rows_come_back_in_order(stored: Any) -> None:
    table, expected, _ = stored
    batches = list(table.to_batches([0, 1, 2, 3]))
    assert [batch.num_rows for batch in batches] == [ZONE_ROWS, 10] * 2
    assert pa.Table.from_batches(batches).to_pylist() == expected.to_pylist()


def test_some_columns_in_any_order(stored: Any) -> None:
    table, expected, _ = stored
    batches = pa.Table.from_batches(table.to_batches([2, 0]))
    assert batches.column_names == ["note", "number"]
    assert batches["note"].to_pylist() == expected["note"].to_pylist()


def test_rows_without_columns_are_counted(stored: Any) -> None:
    table, _, _ = stored
    assert sum(batch.num_rows for batch in table.to_batches([])) == table.row_count == 2 * ROWS


def test_facts(stored: Any) -> None:
    table, expected, _ = stored
    assert table.arrow_schema.types == expected.schema.types
    assert [field.nullable for field in table.arrow_schema] == [True, False, True, True]
    assert table.statistics(3).distinct_estimate == 3
    assert table.primary_key == ("number",)
    assert table.foreign_keys[0].table == "other"


def test_a_table_without_rows() -> None:
    table = Table("empty", COLUMNS, [], [ColumnStatistics(0)] * 4)
    assert table.row_count == 0
    assert list(table.to_batches([0])) == []


def keyed(primary_key: tuple[str, ...], unique: tuple[str, ...], *keys: ForeignKey, name: str = "t") -> Table:
    columns = [ColumnInfo(column, types.BIGINT, column == "d") for column in "abcd"]
    statistics = [ColumnStatistics(9, distinct_estimate=n, distinct_exact=n < 2) for n in range(4)]
    return Table(name, columns, [], statistics, primary_key, keys, unique)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [([], False), ([0], False), ([0, 1], True), ([1, 0], True), ([0, 1, 3], True), ([0, 3], False), ([2, 0], True)],
    ids=str,
)
def test_unique_columns(columns: list[int], expected: bool) -> None:
    assert keyed(("a", "b"), ("c",)).is_unique(columns) == expected
    assert not keyed((), ()).is_unique(columns)


def test_distinct_counts() -> None:
    table = keyed(("c",), ())
    assert table.distinct_count(1) == DistinctCount(1, exact=True)
    assert table.distinct_count(2) == DistinctCount(table.row_count, exact=True)
    assert table.distinct_count(3) == DistinctCount(3, exact=False)


def test_references() -> None:
    parent = keyed(("a", "b"), (), name="p")
    child = keyed((), (), ForeignKey(("c", "d"), "p", ("a", "b")))
    assert child.refers_to([2, 3], parent, [0, 1])
    assert child.refers_to([3, 2], parent, [1, 0])
    assert not child.refers_to([3, 2], parent, [0, 1])
    assert not child.refers_to([2], parent, [0])
    assert not child.refers_to([2, 3], keyed((), (), name="other"), [0, 1])
