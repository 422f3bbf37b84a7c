"""Many small writes: how many segments they leave, what merging these costs, and that nothing else is to be seen."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import locality
from locality.storage.entries import LayoutEntry
from locality.storage.files import FileEntry
from locality.storage.ingest import tail
from locality.storage.segment import SegmentFiles
from locality.storage.verify import verify

#: Rows of a segment that is not merged any more, however few bytes it has.
LARGE = tail._LARGE // tail._ROW


def merged_sizes(sizes: list[int]) -> tuple[list[int], int]:
    """The sizes of segments after what is small was merged, and the rows that were written for it."""
    nothing = FileEntry("", 0, 0)
    count = tail._count(LayoutEntry(segments=tuple(SegmentFiles(rows, nothing, nothing, None) for rows in sizes)))
    if not count:
        return sizes, 0
    return [*sizes[:-count], sum(sizes[-count:])], sum(sizes[-count:])


@pytest.mark.parametrize("rows", [1, 100, 9000])
def test_segments_stay_few_and_rows_are_seldom_written_again(rows: int) -> None:
    sizes, written = [10**9], 0
    for appends in range(1, 3001):
        sizes, again = merged_sizes([*sizes, rows])
        written += rows + again
        assert sum(sizes) == 10**9 + appends * rows
        assert len(sizes) <= 1 + 3 * tail.FANOUT + appends * rows // LARGE
    # of the smallest, a row is written once for each FANOUT appends till then; above, once for each power of FANOUT
    small = max(tail._SMALL // tail._ROW // rows // (tail.FANOUT - 1), 0)
    assert written <= 3000 * rows * (4 + small)


def test_large_segments_are_left_alone() -> None:
    assert merged_sizes([10**6] * 20) == ([10**6] * 20, 0)
    assert merged_sizes([LARGE + 1] * 20)[1] == 0
    wide = SegmentFiles(10, FileEntry("", tail._LARGE, 0), FileEntry("", 1, 0), None)
    assert tail._count(LayoutEntry(segments=(wide,) * 20)) == 0
    assert merged_sizes([10**6, *[3] * 7]) == ([10**6, *[3] * 7], 0)
    assert merged_sizes([10**6, *[3] * 8]) == ([10**6, 24], 24)
    assert merged_sizes([*[9000] * 7, *[3] * 8]) == ([63024], 63024), "what is merged may be merged with what is before"


QUERIES = [
    "select * from events order by id",
    "select id, rowid from events order by id",
    "select kind, count(*), sum(v), min(word), max(word) from events group by kind order by kind",
    "select word, count(*) from events group by word order by word nulls last",
    "select label, sum(v) from events join kinds on kind = k where label <> 'k3' group by label order by label",
    "select id from events where v between 10 and 30 order by id limit 7",
]


def test_nothing_is_to_be_seen_but_fewer_files(tmp_path: Path) -> None:
    chance = random.Random(8)
    oracle = duckdb.connect()
    oracle.sql("create table events (id bigint, kind int, v int, word varchar)")
    kinds = pa.table({"k": pa.array(range(5), pa.int32()), "label": [f"k{i}" for i in range(5)]})
    oracle.from_arrow(kinds).create("kinds")
    with locality.connect(tmp_path / "s") as con:
        con.ingest("kinds", kinds, primary_key="k")
        con.ingest("events", oracle.table("events"), primary_key="id", foreign_keys={"kind": "kinds(k)"})
        con.optimize("events", carry=["kinds.label"])
        con.optimize("events", order="v", layout="by_v", columns=["v", "id"])
        early = None
        for step in range(26):
            words = [chance.choice(["a", "b", f"word {step}", None]) for _ in range(3)]
            rows = pa.table(
                {
                    "id": pa.array(range(step * 3, step * 3 + 3), pa.int64()),
                    "kind": pa.array([chance.randrange(5) for _ in range(3)], pa.int32()),
                    "v": pa.array([chance.randrange(50) for _ in range(3)], pa.int32()),
                    "word": pa.array(words, pa.string()),
                }
            )
            con.ingest("events", rows, mode="append")
            oracle.execute("insert into events from rows")
            if step == 9:
                early = con.dataset("events"), oracle.table("events").to_arrow_table()
            if step in (12, 17):
                sql = f"delete from events where id % 7 = {step % 7}"
                con.sql(sql)
                oracle.sql(sql)
        for query in QUERIES:
            found = con.sql(query)
            assert found.profile.engine == "locality", found.profile.reason
            assert found.fetchall() == oracle.sql(query).fetchall()
        assert early is not None
        assert early[0].to_table().sort_by("id").to_pylist() == early[1].to_pylist(), (
            "who reads an earlier version goes on"
        )
        del early
        entry = con._store.snapshot().entries["events"]
        assert [len(layout.segments) < 2 * tail.FANOUT for layout in entry.layouts] == [True, True]
        assert sum(len(layout.dictionaries) for layout in entry.layouts) <= 8 * len(entry.primary.segments)
        assert len(entry.primary.derived) == 1
        verify(con._store)


def test_a_rollup_goes_on_over_merged_segments(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s") as con:
        con.ingest("t", pa.table({"g": pa.array([0] * 5000, pa.int32()), "v": pa.array(range(5000), pa.int64())}))
        con.rollup("by_g", "select g, count(*), sum(v) from t group by g")
        for step in range(2 * tail.FANOUT):
            con.ingest(
                "t", pa.table({"g": pa.array([step], pa.int32()), "v": pa.array([step], pa.int64())}), mode="append"
            )
        entry = con._store.snapshot().entries["t"]
        assert len(entry.primary.segments) <= tail.FANOUT
        assert len(entry.fresh_rollups) == 1
        assert len(entry.rollups[0].stored.primary.segments) <= tail.FANOUT
        assert con.sql("select count(*), sum(v) from t").fetchall() == [(5016, 4999 * 2500 + 120)]


def test_a_layout_with_fewer_rows_than_the_primary_has_its_own_tail(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s") as con:
        con.ingest("t", pa.table({"id": range(50), "v": [i % 7 for i in range(50)]}))
        con.delete("t", "v = 3")
        con.optimize("t", order="v", layout="by_v")
        for step in range(3 * tail.FANOUT):
            con.ingest("t", pa.table({"id": [100 + step], "v": [step]}), mode="append")
            if step % 5 == 0:
                con.delete("t", f"id = {step}")
        entry = con._store.snapshot().entries["t"]
        assert [len(layout.segments) < 2 * tail.FANOUT for layout in entry.layouts] == [True, True]
        verify(con._store)
        assert con.sql("select count(*), sum(id) from t").fetchall() == [(63, 3693)]
