"""Advice against what is measured once it was followed, and workloads that nothing can be done for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.advisor.budget import bytes_allowed
from locality.advisor.logfile import Log
from locality.advisor.shapes import LoggedShape, Runs
from locality.advisor.workload import read_workload
from locality.connection import Connection
from locality.sql.shape import shape_of
from locality.storage.catalog import NameMap
from locality.storage.snapshot import Snapshot

ROWS = 1 << 18
NOTHING = Snapshot(0, NameMap(), NameMap())


@pytest.fixture
def con() -> Connection:
    rng = np.random.default_rng(1)
    orders = np.arange(ROWS // 4)
    days = rng.integers(0, 1000, len(orders)).astype("int32")
    keys = np.repeat(orders, 4)
    con = locality.connect()
    con.ingest("orders", pa.table({"number": orders, "day": days}), primary_key="number")
    lines = {
        "number": keys,
        "shipped": days[keys] + rng.integers(1, 100, ROWS).astype("int32"),
        "amount": rng.integers(0, 60_000, ROWS),
        "kind": pa.array(rng.choice(["a", "b", "c"], ROWS)),
    }
    con.ingest("line", pa.table(lines), foreign_keys={"number": "orders(number)"})
    return con


def moved(con: Connection, sql: str) -> int:
    profile = con.sql(sql).profile
    assert profile.engine == "locality"
    return profile.bytes_moved


DAYS = [f"select sum(amount) from line where shipped between {day} and {day + 30}" for day in (100, 400, 700)]


def test_what_was_predicted_is_measured(con: Connection) -> None:
    queries = [*DAYS, "select kind, count(*) from line where amount % 7 = 3 group by kind"]
    answers = [sorted(con.sql(sql).fetchall()) for sql in queries]
    advice = con.advise(queries)
    (proposal,) = advice.proposals
    assert (proposal.table, proposal.order[:1]) == ("line", ("shipped",))
    (report,) = con.optimize(advice)
    assert report.rows == ROWS
    assert [sorted(con.sql(sql).fetchall()) for sql in queries] == answers
    for sql, forecast in zip(queries, advice.forecasts, strict=True):
        assert forecast.bytes_after == pytest.approx(moved(con, sql), rel=0.25)
    assert moved(con, DAYS[0]) < advice.forecasts[0].bytes_before / 2
    assert con.advise(queries).proposals == ()


def test_lists_of_where_keys_lie_count_towards_a_budget(con: Connection) -> None:
    (proposal,) = con.advise(DAYS, budget="1.6x").proposals
    assert (proposal.table, proposal.layout, proposal.order[:1]) == ("line", "primary", ("shipped",))
    con.optimize(proposal.table, order=proposal.order)
    listed = [segment.lookups for segment in con._snapshot().entries["line"].primary.segments]
    size = sum(file.size for file in listed if file is not None)
    assert size <= proposal.bytes_stored <= 2 * size


def test_advice_goes_on_from_carried_positions(con: Connection) -> None:
    queries = ["select sum(amount) from line join orders using (number) where day < 30", *DAYS]
    answers = [con.sql(sql).fetchall() for sql in queries]
    before = bytes_allowed("1.5x", con._snapshot())
    con.optimize("orders", order="day")
    con.optimize("line", order="orders.day", carry=["orders.day", "orders.rowid"])
    assert bytes_allowed("1.5x", con._snapshot()) == pytest.approx(before, rel=0.1), (
        "carried columns are no table's own"
    )
    advice = con.advise(queries, budget="3x")
    assert all(forecast.bytes_after <= forecast.bytes_before for forecast in advice.forecasts)
    con.optimize(advice)
    assert [con.sql(sql).fetchall() for sql in queries] == answers


def test_rows_that_were_deleted_do_not_matter(con: Connection) -> None:
    con.sql("delete from line where amount < 20 or number < 20")
    con.sql("delete from orders where number < 20")
    joined = "select count(*) from line join orders using (number) where shipped between 100 and 130 and day < 90"
    queries = [*DAYS, joined, "select amount from line where rowid = 77"]
    answers = [con.sql(sql).fetchall() for sql in queries]
    advice = con.advise(queries, budget="2x")
    assert {proposal.table for proposal in advice.proposals} >= {"line"}
    con.optimize(advice)
    assert [con.sql(sql).fetchall() for sql in queries[:-1]] == answers[:-1]
    assert all(moved(con, sql) for sql in queries), "each is Locality's"
    assert moved(con, DAYS[0]) < advice.forecasts[0].bytes_before / 2


def test_nothing_is_proposed_where_no_order_helps(con: Connection) -> None:
    advice = con.advise(["select sum(amount) from line", "select count(*) from line where amount % 7 = 3"])
    assert advice.proposals == ()
    assert "nothing to propose" in str(advice)


BY_NUMBER = "select number, sum(amount) from line where number between 1000 and 3000 group by number"


def disappointed(log: Log) -> Log:
    """The log as if the last optimize had promised something and changed nothing."""
    text = shape_of(DAYS[0]).text
    return replace(
        log, shapes={text: LoggedShape(text, before=Runs(1, 1, 999), since=Runs(9, 9, 9 * 990), predicted=9)}
    )


def test_a_further_layout_is_proposed_where_the_budget_has_room(con: Connection) -> None:
    con.optimize("line", order="number")
    queries = [(sql, 1.0) for sql in DAYS] + [(BY_NUMBER, 50.0)]
    answers = [sorted(con.sql(sql).fetchall()) for sql, _ in queries]
    assert con.advise(queries).proposals == ()
    advice = con.advise(queries, budget="2x")
    (copy,) = (each for each in advice.steps if each.layout != "primary")
    assert set(copy.columns or ()) < {"number", "shipped", "amount"}
    report = con.optimize(advice)[-1]
    assert report.bytes_stored - report.bytes_before == pytest.approx(copy.bytes_stored, rel=0.25)
    assert [sorted(con.sql(sql).fetchall()) for sql, _ in queries] == answers
    for (sql, _), forecast in zip(queries, advice.forecasts, strict=True):
        assert forecast.bytes_after == pytest.approx(moved(con, sql), rel=0.25)
    again = con.advise(queries, budget="2x")
    assert (again.proposals, again.removals) == ((), ())


def test_a_copy_that_disappoints_may_go(con: Connection) -> None:
    con.optimize("line", order="number")
    con.optimize("line", order="shipped", layout="by_shipped", columns=["shipped", "amount"])
    assert con.advise(DAYS[:1]).removals == ()
    (removal,) = con.advise([BY_NUMBER]).removals
    assert (removal.table, removal.layout) == ("line", "by_shipped")
    con._log._file.update(disappointed)
    (removal,) = con.advise(DAYS[:1]).removals
    assert "predicted to save" in removal.reason
    con.drop_layout("line", "by_shipped")
    assert con.advise(DAYS[:1]).removals == ()


def test_an_order_that_disappoints_may_go(con: Connection) -> None:
    con.optimize("line", order="shipped")
    assert con.advise(DAYS[:1]).removals == ()
    con._log._file.update(disappointed)
    advice = con.advise(DAYS[:1])
    (removal,) = advice.removals
    assert (removal.table, removal.layout, removal.bytes_stored) == ("line", "primary", 0)
    assert "the order of line may go: it was predicted to save" in str(advice)


def test_other_queries_than_before_are_told_and_advised_for(con: Connection) -> None:
    for sql in DAYS:
        con.sql(sql)
    con.optimize()
    assert con.advise().notes == ()
    kinds = [f"select sum(number) from line where amount between {low} and {low + 99}" for low in range(0, 500, 100)]
    for sql in kinds:
        con.sql(sql)
    advice = con.advise(budget="3x")
    (note,) = advice.notes
    assert "of the time went to queries that it did not know, #" in note
    assert any(proposal.order[0] == "amount" for proposal in advice.proposals)


def test_rows_that_lie_in_an_order_are_not_put_in_it_again(con: Connection) -> None:
    con.optimize("line", order="shipped")
    for day in range(100, 110):  # what bounds of blocks tell of an order is less than what is predicted of it
        assert con.advise([f"select sum(amount) from line where shipped = {day}"]).proposals == ()


def test_queries_that_take_long_to_begin_gain_nothing_by_few_bytes(con: Connection) -> None:
    (proposal,) = con.advise(DAYS).proposals
    for sql in DAYS:
        con.sql(sql)
    con._log.flush()
    con._log._file.update(lambda log: replace(log, shapes={text: _slow(each) for text, each in log.shapes.items()}))
    (slow,) = con.advise().proposals
    assert slow.break_even > proposal.break_even / 50


def _slow(shape: LoggedShape) -> LoggedShape:
    """The shape as if a process had been begun for each of its queries."""
    return replace(shape, examples=tuple(replace(each, seconds=60.0) for each in shape.examples))


def test_a_workload_of_which_nothing_can_be_looked_at_is_told(con: Connection) -> None:
    advice = con.advise(["select from where"])
    assert "no query could be looked at" in str(advice)
    assert [each.place for each in advice.skipped] == ["query 1"]


def test_a_budget_that_is_too_small_is_told(con: Connection) -> None:
    advice = con.advise(DAYS, budget=1000)
    assert "leaves no room" in str(advice)
    assert all(proposal.layout == "primary" for proposal in advice.proposals)


@pytest.mark.parametrize("budget", ["", "much", "1.5y", -1, 0, "0x", True, "1e3"])
def test_what_is_no_budget_is_refused(budget: Any) -> None:
    with pytest.raises(locality.errors.QueryError, match="is no budget"):
        bytes_allowed(budget, NOTHING)


def test_budgets_have_units() -> None:
    assert [bytes_allowed(each, NOTHING) for each in (7, "2GB", "1.5 MiB")] == [7, 2 * 10**9, 3 << 19]


def test_what_was_asked_is_optimized_for(con: Connection) -> None:
    for sql in DAYS:
        con.sql(sql)
    before = moved(con, DAYS[1])
    (report,) = con.optimize()
    assert (report.table, report.order[0]) == ("line", "shipped")
    assert moved(con, DAYS[1]) < before / 2
    (shape,) = con.workload().shapes
    assert (shape.before.count, shape.since.count) == (4, 1)
    assert shape.before.mean_bytes == pytest.approx(before, rel=0.01)
    assert shape.predicted == pytest.approx(shape.since.mean_bytes, rel=0.25)
    assert "since the last optimize" in str(con.workload())
    assert con.optimize() == ()


def test_queries_on_one_line_have_names_of_their_own() -> None:
    places = [query.place for query in read_workload("select 1; select 2;\nselect 3")]
    assert places == ["line 1", "line 1 (2)", "line 2"]


def test_broken_and_foreign_queries_are_told_and_left_out(con: Connection, tmp_path: Path) -> None:
    file = tmp_path / "queries.sql"
    file.write_text(f"-- a day\n{DAYS[0]};\nselect from where;\nselect ';' from missing; /* ; */\n", encoding="utf-8")
    advice = con.advise(file)
    assert [each.place for each in advice.skipped] == ["queries.sql, line 3", "queries.sql, line 4"]
    assert len(advice.forecasts) == 1


def test_some_of_each_shape_stand_for_many_queries(con: Connection) -> None:
    queries = [DAYS[0].replace("100 and 130", f"{day} and {day + 30}") for day in range(400)]
    advice = con.advise([*queries, ("select count(*) from orders", 0.5)])
    assert [each.weight for each in advice.forecasts] == [80.0] * 5 + [0.5]
    assert len({each.sql for each in advice.forecasts}) == 6
    assert advice.proposals[0].order[0] == "shipped"
    assert [each.place for each in advice.skipped] == ["395 queries"]


@pytest.mark.parametrize("workload", [[], "", " ; -- nothing\n", [("select 1", -1)], [3]])
def test_what_is_no_workload_is_refused(workload: Any) -> None:
    with pytest.raises(locality.errors.QueryError, match="workload"):
        read_workload(workload)


def test_a_missing_workload_is_refused(con: Connection) -> None:
    with pytest.raises(locality.errors.QueryError, match="log of the store is empty"):
        con.advise()
    for path in (Path("no.sql"), "no.sql"):
        with pytest.raises(locality.errors.SourceError, match=r"no\.sql"):
            con.advise(path)


def test_a_workload_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "queries.sql"
    path.write_text("select 1;\nselect 2")
    assert [query.sql for query in read_workload(str(path))] == [query.sql for query in read_workload(path)]
    assert len(read_workload(str(path))) == 2
