"""Results against DuckDB's own client: the same rows in, the same Python values, data frames and tables out."""

from __future__ import annotations

import datetime
import itertools
import subprocess
import sys
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from locality import ConnectionClosedError
from locality.runtime.profile import Profile
from locality.runtime.result import Result
from tests.versions import IS_2

VALUES: dict[str, list[str]] = {
    "BOOLEAN": ["true", "false"],
    "TINYINT": ["-128", "127"],
    "SMALLINT": ["-32768", "32767"],
    "INTEGER": ["-2147483648", "2147483647"],
    "BIGINT": ["-9223372036854775808", "9223372036854775807", "0"],
    "UTINYINT": ["0", "255"],
    "USMALLINT": ["0", "65535"],
    "UINTEGER": ["0", "4294967295"],
    "UBIGINT": ["0", "18446744073709551615"],
    "HUGEINT": [
        "-170141183460469231731687303715884105728",
        "170141183460469231731687303715884105727",
        "99999999999999999999999999999999999999",
        "0",
    ],
    "UHUGEINT": ["0", "340282366920938463463374607431768211455", "170141183460469231731687303715884105728"],
    "FLOAT": ["1.5", "'nan'", "'inf'", "'-inf'", "-0.0"],
    "DOUBLE": ["0.1", "'nan'", "'inf'", "1e308"],
    "DECIMAL(4,1)": ["-999.9", "0.0", "'-0.0'"],
    "DECIMAL(15,2)": ["1234567890123.45", "0.10"],
    "DECIMAL(38,10)": ["1234567890123456789012345678.0123456789", "-1"],
    "DECIMAL(38,0)": ["12345678901234567890123456789012345678"],
    "VARCHAR": ["''", "'x'", "'Grüße 🦆'", "'a' || chr(0) || 'b'"],
    "BLOB": ["''", "'\\x00\\xFFabc'"],
    "DATE": ["'1992-01-02'", "'0001-01-01'", "'9999-12-31'", "'10000-01-01'", "'44-03-15 (BC)'", "'infinity'"],
    "TIME": ["'00:00:00'", "'12:34:56.789012'", "'24:00:00'"],
    "TIME_NS": ["'12:34:56.123456789'"],
    "TIME WITH TIME ZONE": ["'12:00:00+02'", "'23:59:59.999999-11:30'"],
    "TIMESTAMP": ["'1992-01-02 03:04:05.678901'", "'1600-01-01'", "'infinity'", "'-infinity'", "'12000-01-01'"],
    "TIMESTAMP_S": ["'1992-01-02 03:04:05'", "'infinity'"],
    "TIMESTAMP_MS": ["'1992-01-02 03:04:05.678'", "'-infinity'"],
    "TIMESTAMP_NS": ["'1992-01-02 03:04:05.678901234'", "'infinity'"],
    "TIMESTAMP WITH TIME ZONE": ["'1992-07-02 03:04:05.678901+00'", "'1890-01-01 00:00:00+00'", "'infinity'"],
    "INTERVAL": ["'1 year 2 months 3 days 4 microseconds'", "'-1 month -1 day -1 microsecond'", "'0 days'"],
    "UUID": ["'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'", "'00000000-0000-0000-0000-000000000000'"],
    "BIT": ["'101'", "'0000000011'"],
    "BIGNUM": ["'123456789012345678901234567890123456789012'"],
    "JSON": ["'{\"a\": [1, null]}'"],
    "ENUM('b', 'a''b')": ["'b'", "'a''b'"],
    "INTEGER[]": ["[1, null, 3]", "[]"],
    "INTEGER[2]": ["[1, 2]"],
    "TIMESTAMP WITH TIME ZONE[]": ["['1992-07-02 03:04:05+00']"],
    'STRUCT("a b" INTEGER, c UUID)': ["row(1, 'eeccb8c5-9943-b2bb-bb5e-222f4e14b687')"],
    "MAP(VARCHAR, INTEGER)": ["map {'a': 1, 'b': null}"],
    "MAP(INTEGER[], INTEGER)": ["map {[1]: 1}"],
    "UNION(n INTEGER, s VARCHAR)": ["union_value(n := 1)"],
    **({'"NULL"': []} if IS_2 else {}),
}

NO_DATA_FRAME = {"UHUGEINT", "TIME WITH TIME ZONE", "BIGNUM"}


@pytest.fixture
def duck() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'America/New_York'")
    return connection


def make(duck: duckdb.DuckDBPyConnection, sql: str, *, lossless: bool = False) -> Result:
    """The answer of DuckDB to ``sql`` as a Result: through Arrow, in its plain or its lossless export."""
    duck.execute(f"set arrow_lossless_conversion = {lossless}")
    relation = duck.sql(sql)
    table = relation.to_arrow_table()
    duck.execute("set arrow_lossless_conversion = false")
    return Result(table, relation.columns, [str(t) for t in relation.types], Profile("duckdb"))


def query(type_name: str) -> str:
    rows = [f"({i}, cast({text} as {type_name}))" for i, text in enumerate(VALUES[type_name] + ["null"])]
    return f"select v from (values {', '.join(rows)}) t(i, v) order by i" if type_name != '"NULL"' else "select null v"


def same(ours: Any, theirs: Any) -> bool:
    """Equal in value, type and printed form (which tells -0.0 from 0.0, NaN from NaN not, and zones apart)."""
    return repr(ours) == repr(theirs)


@pytest.mark.parametrize("lossless", [False, True], ids=["plain", "lossless"])
@pytest.mark.parametrize("type_name", VALUES)
def test_values_are_those_of_duckdbs_client(duck: duckdb.DuckDBPyConnection, type_name: str, lossless: bool) -> None:
    if not lossless and type_name in {"BIT", "TIME WITH TIME ZONE"}:
        pytest.skip("plain Arrow does not keep this type's values")
    result = make(duck, query(type_name), lossless=lossless)
    expected = duck.execute(query(type_name)).fetchall()
    assert result.types == [type_name]
    assert len(result) == len(expected)
    for ours, theirs in zip(result.fetchall(), expected, strict=True):
        assert same(ours, theirs)
        assert type(ours[0]) is type(theirs[0])


@pytest.mark.parametrize("lossless", [False, True], ids=["plain", "lossless"])
@pytest.mark.parametrize("type_name", VALUES)
def test_arrow_tables_are_those_of_duckdbs_client(
    duck: duckdb.DuckDBPyConnection, type_name: str, lossless: bool
) -> None:
    if lossless and type_name in {"HUGEINT", "UHUGEINT"}:
        pytest.skip("values beyond 38 digits do not come back from a decimal")
    result = make(duck, query(type_name), lossless=lossless)
    expected = duck.sql(query(type_name)).to_arrow_table()
    ours = result.to_arrow_table()
    assert ours.schema == expected.schema
    assert ours.num_rows == expected.num_rows
    assert str(ours["v"].combine_chunks()) == str(expected["v"].combine_chunks())  # printed, NaN equals NaN


@pytest.mark.parametrize("type_name", [name for name in VALUES if name not in NO_DATA_FRAME])
def test_data_frames_are_those_of_duckdbs_client(duck: duckdb.DuckDBPyConnection, type_name: str) -> None:
    pandas = pytest.importorskip("pandas")
    if type_name == "BIT":
        pytest.skip("plain Arrow does not keep this type's values")
    duck.execute("create table t as " + query(type_name))
    if type_name in {"DATE", "TIMESTAMP", "TIME", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE"}:
        duck.execute("delete from t where v::varchar similar to '(.*infinity|1[02]000-.*|.*BC.*|24.*)'")
    result = make(duck, "select * from t")
    pandas.testing.assert_frame_equal(result.df(), duck.sql("select * from t").df())


def test_hugeints_beyond_38_digits_survive_a_data_frame_of_rows(duck: duckdb.DuckDBPyConnection) -> None:
    result = make(duck, "select 170141183460469231731687303715884105727::hugeint")
    assert result.fetchone() == (2**127 - 1,)


@pytest.mark.parametrize("size", [1, 2, 3, 4096, 5000])
def test_fetching_in_pieces_gives_all_rows_in_order(duck: duckdb.DuckDBPyConnection, size: int) -> None:
    result = make(duck, "select i, i::varchar s from range(10000) t(i) order by i")
    expected = [(i, str(i)) for i in range(10000)]
    pieces = iter(lambda: result.fetchmany(size), [])
    assert list(itertools.chain.from_iterable(pieces)) == expected
    assert result.fetchone() is None
    assert list(result) == expected


def test_fetchall_returns_the_rest_and_rewinds(duck: duckdb.DuckDBPyConnection) -> None:
    result = make(duck, "select i from range(5) t(i) order by i")
    assert result.fetchone() == (0,)
    assert result.fetchmany(2) == [(1,), (2,)]
    assert result.fetchmany(0) == []
    assert result.fetchall() == [(3,), (4,)]
    assert result.fetchall() == [(i,) for i in range(5)]
    assert result.fetchone() == (0,)


def test_a_result_without_rows_keeps_its_columns(duck: duckdb.DuckDBPyConnection) -> None:
    result = make(duck, "select i, [i] l from range(5) t(i) where i > 9")
    assert result.fetchall() == []
    assert result.fetchone() is None
    assert result.shape == (0, 2)
    assert result.df().columns.tolist() == ["i", "l"]
    assert "0 rows" in repr(result)


def test_repeated_and_odd_column_names_are_kept(duck: duckdb.DuckDBPyConnection) -> None:
    sql = 'select 1 a, 2 a, 3 "say ""x""", 4 "; --"'
    result = make(duck, sql)
    assert result.columns == duck.sql(sql).columns
    assert result.to_arrow_table().column_names == duck.sql(sql).to_arrow_table().column_names
    assert list(result.df().columns) == list(duck.sql(sql).df().columns)
    assert result.fetchall() == [(1, 2, 3, 4)]


def test_description_has_dbapi_types(duck: duckdb.DuckDBPyConnection) -> None:
    result = make(duck, "select 1 i, 'x' s, date '2020-01-01' d, 1.5::decimal(4,1) n")
    assert result.description == duck.sql("select 1 i, 'x' s, date '2020-01-01' d, 1.5::decimal(4,1) n").description
    assert result.description[0][1] == duckdb.NUMBER
    assert result.description[1][1] == duckdb.STRING


def test_record_batches_and_the_c_stream_carry_all_rows(duck: duckdb.DuckDBPyConnection) -> None:
    result = make(duck, "select i from range(1000) t(i) order by i")
    batches = list(result.fetch_record_batch(300))
    assert [batch.num_rows for batch in batches] == [300, 300, 300, 100]
    assert pa.table(result) == result.to_arrow_table()
    assert result.arrow().read_all() == result.to_arrow_table()
    with pytest.raises(ValueError, match="at least 1"):
        result.to_arrow_reader(0)
    assert duckdb.connect().from_arrow(result.to_arrow_table()).fetchall() == [(i,) for i in range(1000)]


def test_polars_frames_are_those_of_duckdbs_client(duck: duckdb.DuckDBPyConnection) -> None:
    testing = pytest.importorskip("polars.testing")
    sql = "select 1::hugeint h, 1.50::decimal(9,2) d, 'x' s, date '2020-01-01' d2, [1] l, null n"
    testing.assert_frame_equal(make(duck, sql).pl(), duck.sql(sql).pl())


def test_printed_form_is_duckdbs(duck: duckdb.DuckDBPyConnection, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select i, 1.5::decimal(9,2) d, 1::hugeint h, interval 1 day v from range(100) t(i)"
    assert repr(make(duck, sql)) == str(duck.sql(sql))
    make(duck, sql).show(max_rows=4)
    shown = capsys.readouterr().out
    duck.sql(sql).show(max_rows=4)
    assert shown == capsys.readouterr().out


def test_printed_form_of_many_rows_has_both_ends_and_the_count(duck: duckdb.DuckDBPyConnection) -> None:
    text = repr(make(duck, "select i from range(123456) t(i)"))
    assert "123456 rows" in text
    assert " 0 │" in text
    assert " 123455 │" in text
    assert len(text.splitlines()) < 40


def test_a_closed_result_says_so(duck: duckdb.DuckDBPyConnection) -> None:
    result = make(duck, "select 1")
    result.close()
    for use in (result.fetchall, result.fetchone, result.df, result.to_arrow_table, lambda: len(result)):
        with pytest.raises(ConnectionClosedError, match="closed"):
            use()
    assert "closed" in repr(result)


def test_zones_of_different_columns_are_each_kept() -> None:
    instant = datetime.datetime(2020, 7, 1, 12, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "b": pa.array([instant], pa.timestamp("us", "Europe/Berlin")),
            "t": pa.array([instant], pa.timestamp("us", "Asia/Tokyo")),
        }
    )
    result = Result(table, ["b", "t"], ["TIMESTAMP WITH TIME ZONE"] * 2, Profile("duckdb"))
    berlin, tokyo = result.fetchall()[0]
    assert (berlin, tokyo) == (instant, instant)
    assert (berlin.hour, tokyo.hour) == (14, 21)


def test_timestamps_of_the_engine_are_in_the_session_s_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
import duckdb, locality
sql = "select v from (select timestamptz '2020-07-01 12:00:00+00' v)"
with locality.connect() as connection:
    connection.ingest("t", duckdb.sql(sql))
    ours = connection.sql("select v from t")
    assert ours.profile.engine == "locality", ours.profile.reason
    theirs = duckdb.sql(sql)
    assert ours.to_arrow_table() == theirs.to_arrow_table(), ours.to_arrow_table().schema
    assert repr(ours.fetchall()) == repr(theirs.fetchall())
"""
    monkeypatch.setenv("TZ", "America/New_York")
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_a_notebook_gets_both_ends_as_html() -> None:
    names = pa.array([f"<{i}>" for i in range(25)])
    page = Result(pa.table({"c0": names}), ["a & b"], ["VARCHAR"], Profile("locality"))._repr_html_()
    assert page is not None
    assert "<th>a &amp; b<br><small>VARCHAR</small></th>" in page
    shown = [f"<td>&lt;{i}&gt;</td>" in page for i in range(25)]
    assert shown == [True] * 10 + [False] * 5 + [True] * 10
    assert page.endswith("<small>25 rows, 1 column</small>")
    few = Result(pa.table({"c0": pa.array([1, None])}), ["n"], ["BIGINT"], Profile("locality"))._repr_html_()
    assert few is not None
    assert "<tr><td>1</td></tr><tr><td><i>NULL</i></td></tr></tbody>" in few
