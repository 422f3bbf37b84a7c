"""No answer is older than what the database holds, whoever wrote to it."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

import locality
from locality.duckdb import AttachedConnection
from locality.duckdb.copying import Copier
from locality.duckdb.stamp import is_untouched, read_stamp
from locality.errors import StoreError
from locality.settings import Settings
from locality.storage.store import Store
from tests.versions import IS_2

COUNT = "select count(*), sum(v) from t"


def engine(con: AttachedConnection) -> str:
    assert con.last_profile is not None
    return con.last_profile.engine


WRITES = [
    "insert into t values (1, 1, null)",
    "delete from t where a = 3",
    "update t set v = v + 1 where a = 4",
    "with w as (insert into t values (1, 2, null) returning a) select * from w"
    if IS_2
    else "insert into t values (1, 2, null) returning a",
    "begin; insert into t values (1, 2, null); commit",
    "insert into t select 1, range, null from range(300000)",
    "insert into t values (1, 1, null); checkpoint",
    "drop table t; create table t(v decimal(10, 2))",
    "alter table t rename column v to w; alter table t add column v decimal(10, 2)",
    "truncate t",
]
WRITERS = ["itself", "raw", "cursor"]


@pytest.mark.parametrize(("write", "who"), [*((w, "another") for w in WRITES), *((WRITES[3], w) for w in WRITERS)])
def test_writes_are_seen(path: Path, write: str, who: str) -> None:
    raw = duckdb.connect(path)
    with locality.attach(raw) as con:
        con.accelerate("t")
        con.execute(COUNT)
        assert engine(con) == "locality"
        writer = {"itself": con, "raw": raw, "cursor": raw.cursor()}.get(who) or duckdb.connect(path)
        writer.execute(write).fetchall()
        wanted = raw.cursor().execute(COUNT).fetchall()
        assert con.execute(COUNT).fetchall() == wanted
        assert engine(con) == "duckdb"
        con.refresh()
        assert con.execute(COUNT).fetchall() == wanted
        assert engine(con) == "locality"


OF_ONE_TABLE = [
    "begin; create view seen as select * from my_rows; delete from my_rows where a = 2; commit",
    "insert into MY_ROWS values (1, 1, null)",
    "delete from my_rows where a = 3",
    "update my_rows set v = v + 1 where a = 4",
    "with w as (insert into my_rows values (1, 2, null) returning a) select * from w"
    if IS_2
    else "insert into my_rows values (1, 2, null) returning a",
    "begin; insert into others values (1); insert into my_rows values (2, 2, null); commit",
    "insert into my_rows select 1, range, null from range(130000)",
    "alter table my_rows rename to your_rows; alter table your_rows rename to my_rows",
    "create unique index i on my_rows(k); insert or replace into my_rows values (1, 2, 3)",
    "truncate my_rows",
    "drop table my_rows; create table my_rows(a integer, v integer)",
]


def test_writes_to_one_table_leave_the_others_layouts_in_use(tmp_path: Path) -> None:
    with locality.attach(duckdb.connect(tmp_path / "my.duckdb")) as con:
        con.execute(
            "create table my_rows(a integer, v decimal(10, 2), k integer); create table others(a integer);"
            "create table elsewhere(a integer); insert into my_rows select range, 1, range from range(10)"
        )
        con.accelerate("my_rows", "others")
        other = con._raw.cursor()
        for text in (
            "insert into elsewhere values (7)",
            "create view seen as select * from my_rows",
            "create macro most() as (select max(a) from my_rows)",
            "begin; insert into elsewhere values (9); create or replace view seen as from my_rows; commit",
            "drop view seen; create table more(a int)",
            "drop table more",
        ):
            other.execute(text)
            assert con.execute("select count(*), sum(a) from my_rows").fetchall() == [(10, 45)]
            assert engine(con) == "locality"
        for write in OF_ONE_TABLE:
            other.execute(write).fetchall()
            for text in ("select count(*) from my_rows", "select count(*) from others"):
                assert con.execute(text).fetchall() == other.execute(text).fetchall(), write
                assert engine(con) == ("locality" if "others" in text and "others" not in write else "duckdb"), write
            con.refresh()
            assert con.execute("select count(*) from my_rows, others").fetchall()
            assert engine(con) == "locality"
        other.execute("insert into elsewhere values (8); checkpoint")
        con.execute("select count(*) from others")
        assert engine(con) == "duckdb"


REFRESHES: list[tuple[str, list[str]]] = [
    ("insert into t select 1, range, null from range(70000)", ["append t"]),
    ("insert into p values (1000, 'new'); insert into t(a, v) values (1000, 1)", ["append p", "append t"]),
    ("insert into loose values (1)", []),
    ("delete from t where a = 3; checkpoint", ["copy t"]),
    ("update t set v = v + 1 where a = 4; insert into t(a) values (1)", ["copy t"]),
    ("update p set b = 'other' where a = 7", ["copy p t"]),
    ("alter table t add column w integer", ["copy t"]),
    ("checkpoint", []),
]


def test_a_refresh_copies_what_changed(con: AttachedConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    copy, append = Copier.copy, Copier.append

    def noted_copy(self: Copier, names: list[str], replaced: list[str]) -> None:
        done.extend([f"copy {' '.join(sorted(names))}"] if names else [])
        copy(self, names, replaced)

    def noted_append(self: Copier, name: str, behind: int) -> None:
        done.append(f"append {name}")
        append(self, name, behind)

    monkeypatch.setattr(Copier, "copy", noted_copy)
    monkeypatch.setattr(Copier, "append", noted_append)
    for write, copied in REFRESHES:
        con.execute(write).fetchall()
        done.clear()
        con.refresh()
        assert done == copied, write
        for text in ("select sum(a), sum(v), count(*) from t", "select sum(a), min(b), count(*) from p"):
            found = con.execute(text).fetchall()
            assert engine(con) == "locality"
            assert found == con._raw.execute(text).fetchall()


def test_a_refresh_that_fails_leaves_the_layouts_to_the_next(
    con: AttachedConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = con._raw.cursor()
    writer.execute("insert into p values (500, 'before')")
    whole: list[str] = []
    copy, print_of = Copier.copy, Copier.print_of

    def noted_copy(self: Copier, names: list[str], replaced: list[str]) -> None:
        whole.extend(names)
        copy(self, names, replaced)

    def interrupted(self: Copier, name: str, last: int | None = None) -> object:
        writer.execute("insert into p select max(a) + 1, 'during' from p")
        return print_of(self, name, last)

    monkeypatch.setattr(Copier, "copy", noted_copy)
    with monkeypatch.context() as writing:
        writing.setattr(Copier, "print_of", interrupted)
        with pytest.raises(StoreError, match="3 times in a row"):
            con.refresh()
    assert sorted(con.accelerated) == ["p", "t"]
    con.execute("select count(*) from p")
    assert engine(con) == "duckdb"
    con.accelerate("loose")  # over a store that has the tables of the copy that failed
    con.execute("select count(*) from p, loose")
    assert engine(con) == "duckdb"
    con.refresh()
    text = "select count(*), max(a), count(distinct a) from p"
    assert con.execute(text).fetchall() == writer.execute(text).fetchall()
    assert engine(con) == "locality"
    assert whole == ["loose"]  # each of the others was appended to


def test_prints_tell_equal_values_apart_that_are_not_the_same(tmp_path: Path) -> None:
    pairs = {"double": ("0.0", "-0.0"), "interval": ("30 days", "1 month"), "double[]": ("[0.0]", "[-0.0]")}
    for dtype, (one, other) in pairs.items():
        prints = []
        for value in (one, other):
            with duckdb.connect() as con, Store.open(tmp_path / "s") as store:
                con.execute(f"create table t as select '{value}'::{dtype} as x")
                prints.append(Copier(con, "memory", store, Settings()).print_of("t"))
        assert prints[0].total != prints[1].total


def test_a_log_that_changes_while_it_is_read_proves_nothing(path: Path) -> None:
    with duckdb.connect(path) as plain:
        before = read_stamp(path)
        plain.execute("insert into loose values (1)")
        now = read_stamp(path)
        assert is_untouched(path, "no_such_name", before, now)
        assert not is_untouched(path, "loose", before, now)
        plain.execute("insert into loose values (2)")
        with pytest.raises(OSError, match="the log"):
            is_untouched(path, "no_such_name", before, replace(now, logs=((0, 0, 10), None)))


def test_an_open_transaction_sees_its_own_changes_and_no_later_ones(con: AttachedConnection) -> None:
    other = con.cursor()
    con.begin()
    con.execute("insert into t values (1, 1, null)")
    assert con.execute("select count(*) from t").fetchone() == (3001,)
    assert engine(con) == "duckdb"
    assert other.execute("select count(*) from t").fetchone() == (3000,)
    assert engine(other) == "locality"
    con.rollback()
    assert con.execute("select count(*) from t").fetchone() == (3000,)
    assert engine(con) == "locality"


def test_a_dataset_is_read_until_the_database_is_written_to(con: AttachedConnection) -> None:
    stored = con.dataset("T")
    assert duckdb.sql("select count(*) from stored where a < 3").fetchall() == [(90,)]
    con.execute("set default_order = 'desc'; create temp table unrelated(a int)")
    assert stored.count_rows() == 3000
    con.execute("insert into t values (1, 1, null)")
    with pytest.raises(StoreError, match="written to"):
        stored.count_rows()
    with pytest.raises(StoreError, match="written to"):
        con.dataset("t")
    con.refresh()
    with pytest.raises(StoreError, match="written to"):
        stored.to_table()
    assert con.dataset("t").count_rows() == 3001
    with pytest.raises(StoreError, match="no table with a layout"):
        con.dataset("loose")


def test_only_the_file_that_was_opened_has_layouts(path: Path) -> None:
    raw = duckdb.connect()
    raw.execute(f"attach '{path}' as quiet (recovery_mode no_wal_writes); use quiet")
    with locality.attach(raw) as con, pytest.raises(StoreError):
        con.accelerate("t")


def test_layouts_outlive_the_connection(con: AttachedConnection, path: Path) -> None:
    con.close()
    with locality.attach(duckdb.connect(path)) as again:
        assert again.execute("select count(*) from t").fetchone() == (3000,)
        assert engine(again) == "locality"
    with duckdb.connect(path) as plain:
        plain.execute("delete from t where a = 1")
    with locality.attach(duckdb.connect(path)) as again:
        assert again.execute("select count(*) from t").fetchone() == (2970,)
        assert engine(again) == "duckdb"
        again.forget()
        assert again.execute("select count(*) from t").fetchone() == (2970,)


def test_every_commit_changes_the_stamp(path: Path) -> None:
    with duckdb.connect(path) as plain:
        seen = {read_stamp(path)}
        for number in range(60):
            plain.execute("insert into loose values (1)" if number % 7 else "checkpoint")
            plain.execute("select count(*) from loose").fetchall()
            seen.add(read_stamp(path))
        assert len(seen) >= 52


def test_answers_never_go_back_while_others_write(path: Path) -> None:
    con = locality.attach(duckdb.connect(path))
    writer = con.cursor()
    done = threading.Event()

    def write() -> None:
        for _ in range(40):
            writer.execute("insert into loose values (1)")
        done.set()

    con.accelerate("loose")
    thread = threading.Thread(target=write)
    thread.start()
    last, engines = 0, set()
    while not done.is_set():
        (count,) = con.execute("select count(*) from loose").fetchall()[0]
        engines.add(engine(con))
        assert count >= last
        last = count
    thread.join()
    con.refresh()
    assert con.execute("select count(*) from loose").fetchone() == (40,)
    assert engine(con) == "locality"
    con.close()
