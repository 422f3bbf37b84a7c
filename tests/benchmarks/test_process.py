"""Engines in processes of their own: crashes, limits of time and memory are outcomes, and engines come back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from locality._suites.benchmarks.campaign import seats
from locality._suites.benchmarks.engines import Ledger
from locality._suites.benchmarks.engines.duckdb import DuckDBEngine
from locality._suites.benchmarks.model import Query, Source
from locality._suites.benchmarks.outcome import Outcome
from locality._suites.benchmarks.seat import Seat
from locality._suites.benchmarks.worker import Answered, Contestant

from . import fakes

SQL = "select count(*) from customer"
MEMORY = 700_000_000


def named(name: str) -> Query:
    return Query(name, "", ("customer",), SQL)


@pytest.fixture(scope="module")
def seat(sources: dict[str, Source]) -> Iterator[Seat]:
    greedy = Contestant("greedy", fakes.Greedy)
    with seats([greedy], {"customer": sources["customer"]}, threads=1, memory_bytes=MEMORY) as (seat,):
        seat.load(lambda text: None)
        assert seat.takes_part
        yield seat


def answers(seat: Seat) -> bool:
    reply = seat.run(named("fine"), 60.0)
    return reply.outcome is Outcome.OK and isinstance(reply.value, Answered) and reply.seconds > 0


def test_an_engine_answers_from_a_process_of_its_own(seat: Seat) -> None:
    first, second = (seat.run(named("asked twice"), 60.0).value for _ in range(2))
    assert first == Answered([(1500,)], 1, Ledger("locality", None, 3000, 2000, 90_000, {"lineitem.l_tax": 3000}))
    assert second == replace(first, brief=None)
    assert 0 < seat.memory.private <= seat.memory.resident
    assert seat.record.stored_bytes
    assert seat.record.rows == {"customer": 1500}


@pytest.mark.parametrize(
    ("name", "limit", "outcome", "message"),
    [
        ("memory", 60.0, Outcome.OUT_OF_MEMORY, "more than 700 MB"),
        ("crash", 60.0, Outcome.ERROR, "the process ended with status 7; it last printed: a last word"),
        pytest.param(
            *("killed", 60.0, Outcome.OUT_OF_MEMORY, "the system ended the process"),
            marks=pytest.mark.skipif(sys.platform == "win32", reason="signals end no process there"),
        ),
        ("slow", 0.2, Outcome.TOO_LONG, "no answer within 0.2 s"),
        ("stuck", 0.1, Outcome.TOO_LONG, "no answer within 0.1 s"),
    ],
)
def test_how_an_engine_ends_is_an_outcome_and_it_comes_back(
    name: str, limit: float, outcome: Outcome, message: str, seat: Seat
) -> None:
    reply = seat.run(named(name), limit)
    assert (reply.outcome, reply.message) == (outcome, message)
    assert answers(seat)


def test_no_process_is_left_behind(sources: dict[str, Source], tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    contestants = fakes.contestants(DuckDBEngine)
    with seats(contestants, {"customer": sources["customer"]}, threads=1, memory_bytes=MEMORY) as (seat,):
        seat.load(lambda text: None)
        assert set(psutil.Process().children(recursive=True)) > before
    left = set(psutil.Process().children(recursive=True)) - before
    assert not [process for process in left if "resource_tracker" not in " ".join(process.cmdline())]


def test_an_engine_that_is_not_loaded_in_time_is_left_out(sources: dict[str, Source]) -> None:
    contestants = fakes.contestants(fakes.LoadsSlowly)
    with seats(contestants, {"customer": sources["customer"]}, threads=1, memory_bytes=MEMORY) as (seat,):
        seat.load(lambda text: None, limit=0.1)
        assert seat.record.outcome is Outcome.TOO_LONG
        assert seat.record.message == "customer was not loaded in time; see --time-limit"
        assert not seat.takes_part
