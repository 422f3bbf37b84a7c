"""Advice to carry columns of parents: what it proposes, what comes of it, and where it leaves things alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import locality
import locality.advisor.workload
from locality.advisor.advice import Advice, Proposal, merged
from locality.advisor.carried import WHAT_IF, with_carried
from locality.connection import Connection

ROWS = 1 << 18
DAYS = [
    f"select sum(amount * 2) from line join orders using (number) where day between {d} and {d + 9}" for d in (5, 70)
]
COUNTS = "select number, count(*), sum(amount) from line group by number order by 2, 1 limit 3"


@pytest.fixture
def con() -> Connection:
    rng = np.random.default_rng(3)
    orders = np.arange(ROWS // 3)
    con = locality.connect()
    days = rng.integers(0, 100, len(orders)).astype("int8")
    con.ingest("orders", pa.table({"number": orders, "day": days}), primary_key="number")
    lines = {"number": np.sort(rng.integers(0, len(orders), ROWS)), "amount": rng.integers(0, 60_000, ROWS)}
    con.ingest("line", pa.table(lines), foreign_keys={"number": "orders(number)"})
    return con


def moved(con: Connection, sql: str) -> int:
    con.sql(sql)
    profile = con.sql(sql).profile
    assert profile.engine == "locality"
    return profile.bytes_moved


def test_a_parents_column_is_carried_where_it_saves_joins(con: Connection) -> None:
    queries = [*DAYS, COUNTS]
    answers = [con.sql(sql).fetchall() for sql in queries]
    before = [moved(con, sql) for sql in queries]
    advice = con.advise(queries, budget="3x")
    carrying = next(each for each in advice.steps if each.carry)
    assert (carrying.table, carrying.layout, carrying.carry) == ("line", "primary", ("orders.day",))
    assert "orders.day" in str(advice)
    assert sum(each.bytes_stored for each in advice.proposals) <= 2 * sum(t.file_bytes for t in con.info().tables)
    con.optimize(advice)
    assert [con.sql(sql).fetchall() for sql in queries] == answers
    for sql, was, forecast in zip(DAYS, before, advice.forecasts, strict=False):
        assert moved(con, sql) < forecast.bytes_after < was / 3  # blocks of the one zone are left out, too
    assert moved(con, COUNTS) < 1.1 * before[2]  # a copy keeps groups together, and is read
    assert not any(each.carry for each in con.advise(queries, budget="3x").proposals)


def test_strewn_lines_lie_with_their_parents_and_know_their_positions(con: Connection) -> None:
    rng = np.random.default_rng(4)
    lines = {"number": rng.integers(0, ROWS // 3, ROWS), "amount": rng.integers(0, 60_000, ROWS)}
    con.ingest("line", pa.table(lines), mode="replace", foreign_keys={"number": "orders(number)"})
    queries = [*DAYS, COUNTS]
    answers = [con.sql(sql).fetchall() for sql in queries]
    before = moved(con, COUNTS)
    advice = con.advise(queries, budget="2.2x")
    assert [(each.table, each.order) for each in advice.steps] == [("orders", ("day",)), ("line", ("orders.day",))]
    assert advice.steps[1].carry == ("orders.day", "orders.rowid")
    con.optimize(advice)
    assert [con.sql(sql).fetchall() for sql in queries] == answers
    assert moved(con, COUNTS) < before


def test_steps_for_one_layout_are_one_proposal() -> None:
    first = Proposal("t", "primary", ("a",), (), None, None, ("q1",), 100, 0, 50, 2.0, 4.0)
    copy = Proposal("t", "by_b", ("b",), (), ("b",), None, ("q2",), 10, 5, 5, 1.0, 4.0)
    later = Proposal("t", "primary", (), (), None, ("p.c",), ("q3", "q1"), 20, 7, 60, 3.0, 6.0)
    both = replace(later, order=("a",), why=("q1", "q3"), bytes_saved=120, bytes_stored=7, break_even=3.0)
    assert merged([first, copy, later]) == [copy, both]
    assert Advice(tuple(merged([first, copy, later])), (), ()).steps == (both, copy)


def test_nothing_is_carried_without_a_budget(con: Connection) -> None:
    assert not any(each.carry for each in con.advise(DAYS).proposals)


def test_what_might_be_carried_changes_no_table(con: Connection) -> None:
    analyses, _ = con._analysed(locality.advisor.workload.read_workload(DAYS), con._snapshot())
    snapshot = con._snapshot()
    imagined = with_carried(snapshot, "line", analyses)
    assert [column.name for column in imagined.derived_columns] == ["orders.day", "orders.rowid"]
    assert imagined.layouts[-1].name == WHAT_IF
    assert snapshot.tables["line"].derived_columns == ()
    assert len(snapshot.tables["line"].layouts) == 1
    assert with_carried(snapshot, "orders", analyses) is snapshot.tables["orders"]
