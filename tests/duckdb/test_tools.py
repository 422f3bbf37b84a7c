"""Programs of tools over DuckDB's client: over an attached connection they give the same, and Locality answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

import locality
from locality.duckdb import AttachedConnection

QUERY = "select b, count(*) as n, sum(v) as s from t group by b order by b"
ROWS = "select range % 7 as a, range::double / 7 as v, 'x' || range % 5 as b from range(1000)"


def read_with_pandas(con: Any) -> Any:
    frame = pd.read_sql(QUERY, con)
    return frame.to_dict(), frame.dtypes.astype(str).to_dict()


def read_with_polars(con: Any) -> Any:
    frame = pl.read_database(QUERY, con)
    return frame.rows(), frame.schema


def join_a_data_frame(con: Any) -> Any:
    names = pd.DataFrame({"b": ["x1", "x2"], "name": ["one", "two"]})
    assert len(names) == 2
    return con.sql(f"select name, n from ({QUERY}) join names using (b) order by name").fetchall()


def use_ibis(con: Any) -> Any:
    ibis = pytest.importorskip("ibis")
    table = ibis.duckdb.from_connection(con).table("t")
    frame = table.filter(table.a > 3).limit(3).to_pyarrow().to_pylist()
    return frame, table.count().execute(), table.filter(table.b == "x1").to_polars().rows()


def use_sqlalchemy(con: Any) -> Any:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine_module = pytest.importorskip("duckdb_engine")
    engine = sqlalchemy.create_engine(
        "duckdb://", creator=lambda: engine_module.ConnectionWrapper(con), poolclass=sqlalchemy.pool.StaticPool
    )
    with engine.connect() as connection:
        text = sqlalchemy.text("select b, sum(v) from t where a > :least group by b order by b")
        rows = connection.execute(text, {"least": 3}).fetchall()
        columns = sqlalchemy.column("b"), sqlalchemy.func.count()
        select = (
            sqlalchemy.select(*columns).select_from(sqlalchemy.table("t")).group_by(columns[0]).order_by(columns[0])
        )
        connection.execute(sqlalchemy.text("insert into made values (1)"))
        connection.commit()
        counts = connection.execute(select).fetchall()
        return list(map(tuple, rows)), list(map(tuple, counts)), pd.read_sql(QUERY, connection).to_dict()


def use_sql_magics(con: Any) -> Any:
    shells = pytest.importorskip("IPython.core.interactiveshell")
    pytest.importorskip("sql")
    shell = shells.InteractiveShell.instance()
    shell.run_line_magic("load_ext", "sql")
    shell.user_ns["con"] = con
    shell.run_line_magic("sql", "con --alias magic")
    result = shell.run_cell_magic("sql", "", QUERY)
    shells.InteractiveShell.clear_instance()
    return result.DataFrame().to_dict()


PROGRAMS = [read_with_pandas, read_with_polars, join_a_data_frame, use_ibis, use_sqlalchemy, use_sql_magics]


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The engines that answered, whichever cursor was asked."""
    seen: list[str] = []
    answer = AttachedConnection.answer

    def noted(self: AttachedConnection, *args: Any, **kwargs: Any) -> Any:
        result = answer(self, *args, **kwargs)
        seen.append("duckdb" if result is None else result.profile.engine)
        return result

    monkeypatch.setattr(AttachedConnection, "answer", noted)
    return seen


@pytest.fixture
def connections(tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    """A plain connection and an attached one, each to its own file with the same tables."""
    with duckdb.connect(tmp_path / "plain.duckdb") as plain, duckdb.connect(tmp_path / "attached.duckdb") as raw:
        for each in (plain, raw):
            each.execute(f"create table t as {ROWS}; create table made(a integer)")
        attached = locality.attach(raw)
        attached.accelerate("t")
        yield plain, attached


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_run_unchanged(
    program: Callable[[Any], Any], connections: tuple[Any, Any], engines: list[str]
) -> None:
    plain, attached = connections
    assert program(attached) == program(plain)
    assert "locality" in engines or program is join_a_data_frame
