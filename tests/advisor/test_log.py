"""The workload log: what it keeps, for whom, and that no query fails or is slower by it."""

from __future__ import annotations

import datetime
import json
import os
import stat
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

import locality
from locality.advisor import logfile
from locality.advisor.log import WorkloadLog
from locality.advisor.logfile import LogFile
from locality.advisor.shapes import HALF_LIFE, Example, LoggedShape, Runs
from locality.connection import Connection
from locality.sql.shape import shape_of


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.locality"
    with locality.connect(path) as con:
        con.ingest("t", pa.table({"a": [1, 2, 3], "d": [datetime.date(2024, 1, day) for day in (1, 2, 3)]}))
    return path


def file_of(store: Path) -> Path:
    return store / "workload" / "log.json"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select a from t where a = 1", "SELECT  a\nFROM t -- here\nWHERE a=22;"),
        ("select 'x' from t where a in (1, 2)", "select 'it''s' from t where a in (1,2,3,4)"),
        ("select a from t where d < date '2024-01-02'", "select a from T where d < date '2025-01-02'"),
    ],
)
def test_shapes_are_the_same_whatever_the_constants(one: str, other: str) -> None:
    assert shape_of(one) == shape_of(other)


@pytest.mark.parametrize("sql", ["", "select", "select 'open", '"open', "é = ü", "$$", "/*"])
def test_any_text_has_a_shape(sql: str) -> None:
    assert isinstance(shape_of(sql).text, str)


def test_different_queries_have_different_shapes() -> None:
    texts = ["select a from t", "select d from t", 'select "A" from t', "select a from t where a > ?", "select a + 1.5"]
    assert len({shape_of(sql).text for sql in texts}) == len(texts)


def test_what_was_asked_is_found_by_other_connections(store: Path) -> None:
    with locality.connect(store) as con:
        for a in (1, 2, 3):
            con.sql(f"select count(*) from t where a > {a}")
        con.sql("select a from t where d = ?", [datetime.date(2024, 1, 2)])
    with locality.connect(store, read_only=True) as con:
        con.sql("select d from t")
        assert len(con.workload().shapes) == 3
        with pytest.raises(locality.errors.StoreError, match="read-only"):
            con.clear_workload()
    with locality.connect(store, read_only=True, workload_log=True) as con:
        con.sql("select count(*) from T where a > 9")
        con.explain("select max(a) from t", analyze=True)
        shapes = {shape.text: shape for shape in con.workload().shapes}
    assert sorted(shapes) == ["select a from t where d = ?", "select count (*) from t where a > ?"]
    counted = shapes["select count (*) from t where a > ?"]
    assert (counted.tables, counted.runs.count, counted.engine) == (("t",), 4, "locality")
    assert counted.runs.bytes > 0
    assert counted.examples[-1].sql == "select count(*) from T where a > 9"
    assert sum(counted.examples[-1].touched.values()) <= counted.examples[-1].bytes
    assert len(counted.examples) == 3
    assert shapes["select a from t where d = ?"].examples[0].params == (datetime.date(2024, 1, 2),)


@pytest.mark.skipif(os.name == "nt", reason="files have no modes")
def test_only_the_owner_may_read_it(store: Path) -> None:
    with locality.connect(store) as con:
        con.sql("select a from t where a = 2")
    assert stat.S_IMODE(file_of(store).stat().st_mode) == 0o600
    assert stat.S_IMODE(file_of(store).parent.stat().st_mode) == 0o700


def test_it_can_be_switched_off_and_cleared(store: Path) -> None:
    with locality.connect(store, workload_log=False) as con:
        con.sql("select a from t")
        con.settings.workload_log = True
        con.sql("select d from t")
        assert [shape.text for shape in con.workload().shapes] == ["select d from t"]
        con.sql("select a + 1 from t")
        con.clear_workload()
        assert con.workload().shapes == ()
    assert not file_of(store).exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 9}', '{"format": 1, "epoch": 0, "shapes": [{"text": 1}]}']
)
def test_what_is_damaged_is_begun_anew(store: Path, content: str) -> None:
    file_of(store).parent.mkdir()
    file_of(store).write_text(content)
    with locality.connect(store) as con:
        con.sql("select a from t")
        assert [shape.runs.count for shape in con.workload().shapes] == [1]


def test_where_it_cannot_be_written_queries_go_on(store: Path) -> None:
    (store / "workload").write_text("in the way")
    with locality.connect(store) as con:
        assert con.sql("select a from t where a = 3").fetchall() == [(3,)]
        con.workload()
        con.sql("select a from t where a = 2")
        assert [shape.runs.count for shape in con.workload().shapes] == [2]


def test_a_full_disk_fails_no_query(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logfile.durable, "replace_file", full)
    with locality.connect(store) as con:
        assert con.sql("select max(a) from t").fetchall() == [(3,)]
        assert len(con.workload().shapes) == 1


def test_it_stays_within_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "workload").mkdir()
    monkeypatch.setattr(logfile, "MOST_SHAPES", 5)
    monkeypatch.setattr(logfile, "MOST_BYTES", 2500)
    file = LogFile(tmp_path)
    shapes = {f"q{i}": LoggedShape(f"q{i}", since=Runs(1, float(i)), recent=1, last=1.0) for i in range(20)}
    assert file.update(lambda log: log.merged(logfile.Log(shapes)))
    assert set(file.read().shapes) == {f"q{i}" for i in range(15, 20)}
    file.update(lambda log: log.merged(logfile.Log({"long": LoggedShape("x" * 2500, recent=1, last=1.0)})))
    assert len((tmp_path / "workload" / "log.json").read_bytes()) < 3000


def test_a_run_counts_half_a_week_later() -> None:
    old = LoggedShape("q", recent=8.0, last=0.0, since=Runs(8, 8.0, 80))
    new = old.merged(LoggedShape("q", recent=1.0, last=HALF_LIFE, since=Runs(1, 1.0, 10)))
    assert new.weight(HALF_LIFE) == pytest.approx(5.0)
    assert new.runs == Runs(9, 9.0, 90)


def test_parameters_come_back_as_they_were(tmp_path: Path) -> None:
    values = (None, True, 7, 1.5, "x'y", Decimal("1.20"), datetime.datetime(2024, 1, 2, 3), b"\x00\xff")
    shape = LoggedShape(
        "q", examples=(Example("q", values, 5, 0.5, {"t.a": 3}, 7), Example("q", {"name": datetime.time(1, 2)}))
    )
    assert LoggedShape.from_json(json.loads(json.dumps(shape.to_json()))) == shape


def test_values_of_other_types_are_not_kept(store: Path) -> None:
    with locality.connect(store) as con:
        con.sql("select a from t where list_contains(?, a)", [[1, 2]])
        (shape,) = con.workload().shapes
    assert (shape.runs.count, shape.examples) == (1, ())


def test_two_connections_add_to_one_log(store: Path) -> None:
    def asked(con: Connection) -> int:
        return sum(shape.runs.count for shape in con.workload().shapes)

    with locality.connect(store) as one, locality.connect(store) as two:
        for con in (one, two, one):
            con.sql("select a from t")
        assert asked(one) == 2
        assert asked(two) == 3


def test_texts_that_pile_up_are_written_meanwhile(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locality.advisor.log._MOST_BYTES", 10)
    with locality.connect(store) as con:
        log: WorkloadLog = con._log
        for _ in range(50):
            con.sql("select a from t where a = 1")
        log.flush()
        assert sum(shape.runs.count for shape in con.workload().shapes) == 50
