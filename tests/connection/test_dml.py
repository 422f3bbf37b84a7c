"""DELETE, UPDATE and INSERT: what they answer, change and refuse."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.errors import KeyViolation, QueryError, StoreError
from tests.versions import since_2


@pytest.fixture
def connection() -> Iterator[Connection]:
    with locality.connect() as made:
        made.ingest(
            "t",
            pa.table(
                {
                    "k": pa.array(range(10), pa.int32()),
                    "word": pa.array([f"w{i % 3}" for i in range(10)]),
                    "day": pa.array([datetime.date(2024, 1, 1)] * 10),
                }
            ),
            primary_key="k",
        )
        made.ingest("s", pa.table({"k": [1, 2, 2, 77], "new": ["a", "b", "b", "c"]}))
        yield made


def rows(connection: Connection, sql: str = "select k, word from t order by k") -> list[Any]:
    result = connection.sql(sql)
    assert result.profile.engine == "locality"
    return result.fetchall()


def change(connection: Connection, sql: str, params: Any = None) -> int:
    result = connection.sql(sql, params)
    assert result.profile.engine == "locality"
    assert (result.columns, result.types) == (["Count"], ["BIGINT"])
    ((count,),) = result.fetchall()
    return int(count)


def test_deleted_rows_are_gone(connection: Connection) -> None:
    assert change(connection, "delete from t where word = 'w1'") == 3
    assert change(connection, "DELETE FROM T WHERE k = $k", {"k": 0}) == 1
    assert change(connection, "delete from t using s where t.k = s.k") == 1
    assert [k for k, _ in rows(connection)] == [3, 5, 6, 8, 9]
    assert change(connection, "delete from t where false") == 0
    assert change(connection, "truncate t") == 5
    assert rows(connection) == []


def test_updated_rows_have_new_values(connection: Connection) -> None:
    day = datetime.date(2025, 5, 5)
    assert change(connection, "update t set word = upper(word), day = ? where k < ?", [day, 2]) == 2
    assert rows(connection, "select * from t where k < 3 order by k") == [
        (0, "W0", day),
        (1, "W1", day),
        (2, "w2", datetime.date(2024, 1, 1)),
    ]
    assert change(connection, "update t set word = new from s where s.k = t.k") == 2
    assert rows(connection)[1:3] == [(1, "a"), (2, "b")]
    assert change(connection, "update t set k = k + 1") == 10
    assert [k for k, _ in rows(connection)] == list(range(1, 11))


def test_inserted_rows_are_there(connection: Connection) -> None:
    assert change(connection, "insert into t values (?, 'x', null), (11, $2, '2024-02-29')", [10, "y"]) == 2
    assert change(connection, "insert into t (word, k) select new, 100 + row_number() over () from s") == 4
    assert change(connection, "insert into t by name select 200 as k") == 1
    assert rows(connection)[10:12] == [(10, "x"), (11, "y")]
    assert rows(connection, "select count(*), count(word), max(day) from t") == [(17, 16, datetime.date(2024, 2, 29))]


def replayed(connection: Connection, sql: str, params: Any = None) -> list[Any]:
    """The answer of a statement that DuckDB carries out on a copy of the table."""
    result = connection.sql(sql, params)
    assert result.profile.engine == "duckdb"
    assert result.profile.reason
    return result.fetchall()


def test_duckdb_carries_out_what_has_no_plan_of_ours(connection: Connection, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("k,word,day\n100,x,2024-05-06\n101,y,\n")
    assert replayed(connection, f"insert into t from '{file}'") == [(2,)]
    assert replayed(connection, "delete from t where k >= 100 returning k, word") == [(100, "x"), (101, "y")]
    assert replayed(connection, f"copy t from '{file}' (header)") == [(2,)]
    assert replayed(connection, f"insert into t select k + 100, word, day from '{file}' union from t where k = 77") == [
        (2,)
    ]
    assert replayed(connection, "update t set word = uuid()::varchar where k < ?", [5]) == [(5,)]
    assert rows(connection, "select count(*), count(distinct word) from t") == [(14, 10)]
    with pytest.raises(KeyViolation, match="100 is at rows"):
        connection.sql(f"copy t from '{file}' (header)")
    with pytest.raises(KeyViolation, match="violates primary key"):
        connection.sql("update t set k = 1 + random() * 0 where k = 2")
    with pytest.raises(QueryError, match="No files found"):
        connection.sql("insert into t from 'nothing.csv'")
    connection.verify()


def test_nested_and_rare_columns_change_too(connection: Connection) -> None:
    connection.ingest("n", pa.table({"a": [1, 2], "l": [[1, 2], None], "s": [{"x": 1}, {"x": 2}]}))
    assert change(connection, "insert into n values (3, [7], {'x': 9})") == 1
    assert change(connection, "update n set l = [a, a] where l is null") == 1
    assert change(connection, "delete from n where s.x = 1") == 1
    assert rows(connection, "from n order by a") == [(2, [2, 2], {"x": 2}), (3, [7], {"x": 9})]
    with duckdb.connect() as other:
        connection.ingest("u", other.sql("select uuid() as u, 'a'::enum('a', 'b') as e from range(3)"))
    assert replayed(connection, "insert into u values (uuid(), 'b')") == [(1,)]
    assert change(connection, "delete from u where e = 'a'") == 3
    assert rows(connection, "select e from u") == [("b",)]
    connection.verify()


def test_settings_and_variables_of_the_session_count(connection: Connection) -> None:
    connection.sql("set variable x = 3")
    assert replayed(connection, "delete from t where k = getvariable('x')") == [(1,)]
    connection.sql("set max_expression_depth = 500")
    assert replayed(connection, "delete from t where k = 4") == [(1,)]


def test_statements_are_commits_of_their_own(connection: Connection) -> None:
    with pytest.raises(QueryError, match="among several statements"):
        connection.sql("delete from t; delete from t")
    connection.settings.fallback = False
    with pytest.raises(QueryError, match="function random depends on"):
        connection.sql("update t set word = random()")
    assert len(rows(connection)) == 10


def test_row_ids_number_the_rows(connection: Connection) -> None:
    assert rows(connection, "select rowid, k from t where rowid between 3 and 4") == [(3, 3), (4, 4)]
    change(connection, "delete from t where k < 5")
    assert rows(connection, "select rowid, k from t order by rowid limit 2") == [(5, 5), (6, 6)]
    assert change(connection, "delete from t where rowid = 6") == 1
    assert rows(connection, "select count(*), min(rowid), max(rowid) from t where k <> 8") == [(3, 5, 9)]
    with pytest.raises(QueryError, match="rowid has no meaning in a statement that DuckDB has to carry out: function"):
        connection.sql("delete from t where rowid = 5 and random() < 2")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("delete from nothing", "Table with name nothing does not exist"),
        ("delete from t where q = 1", 'Referenced column "q" not found'),
        ("insert into t values (1)", "has 3 columns but 1 values were supplied"),
        ("update t set q = 1", "q"),
        ("delete from t where", "syntax error"),
    ],
)
def test_a_wrong_statement_is_refused_in_duckdbs_words(connection: Connection, sql: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        connection.sql(sql)
    assert len(rows(connection)) == 10


def test_keys_are_kept(connection: Connection) -> None:
    with pytest.raises(KeyViolation, match="'k' is NULL at row 10"):
        connection.sql("insert into t (word) values ('x')")
    with pytest.raises(KeyViolation, match="3 is at rows 3 and 10"):
        connection.sql("insert into t (k) values (3)")
    with pytest.raises(KeyViolation, match="not unique"):
        connection.sql("update t set k = 1 where k = 2")
    assert len(rows(connection)) == 10


def test_a_read_only_connection_refuses(tmp_path: Path) -> None:
    with locality.connect(tmp_path) as writer:
        writer.ingest("t", pa.table({"a": [1]}))
    with locality.connect(tmp_path, read_only=True) as reader, pytest.raises(StoreError, match="read-only"):
        reader.sql("delete from t")


def test_the_profile_counts_what_was_written(connection: Connection) -> None:
    profile = connection.sql("update t set word = 'z' where k = 3").profile
    assert profile.operators[-1].operator == "write"
    assert 0 < profile.operators[-1].written < 10_000
    assert profile.touched.keys() >= {"t.k"}


def test_explain_shows_how_rows_are_found(connection: Connection) -> None:
    plan = connection.explain("update t set word = 'z' where k > ? and day is null", [3])
    assert (plan.engine, "over t: 10 rows" in str(plan)) == ("locality", True)
    assert "function random" in connection.explain("delete from t where random() < 2").reason
    with pytest.raises(QueryError, match="DELETE can't be explained with ANALYZE: it would be carried out"):
        connection.explain("delete from t", analyze=True)
    with pytest.raises(QueryError, match="DROP can't be explained: it has no plan"):
        connection.explain("drop table t")
    assert "over t: 10 rows" in connection.sql("explain delete from t where k = 1").fetchall()[0][1]
    assert len(rows(connection)) == 10


def test_rows_with_a_known_key_replace_or_update_or_leave(connection: Connection) -> None:
    assert change(connection, "insert or replace into t values (1, 'new', null), (50, 'x', null)") == 2
    assert rows(connection, "select * from t where k in (1, 50) order by k") == [(1, "new", None), (50, "x", None)]
    assert change(connection, "insert or ignore into t (k) values (1), (51)") == 1
    assert change(connection, "insert into t (k, word) values (2, ?) on conflict (k) do nothing", ["no"]) == 0
    do = "do update set word = t.word || excluded.word"
    sql = f"insert into t (k, word) values (1, 'p'), (52, 'q') on conflict (k) {do}"
    assert change(connection, sql) == 2
    assert rows(connection)[1:3] == [(1, "newp"), (2, "w2")]
    assert rows(connection)[-1] == (52, "q")


@since_2("plans MERGE otherwise, which DuckDB then runs")
def test_merge_does_to_each_row_what_it_says(connection: Connection) -> None:
    sql = """
        merge into t using (select distinct k, new from s) s using (k)
        when matched and t.word = 'w1' then update set word = new
        when matched then delete
        when not matched then insert (k, word) values (s.k, new)
        when not matched by source and t.k > 6 then update set word = 'old'
        when not matched by source and t.k = 0 then do nothing
    """
    assert change(connection, sql) == 6
    assert rows(connection) == [
        *((0, "w0"), (1, "a"), (3, "w0"), (4, "w1"), (5, "w2"), (6, "w0")),
        *((7, "old"), (8, "old"), (9, "old"), (77, "c")),
    ]


def test_merge_says_what_is_wrong(connection: Connection) -> None:
    with pytest.raises(QueryError, match="would change a row more than once"):
        connection.sql("merge into t using s using (k) when matched then update set word = new")
    with pytest.raises(QueryError, match="says ERROR; nothing was changed"):
        connection.sql("merge into t using s using (k) when matched then error")
    assert len(rows(connection)) == 10


def test_an_index_that_is_kept_follows_what_is_deleted(connection: Connection) -> None:
    """The same segments, in which other rows are dead from one statement to the next."""
    sql = "select count(*), min(t.word) from s join t using (k)"
    assert rows(connection, sql) == [(3, "w1")]
    for gone, expected in ((5, (3, "w1")), (1, (2, "w2")), (2, (0, None))):
        connection.delete("t", "k = ?", [gone])
        assert rows(connection, sql) == [expected]
        assert rows(connection, sql) == [expected]
    connection.sql("insert into t (k, word) values (2, 'again')")
    assert rows(connection, sql) == [(2, "again")]


def test_threads_change_and_read_one_table(connection: Connection) -> None:
    """Each answer is that of one commit, whole."""
    stop = threading.Event()

    def look() -> list[Any]:
        seen = []
        while not stop.is_set():
            seen += connection.sql("select count(*), count(distinct word) from t where k < 10").fetchall()
        return seen

    def write(number: int) -> int:
        return sum(change(connection, f"update t set word = 'v{number}' where k < 10") for _ in range(4))

    with ThreadPoolExecutor(4) as pool:
        looks = [pool.submit(look) for _ in range(2)]
        assert [done.result() for done in [pool.submit(write, n) for n in range(2)]] == [40, 40]
        stop.set()
        assert {row for done in looks for row in done.result()} <= {(10, 3), (10, 1)}
    connection.verify()
