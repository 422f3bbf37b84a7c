"""The dataset that DuckDB scans, asked directly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from locality.sql.dataset import StoredDataset
from locality.types import INTEGER, VARCHAR
from tests.sql.tables import one_zone

TABLE = pa.table({"a": pa.array([1, 2, None, 4], pa.int32()), "a b": ["x", None, "z", "w"], "unread": [None] * 4})


class Recorder:
    def __init__(self) -> None:
        self.read: list[list[int]] = []
        self.dataset = StoredDataset(one_zone("t", (INTEGER, VARCHAR, INTEGER), TABLE, self.to_batches))

    def to_batches(self, columns: Sequence[int], *, zones: object = None) -> Iterator[pa.RecordBatch]:
        self.read.append(list(columns))
        yield from TABLE.select(columns).to_batches(max_chunksize=3)


def test_projection_and_order() -> None:
    recorder = Recorder()
    table = recorder.dataset.scanner(columns=["a b", "a"]).to_table()
    assert table.equals(TABLE.select(["a b", "a"]))
    assert recorder.read == [[0, 1]]
    assert recorder.dataset.scanner().to_table().equals(TABLE)


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (ds.field("a") > 1, [None, "w"]),
        (ds.field("a b") == "x", ["x"]),
        ((ds.field("a") > 3) | ds.field("a b").is_null(), [None, "w"]),
    ],
)
def test_filters_read_the_columns_they_need(predicate: ds.Expression, expected: list[str | None]) -> None:
    recorder = Recorder()
    table = recorder.dataset.scanner(columns=["a b"], filter=predicate).to_table()
    assert table.to_pydict() == {"a b": expected}
    assert recorder.read in ([[0, 1]], [[1]])


def test_counting() -> None:
    recorder = Recorder()
    assert recorder.dataset.count_rows() == 4
    assert recorder.read == []
    assert recorder.dataset.count_rows(filter=ds.field("a") > 1) == 2
    assert recorder.read == [[0]]


def test_a_failing_scan_is_remembered() -> None:
    def fails(columns: Sequence[int], *, zones: object = None) -> Iterator[pa.RecordBatch]:
        raise OSError("disk gone")
        yield

    dataset = StoredDataset(one_zone("t", (INTEGER, VARCHAR, INTEGER), TABLE, fails))
    with pytest.raises(OSError, match="disk gone"):
        dataset.scanner().to_table()
    assert isinstance(dataset.failure, OSError)
