"""A layout whose files are damaged: another one answers, nothing stored is lost, and repair writes it anew."""

from __future__ import annotations

import warnings
from pathlib import Path

import pyarrow as pa
import pytest

import locality
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
            con.sql("delete from t where b = 13")
            assert con.sql(BY_B).fetchall() == wanted
            with pytest.raises(CorruptStoreError):  # new rows go to all layouts
                con.sql("insert into t values (1, 11)")
            assert con.sql(BY_B).fetchall() == wanted


def test_the_primary_layout_can_not_be_done_without(store: Path) -> None:
    damaged = files_of(store, 0)[0]
    damage(damaged, "truncated")
    with locality.connect(store) as con, pytest.raises(CorruptStoreError, match=damaged.name):
        con.sql("select sum(a) from t where a > 5")
