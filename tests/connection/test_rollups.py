"""Rollups: which queries are answered from one, which not, and what becomes of one as its table changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.errors import CatalogError, QueryError, SchemaError, StoreError, StoreFullError
from tests.properties.oracle import Pair
from tests.storage.faults import fill as fill_disk

ROWS = """
    select (timestamp '2023-12-30 22:10:00' + to_minutes((i % 97 * 1397)::int)) as moment,
        date '2024-01-01' + (i % 70)::int as day,
        ['a', 'b', null, 'd'][1 + i % 4] as word,
        (i % 5)::tinyint as kind,
        case when i % 7 > 0 then i::int - 300 end as number,
        (i / 3)::decimal(9, 2) as price,
        i % 11 = 0 as flag,
        (i % 13)::double as ratio
    from range(1200) r(i)
"""
DAILY = """
    select day, word, kind, count(*), count(number), sum(number), avg(price), min(number), max(ratio), bool_and(flag)
    from t group by day, word, kind
"""
HOURLY = "select date_trunc('hour', moment), kind, sum(price), count(word), max(word) from t group by all"


@pytest.fixture
def pair() -> Iterator[Pair]:
    with Pair() as made:
        fill(made)
        made.locality.rollup("daily", DAILY)
        yield made


@pytest.fixture(scope="module")
def unchanged() -> Iterator[Pair]:
    with Pair() as made:
        fill(made)
        made.locality.rollup("daily", DAILY)
        made.locality.rollup("hourly", HOURLY)
        yield made


def fill(pair: Pair, where: str = "") -> None:
    """Table ``t`` in both."""
    pair.load("t", [pair.duckdb.sql(ROWS + where).to_arrow_table()])


def used(connection: Connection, sql: str) -> list[str]:
    """The rollups that a query is answered from, as its plan says."""
    plan = str(connection.explain(sql))
    return [name for name in ("daily", "hourly", "some") if f"over rollup {name}:" in plan]


@pytest.mark.parametrize(
    ("sql", "rollups"),
    [
        ("select word, sum(number), count(*), avg(price), max(ratio) from t group by word", ["daily"]),
        ("select sum(number), count(number), min(number), bool_and(flag), avg(number) from t", ["daily"]),
        ("select sum(number), count(number), count(*) from t where day = '2024-01-01' and kind = 3", ["daily"]),
        ("select kind, sum(number) from t where day >= '2024-02-01' and word in ('a', 'b') group by all", ["daily"]),
        ("select date_trunc('month', day), sum(number) from t group by all", ["daily"]),
        ("select year(day) * 100 + month(day), sum(price) from t where dayofweek(day) < 3 group by all", ["daily"]),
        ("select word, sum(case when kind > 2 then number end) from t group by word", ["daily"]),
        ("select day, avg(case when kind = 1 then price end) from t group by day", ["daily"]),
        ("select sum(case when word = 'a' then 1 else 0 end), count(case when kind > 9 then 1 end) from t", ["daily"]),
        ("select sum(kind), sum(distinct kind), sum(case when kind > 2 then 100 end) from t", ["daily"]),
        ("select distinct word, kind from t", ["daily"]),
        (
            "select day, count(distinct word), max(kind), count(word) from t group by day having sum(number) > 0",
            ["daily"],
        ),
        ("select kind, sum(number) filter (word = 'a'), count(*) filter (word = 'z') from t group by all", ["daily"]),
        ("select word, sum(s) from (select word, kind, sum(number) s from t group by all) group by word", ["daily"]),
        ("select count(*) from (select day, avg(price) p from t group by all) where p > 100", ["daily"]),
        ("select sum(price) from t where moment >= '2024-01-05' and moment < '2024-02-07 03:00:00'", ["hourly"]),
        (
            "select moment::date, sum(price), max(word) from t where moment <= '2024-03-01 00:59:59.999999' group by 1",
            ["hourly"],
        ),
        ("select date_trunc('week', moment), sum(price) from t where hour(moment) = 3 group by all", ["hourly"]),
        ("select date_trunc('HOURS', moment), avg(price) from t group by all", []),
        ("select sum(price) from t where minute(moment) > 3", []),
        ("select kind, sum(ratio) from t group by kind", []),
        ("select sum(number) from t where flag", []),
        ("select median(number) from t", []),
        ("select sum(distinct number) from t", []),
        ("select word, list(kind order by kind) from t group by word", []),
        ("select kind, sum(number + 1) from t group by kind", []),
        ("select sum(number) from t where day + number > date '2024-01-03'", []),
        ("select sum(number) from t where rowid > 3", []),
        ("select t.word, sum(o.number) from t join t o on t.number = o.number group by t.word", []),
    ],
)
def test_queries_that_can_be_told_are_answered_from_rollups(unchanged: Pair, sql: str, rollups: list[str]) -> None:
    assert used(unchanged.locality, sql) == rollups
    unchanged.check(sql)


def test_the_profile_names_the_rollup_and_less_is_read(pair: Pair) -> None:
    sql = "select word, sum(number) from t group by word"
    profile = pair.check(sql)
    assert set(profile.touched) == {"rollup daily.word", "rollup daily.sum(number)"}
    pair.locality.settings.disabled_optimizers = frozenset({"answer_from_rollups"})
    assert used(pair.locality, sql) == []
    assert profile.bytes_moved < pair.check(sql).bytes_moved


@pytest.mark.parametrize(
    "bounds", [("2024-01-05 02:03:04", "2024-11-07 03:04:05"), ("2024-01-05", "2024-11-07 03:04:05")]
)
def test_ends_of_a_range_are_read_from_the_table(bounds: tuple[str, str]) -> None:
    """The table's rows are in the order of time, and so many that the zones between the ends are worth leaving out."""
    rows = """
        select timestamp '2024-01-01' + to_minutes(i::int) moment, (i % 3)::tinyint kind, i number
        from range(500000) r(i)
    """
    with Pair() as pair:
        pair.load("t", [pair.duckdb.sql(rows).to_arrow_table()])
        pair.locality.rollup(
            "daily", "select date_trunc('day', moment), kind, sum(number), avg(number) from t group by all"
        )
        lower, upper = bounds
        where = f"moment between '{lower}' and '{upper}'"
        sql = f"select kind, sum(number), count(*), avg(number) from t where {where} group by kind"
        for text in (sql, sql.replace("11-07", "11-06"), sql.replace("02:03:04", "17:00:00")):
            plan = str(pair.locality.explain(text))
            assert "over rollup daily:" in plan
            assert "over t:" in plan
            pair.check(text)


def test_a_rollup_of_some_rows_answers_about_these_alone(pair: Pair) -> None:
    pair.locality.drop_rollup("daily")
    pair.locality.rollup(
        "some", "select word, kind, sum(number) from t where day >= '2024-02-01' and kind < 3 group by all"
    )
    for where, rollups in [
        ("day >= '2024-02-01' and kind < 3", ["some"]),
        ("kind < 2 and day >= '2024-02-01' and word = 'a'", ["some"]),
        ("kind in (0, 2) and day >= '2024-02-01'", ["some"]),
        ("kind < 2 and day >= '2024-02-02'", []),
        ("kind < 4 and day >= '2024-02-01'", []),
        ("day >= '2024-02-01'", []),
    ]:
        sql = f"select word, sum(number), count(*) from t where {where} group by word"
        assert used(pair.locality, sql) == rollups
        pair.check(sql)


def test_rows_that_come_are_added_and_others_are_not_missed(pair: Pair) -> None:
    sql = "select word, sum(number), count(*), avg(price), min(number) from t group by word"
    more = pair.duckdb.sql(ROWS + " where i % 9 = 0").to_arrow_table()
    pair.locality.ingest("t", more, mode="append")
    pair.duckdb.sql("insert into t from more")
    assert used(pair.locality, sql) == ["daily"]
    pair.check(sql)
    for statement in ("insert into t from t", "update t set number = 1 where kind = 2", "delete from t where kind = 1"):
        pair.locality.sql(statement)
        pair.duckdb.execute(statement)
        assert used(pair.locality, sql) == ["daily"]
        pair.check(sql)
    pair.locality.compact("t")
    assert used(pair.locality, sql) == ["daily"]
    pair.check(sql)
    pair.locality.sql("delete from t")
    pair.duckdb.execute("delete from t")
    pair.check(sql)
    fill(pair, "where i < 600")
    assert used(pair.locality, sql) == ["daily"]
    pair.check(sql)


def test_deleted_rows_are_not_in_a_new_rollup(pair: Pair) -> None:
    pair.locality.sql("delete from t where kind = 1")
    pair.duckdb.execute("delete from t where kind = 1")
    pair.locality.rollup("daily", DAILY)
    sql = "select word, kind, sum(number), count(*) from t group by all"
    assert used(pair.locality, sql) == ["daily"]
    pair.check(sql)


def test_a_table_of_other_columns_loses_its_rollups(pair: Pair) -> None:
    pair.load("t", [pa.table({"day": [1], "number": [2]})])
    pair.check("select day, sum(number) from t group by day")
    assert pair.locality.info().tables[0].rollups == ()


def test_another_connection_keeps_rollups_too(tmp_path: Path) -> None:
    table = pa.table({"k": [1, 1, 2], "v": [10, 20, 30]})
    with locality.connect(tmp_path / "store") as first, locality.connect(tmp_path / "store") as second:
        first.ingest("t", table)
        report = first.rollup("some", "select k, sum(v) from t group by k")
        assert (report.rows, report.table_rows) == (2, 3)
        second.ingest("t", table, mode="append")
        sql = "select k, sum(v) from t group by k order by k"
        for connection in (first, second):
            assert used(connection, sql) == ["some"]
            assert connection.sql(sql).fetchall() == [(1, 60), (2, 60)]
            assert connection.tables() == ["t"]
        assert first.verify().rows == 6
        first.drop_rollup("SOME")
        assert used(second, sql) == []


def test_rollups_have_names_of_their_own(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "store") as connection:
        connection.ingest("t", pa.table({"k": [1, 1, 2]}))
        connection.ingest("some", pa.table({"k": [5]}))
        connection.rollup("some", "select k, count(*) from t group by k")
        connection.rollup("t", "select K, max(k) from T group by k")
        assert "over rollup" in str(connection.explain("select max(T.K) from T"))
        assert connection.sql("select k, count(*) from t group by k order by k").fetchall() == [(1, 2), (2, 1)]
        assert connection.sql('from "some"').fetchall() == [(5,)]
        names = connection.sql("select table_name from information_schema.tables order by 1").fetchall()
        assert names == [("some",), ("t",)]
        with pytest.raises(CatalogError, match="already one of table 't'"):
            connection.rollup("some", 'select k, count(*) from "some" group by k')
        with pytest.raises(CatalogError, match="no rollup 'none' in the store; its rollups: some, t"):
            connection.drop_rollup("none")
        connection.drop("t")
        assert [summary.rollups for summary in connection.info().tables] == [()]


JOINED = """
    select * from (values ('a', 1, 'x'), ('a', 2, null), ('b', null, 'y'), (null, 3, 'y')) words(name, size, note)
"""


def test_groups_are_joined_in_the_place_of_rows(unchanged: Pair) -> None:
    unchanged.load("words", [unchanged.duckdb.sql(JOINED).to_arrow_table()])
    for sql, rollups in [
        ("select note, sum(number), count(*), avg(price) from t join words on word = name group by note", ["daily"]),
        (
            "select note, sum(size), count(size) from words, t where word = name and day < '2024-02-02' group by 1",
            ["daily"],
        ),
        (
            "select note, count(*), count(note) from t left join words on word = name and kind < size group by 1",
            ["daily"],
        ),
        ("select kind, min(number) from t where word in (select name from words) group by kind", ["daily"]),
        ("select count(*) from t where not exists (from words where name = word)", ["daily"]),
        ("select note, count(*) from words left join t on word = name group by note", []),
        ("select note, sum(number) from t join words on word = name and number > size group by note", []),
        ("select note, sum(number) from t join words on word = name and t.rowid > 3 group by note", []),
        ("select note, sum(number * size) from t join words on word = name group by note", []),
    ]:
        assert used(unchanged.locality, sql) == rollups, sql
        unchanged.check(sql)


def test_sums_beyond_64_bits_are_left_to_the_table() -> None:
    with Pair() as pair:
        pair.load("t", [pa.table({"k": [1, 2] * 200, "v": [2**62, -1] * 200})])
        pair.locality.rollup("some", "select k, sum(v), max(v) from t group by k")
        assert used(pair.locality, "select k, max(v) from t group by k") == ["some"]
        for sql in ("select k, sum(v) from t group by k", "select sum(v), max(v) from t"):
            assert used(pair.locality, sql) == []
            pair.check(sql)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("select day, sum(ratio) from t group by day", "sum of DOUBLE"),
        ("select day, avg(ratio) from t group by day", "avg of DOUBLE"),
        ("select day, median(number) from t group by day", "median of INTEGER"),
        ("select day, count(distinct number) from t group by day", "DISTINCT"),
        ("select ratio, count(*) from t group by ratio", "groups by DOUBLE"),
        ("select sum(number) + 1 from t", "more than groups and aggregates"),
        ("select day, number from t", "no aggregation"),
        ("select day, count(*) from t where day < current_date group by day", "depends on the moment"),
        ("select moment::timestamptz::date, count(*) from t group by 1", "session's time zone"),
        ("select a.day, count(*) from t a, t b group by a.day", "no aggregation of one table"),
    ],
)
def test_what_can_not_be_kept_is_said(pair: Pair, sql: str, why: str) -> None:
    with pytest.raises(SchemaError, match=why):
        pair.locality.rollup("other", sql)


def test_errors_name_what_is_wrong(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="nothing"):
        pair.locality.rollup("other", "select nothing from t")
    with locality.connect(tmp_path / "store"):
        pass
    with locality.connect(tmp_path / "store", read_only=True) as reader, pytest.raises(StoreError, match="read-only"):
        reader.rollup("other", "select 1")


def test_parameters_are_told_where_their_values_can_be(unchanged: Pair) -> None:
    sql = "select sum(price), count(word) from t where moment >= $1 and moment < $2 and kind < $3"
    for lower, upper, ends in [
        ("2024-01-05", "2024-02-07", 0),
        ("2024-01-06", "2024-02-08", 0),
        ("2024-01-06 00:00:01", "2024-02-08", 1),
        ("2024-01-06 00:59:59", "2024-02-08", 1),
    ]:
        params = [datetime.fromisoformat(lower), datetime.fromisoformat(upper), 4]
        plan = str(unchanged.locality.explain(sql, params))
        assert "over rollup hourly:" in plan
        assert plan.count("over t:") == ends
        unchanged.check(sql, params)


def test_parameters_decide_whether_a_rollup_has_the_rows(pair: Pair) -> None:
    pair.locality.rollup("daily", "select kind, sum(number) from t where day >= '2024-02-01' group by all")
    sql = "select kind, sum(number) from t where day >= date '2024-02-01' and kind < $2 and day >= $1 group by kind"
    for day, kind in [(date(2024, 2, 1), 3), (date(2024, 1, 31), 2), (date(2024, 2, 2), 3), (date(2024, 1, 1), 3)]:
        pair.check(sql, [day, kind])
        pair.check("select kind, sum(number) from t where day >= $1 group by kind", [day])


def test_a_full_disk_at_any_write_leaves_table_and_rollup_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pa.table({"k": [1, 2] * 100, "v": range(200)})
    sql = "select k, sum(v), count(*) from t group by k order by k"
    with locality.connect(tmp_path / "store") as connection:
        connection.ingest("t", rows)
        connection.rollup("some", "select k, sum(v) from t group by k")
        with monkeypatch.context() as patched:
            disk = fill_disk(patched, 0)
            connection.ingest("t", rows, mode="append")
        for fail_at in range(1, disk.count, 3):
            with monkeypatch.context() as patched, pytest.raises(StoreFullError):
                fill_disk(patched, fail_at)
                connection.ingest("t", rows, mode="append")
            assert not connection.info().tables[0].rollups[0].stale
        connection.verify()
        assert used(connection, sql) == ["some"]
        assert connection.sql(sql).fetchall() == [(1, 19800, 200), (2, 20000, 200)]
