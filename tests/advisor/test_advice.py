"""Advice against what is measured once it was followed, and workloads that nothing can be done for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.advisor.workload import read_workload
from locality.connection import Connection

ROWS = 1 << 18


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
    queries = [*DAYS, "select kind, count(*) from line where amount < 1000 group by kind"]
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


def test_nothing_is_proposed_where_no_order_helps(con: Connection) -> None:
    advice = con.advise(["select sum(amount) from line", "select count(*) from line where amount % 7 = 3"])
    assert advice.proposals == ()
    assert "nothing to propose" in str(advice)


def test_broken_and_foreign_queries_are_told_and_left_out(con: Connection, tmp_path: Path) -> None:
    file = tmp_path / "queries.sql"
    file.write_text(f"-- a day\n{DAYS[0]};\nselect from where;\nselect ';' from missing; /* ; */\n", encoding="utf-8")
    advice = con.advise(file)
    assert [each.place for each in advice.skipped] == ["queries.sql, line 3", "queries.sql, line 4"]
    assert len(advice.forecasts) == 1


@pytest.mark.parametrize("workload", [[], "", " ; -- nothing\n", [("select 1", -1)], [3]])
def test_what_is_no_workload_is_refused(workload: Any) -> None:
    with pytest.raises(locality.errors.QueryError, match="workload"):
        read_workload(workload)


def test_a_missing_workload_is_refused(con: Connection) -> None:
    with pytest.raises(locality.errors.QueryError, match="no workload"):
        con.advise()
    with pytest.raises(locality.errors.SourceError, match=r"no\.sql"):
        con.advise(Path("no.sql"))
