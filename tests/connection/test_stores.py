"""Tables, what is told of the store, EXPLAIN, and what is left of a store at close."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.errors import (
    CatalogError,
    CorruptStoreError,
    QueryError,
)
from locality.units import byte_size
from tests.connection.numbers import ROWS, SUM, ask, expected_sum, numbers


def test_tables_come_and_go(connection: Connection) -> None:
    connection.ingest("Other", numbers(0, 3))
    assert sorted(connection.tables()) == ["Other", "t"]
    assert ask(connection, "select count(*) from other") == [(3,)]
    with pytest.raises(CatalogError, match="Other"):
        connection.ingest("other", numbers())
    connection.drop("Other")
    assert connection.tables() == ["t"]
    with pytest.raises(CatalogError, match="Other"):
        connection.drop("Other")
    with pytest.raises(CatalogError, match="nothing"):
        connection.ingest("nothing", numbers(), mode="append")


def test_info_and_verify_describe_the_store(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s") as connection:
        connection.ingest("t", numbers(), primary_key="n")
        text = str(connection.info())
        assert f"{ROWS:,} rows" in text
        assert all(name in text for name in ("t", "n", "word", "half", "tens"))
        connection.verify()
        largest = max((tmp_path / "s" / "segments").rglob("*"), key=lambda path: path.stat().st_size)
        damaged = bytearray(largest.read_bytes())
        damaged[len(damaged) // 2] ^= 0xFF
        largest.write_bytes(damaged)
        with pytest.raises(CorruptStoreError, match=largest.name):
            connection.verify()


def test_explain_names_the_engine_and_counts_bytes(connection: Connection) -> None:
    sql = "select word, count(*) from t where n < 100 group by word"
    plain = connection.explain(sql)
    assert "engine: locality" in str(plain)
    assert plain.profile is None
    analyzed = connection.explain(sql, analyze=True)
    assert analyzed.profile is not None
    assert 0 < analyzed.profile.bytes_minimum <= analyzed.profile.bytes_moved < analyzed.profile.bytes_naive
    fallback = connection.explain("select count(random()) from t")
    assert "engine: duckdb" in str(fallback)
    assert "random" in str(fallback)


def test_explain_finds_reasons_that_only_a_run_shows(connection: Connection) -> None:
    connection.ingest("pairs", pa.table({"a": pa.array([1, None], pa.int64()), "b": pa.array([None, 2], pa.int64())}))
    sql = "select (a, b) in (select b, a from pairs) from pairs"
    explained = connection.explain(sql)
    assert (explained.engine, explained.profile) == ("duckdb", None)
    assert explained.reason == connection.sql(sql).profile.reason != ""
    joined = "select count(*) from pairs x join pairs y on x.a = y.b"
    assert connection.explain(joined).engine == connection.sql(joined).profile.engine == "locality"


def test_explain_is_a_statement_too(connection: Connection) -> None:
    sql = "select word, count(*) from t where n < 100 group by word"
    plain, analyzed = connection.sql(f"EXPLAIN {sql}"), connection.sql(f"explain analyze\n{sql}")
    assert plain.columns == analyzed.columns == ["explain_key", "explain_value"]
    assert plain.fetchall() == [("physical_plan", str(connection.explain(sql)))]
    key, text = analyzed.fetchall()[0]
    assert (key, analyzed.profile.engine) == ("analyzed_plan", "locality")
    assert "bytes moved" in text
    for left in ("explain pivot t on word using sum(n)", f"explain (format json) {sql}"):
        assert connection.sql(left).profile.engine == "duckdb"
    with pytest.raises(QueryError, match="LINE 1: explain select nope"):
        connection.sql("explain select nope from t")


def test_a_temporary_store_is_removed_at_close() -> None:
    connection = locality.connect()
    connection.ingest("t", numbers())
    temporary = connection._temporary
    assert temporary is not None
    assert Path(temporary.name).exists()
    connection.close()
    assert not Path(temporary.name).exists()


def test_a_temporary_store_that_nobody_closes_is_removed_in_the_end(tmp_path: Path) -> None:
    code = "import locality; locality.connect()"
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "TMP": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_the_users_stays_at_close(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s") as connection:
        connection.ingest("t", numbers())
    with locality.connect(tmp_path / "s") as connection:
        assert ask(connection, SUM) == expected_sum(numbers())


def test_a_connection_that_nobody_closed_is_let_go() -> None:
    con = locality.connect()
    con.ingest("t", pa.table({"a": [1, 2]}))
    assert con.sql("select sum(a) from t").fetchall() == [(3,)]
    seen = weakref.ref(con)
    del con
    gc.collect()
    assert seen() is None


def test_what_a_connection_gives_is_printed_for_people(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s") as connection:
        connection.ingest("t", numbers())
        assert repr(connection) == f"<connection to {tmp_path / 's'}: t>"
        profile = connection.sql("select sum(n) from t").profile
        assert profile.summary.startswith("locality | ")
        assert profile.summary.endswith("whole rows " + byte_size(profile.bytes_naive))
        assert [line.split()[0] for line in str(profile).splitlines()[3:5]] == ["aggregate", "collect"]
        unsupported = connection.sql("select count(random()) from t").profile
        assert str(unsupported).startswith(f"duckdb ({unsupported.reason}) | ")
        for printed in (profile, connection.info(), connection.workload(), connection.advise(), connection.verify()):
            assert repr(printed) == str(printed)
    assert repr(connection) == f"<closed connection to {tmp_path / 's'}>"
