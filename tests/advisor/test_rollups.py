"""Advice to store aggregations: what it proposes, what queries then move, and what it leaves alone."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.advisor.shapes import LoggedShape
from locality.connection import Connection

ROWS = 1 << 17
TILES = [
    "select country, sum(amount) from events where day between 3 and 20 group by country order by 1",
    "select day, count(*), avg(amount) from events where country = 'CH' group by day order by 1",
    "select date_trunc('day', moment) d, count(*) filter (where country = 'AT') from events group by d order by 1",
]
OTHERS = ["select max(noise) from events where noise < 0.5", "select count(distinct amount) from events"]


@pytest.fixture
def con() -> Connection:
    rng = np.random.default_rng(5)
    start = datetime.datetime(2024, 1, 1)
    moments = [start + datetime.timedelta(seconds=int(s)) for s in rng.integers(0, 30 * 86400, 1000)]
    table = {
        "moment": pa.array([moments[i] for i in rng.integers(0, 1000, ROWS)], pa.timestamp("us")),
        "day": rng.integers(0, 30, ROWS).astype("int8"),
        "country": pa.array(np.array(["AT", "CH", "DE", None], dtype=object)[rng.integers(0, 4, ROWS)]),
        "amount": rng.integers(-5, 500, ROWS),
        "noise": rng.random(ROWS),
    }
    con = locality.connect()
    con.ingest("events", pa.table(table))
    return con


def test_rollups_are_proposed_where_asked_for_and_answer(con: Connection) -> None:
    queries = [*TILES, *OTHERS]
    answers = [con.sql(sql).fetchall() for sql in queries]
    before = [con.sql(sql).profile.bytes_moved for sql in queries]
    assert con.advise(queries).rollups == ()
    advice = con.advise(queries, rollups=True)
    assert all(proposal.name in str(advice) for proposal in advice.rollups)
    assert {place for proposal in advice.rollups for place in proposal.why} == {"query 1", "query 2", "query 3"}
    con.optimize(advice)
    assert [con.sql(sql).fetchall() for sql in queries] == answers
    for sql, was, forecast in zip(TILES, before, advice.forecasts, strict=False):
        profile = con.sql(sql).profile
        assert profile.engine == "locality"
        assert profile.bytes_moved < was / 2
        assert forecast.bytes_after < was / 2
    names = {proposal.name for proposal in advice.rollups}
    assert {stored.name for stored in con.info().tables[0].rollups} == names
    assert len(names) == 2  # days of moments and days together would be many groups
    assert con.advise(queries, rollups=True).rollups == ()


def test_what_queries_take_to_begin_is_not_saved(con: Connection) -> None:
    for sql in TILES:
        con.sql(sql)
    con._log.flush()
    con._log._file.update(lambda log: replace(log, shapes={text: _slow(each) for text, each in log.shapes.items()}))
    proposals = con.advise(rollups=True).rollups
    assert proposals
    assert all(proposal.break_even > 0.5 for proposal in proposals)


def _slow(shape: LoggedShape) -> LoggedShape:
    """The shape as if a process had been begun for each of its queries."""
    return replace(shape, examples=tuple(replace(each, seconds=60.0) for each in shape.examples))


def test_groups_as_many_as_rows_are_not_stored(con: Connection) -> None:
    assert con.advise(["select amount, moment, day, count(*) from events group by all"], rollups=True).rollups == ()


def test_rollups_keep_to_the_budget(con: Connection) -> None:
    held = sum(table.file_bytes for table in con.info().tables)
    assert con.advise(TILES, budget=held + 10, rollups=True).rollups == ()
