"""A layout whose files are damaged: another one answers, nothing stored is lost, and repair writes it anew."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.errors import CorruptStoreError
from locality.storage.store import Store

ROWS = 3 * 65_536
BY_B = "select count(*), sum(a) from t where b between 10 and 12"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A table in the order of ``a``, with a further layout in the order of ``b``."""
    rows = range(ROWS)
    with locality.connect(tmp_path / "s", workload_log=False) as con:
        con.ingest("t", pa.table({"a": list(rows), "b": [i * 7919 % 1000 for i in rows]}))
        con.optimize("t", order=["b"], layout="by_b")
        assert "by_b" in str(con.explain(BY_B))
    return tmp_path / "s"


def files_of(path: Path, layout: int) -> list[Path]:
    with Store.open(path, create=False) as opened:
        entry = opened.snapshot().entries["t"].layouts[layout]
        return [path / file.path for segment in entry.segments for file in segment.files]


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.unlink()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "other bytes":
        path.write_bytes(bytes(len(content)))


@pytest.mark.parametrize("how", ["missing", "truncated", "other bytes"])
def test_another_layout_answers(store: Path, how: str) -> None:
    with locality.connect(store, read_only=True) as con:
        wanted = con.sql(BY_B).fetchall()
    damage(files_of(store, 1)[0], how)
    with locality.connect(store) as con:
        with pytest.warns(UserWarning, match=r"layout 'by_b' of table 't' is left out: .* --repair writes it anew"):
            result = con.sql(BY_B)
        assert result.fetchall() == wanted
        assert result.profile.engine == "locality"
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it is told once
            assert "by_b" not in str(con.explain(BY_B))
            assert con.sql(BY_B).fetchall() == wanted
        with pytest.warns(UserWarning, match="layout 'by_b' of table 't' was damaged, and is written anew"):
            con.sql("insert into t values (1, 11)")  # new rows go to all layouts
        assert "by_b" in str(con.explain(BY_B))
        assert con.sql(BY_B).fetchall() == [(wanted[0][0] + 1, wanted[0][1] + 1)]
        con.verify()


@pytest.mark.parametrize("how", ["missing", "other bytes"])
def test_repair_writes_layouts_and_rollups_anew(store: Path, how: str) -> None:
    sums = "select a % 7, count(*) from t group by 1 order by 1"
    with locality.connect(store, workload_log=False) as con:
        con.rollup("sevens", "select a % 7, count(*) from t group by 1")
        assert "sevens" in str(con.explain(sums))
        by_b, by_seven = con.sql(BY_B).fetchall(), con.sql(sums).fetchall()
    with Store.open(store, create=False) as opened:
        (rollup,) = opened.snapshot().entries["t"].rollups
    for file in (files_of(store, 1)[0], store / rollup.stored.files[0].path):
        damage(file, how)
    with locality.connect(store) as con:
        with pytest.raises(CorruptStoreError, match="is damaged"):
            con.verify()
        with pytest.warns(UserWarning, match="sevens"):
            assert con.sql(sums).fetchall() == by_seven
        report = con.verify(repair=True)
        assert report.repaired == ("layout 'by_b' of table 't'", "rollup 'sevens' of table 't'")
        assert "by_b" in str(con.explain(BY_B))
        assert "sevens" in str(con.explain(sums))
        assert con.sql(BY_B).fetchall() == by_b
        assert con.sql(sums).fetchall() == by_seven
        con.sql("insert into t values (1, 11)")
        assert con.verify(repair=True).repaired == ()


def test_the_primary_layout_can_not_be_done_without(store: Path) -> None:
    damaged = files_of(store, 0)[0]
    damage(damaged, "truncated")
    with locality.connect(store) as con, pytest.raises(CorruptStoreError, match=damaged.name):
        con.sql("select sum(a) from t where a > 5")


@pytest.mark.parametrize(
    "change",
    [lambda con, row: con.ingest("t", row, mode="append"), lambda con, row: con.upsert("t", row, key="a")],
    ids=["ingest", "upsert"],
)
def test_what_lacks_a_file_is_written_anew_before_rows_are_added(
    store: Path, change: Callable[[Connection, pa.Table], object]
) -> None:
    damage(files_of(store, 1)[0], "missing")
    with locality.connect(store) as con:
        with pytest.warns(UserWarning, match="layout 'by_b' of table 't' was damaged, and is written anew"):
            change(con, pa.table({"a": [ROWS], "b": [11]}))
        assert "by_b" in str(con.explain(BY_B))
        assert con.sql("select max(a) from t where b between 10 and 12").fetchall() == [(ROWS,)]
        con.verify()
