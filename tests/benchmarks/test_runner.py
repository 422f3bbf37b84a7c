"""The runner: order and number of runs, and what it makes of wrong, failing and interrupted engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from locality._suites.benchmarks.engines import Engine
from locality._suites.benchmarks.engines.duckdb import DuckDBEngine, interruptible
from locality._suites.benchmarks.model import Query, Source
from locality._suites.benchmarks.outcome import Outcome
from locality._suites.benchmarks.record import RunRecord
from locality._suites.benchmarks.runner import Runner
from locality._suites.benchmarks.seat import Seat
from locality._suites.benchmarks.stopping import Stopping
from locality._suites.benchmarks.worker import Contestant

from . import fakes

QUICK = Stopping(min_runs=2, max_runs=2)


def run(
    sources: dict[str, Source],
    directory: Path,
    *engines: type[Engine],
    stopping: Stopping = QUICK,
    connect: Callable[[Contestant], Any] = fakes.Inline,
) -> RunRecord:
    tables = {table for query in fakes.SUITE.queries for table in query.tables}
    chosen = {name: source for name, source in sources.items() if name in tables}
    seats = []
    for contestant in fakes.contestants(*engines):
        own = directory / contestant.name
        own.mkdir()
        seats.append(Seat(contestant, fakes.resources(own), connect, chosen))
    record = RunRecord(0.01, 1, "now", settings={}, source_bytes={}, bandwidth=1e9)
    runner = Runner(record, fakes.SUITE.queries, chosen, seats, stopping, notify=lambda text, left: None)
    try:
        runner.run()
    except KeyboardInterrupt:
        pass
    finally:
        for seat in seats:
            seat.close()
    return record


def test_a_right_engine(sources: dict[str, Source], tmp_path: Path) -> None:
    record = run(sources, tmp_path, fakes.Ours, DuckDBEngine)
    assert record.complete
    assert record.problems() == record.remarks() == []
    assert record.engines == ["locality", "duckdb"]
    assert record.seconds > 0
    for load in record.loads:
        assert load.outcome is Outcome.OK
        assert load.start_seconds > 0
        assert load.reopen_seconds is not None
        assert load.peak_memory_bytes == 2000
    for query in record.queries:
        for measurement in query.measurements.values():
            assert measurement.outcome is Outcome.OK
            assert len(measurement.samples) == 2
            assert measurement.first_seconds is not None
            assert measurement.first_seconds > 0
            assert measurement.reopened_seconds is not None
            assert measurement.reopened_seconds > 0
            assert measurement.extrapolation is None
            assert (measurement.peak_memory_bytes, measurement.peak_private_bytes) == (2000, 1000)
        ours = query.measurements["locality"]
        assert ours.seconds is not None
        share = record.bandwidth_share(ours)
        assert share == pytest.approx(3000 / ours.seconds / 1e9)
        assert record.bandwidth_share(query.measurements["duckdb"]) is None


@pytest.mark.parametrize(
    ("engine", "outcome", "message"),
    [
        (fakes.Wrong, Outcome.WRONG, "row 1, column 1: Decimal"),
        (fakes.Fails, Outcome.ERROR, "RuntimeError: no way to run this"),
        (fakes.FallsBack, Outcome.FALLBACK, "answered by duckdb: window functions"),
        (fakes.Unable, Outcome.UNSUPPORTED, "no such function"),
        (fakes.Hungry, Outcome.OUT_OF_MEMORY, "could not allocate block"),
    ],
)
def test_problems_are_recorded(
    engine: type[Engine], outcome: Outcome, message: str, sources: dict[str, Source], tmp_path: Path
) -> None:
    record = run(sources, tmp_path, engine, DuckDBEngine)
    found = record.queries[0].measurements["locality"]
    assert found.outcome is outcome
    assert found.message is not None
    assert found.message.startswith(message)
    is_problem = outcome in (Outcome.WRONG, Outcome.ERROR)
    assert len(record.problems() if is_problem else record.remarks()) == len(record.queries)
    assert not (record.remarks() if is_problem else record.problems())
    has_ratio = record.queries[0].ratio("duckdb") is not None
    assert has_ratio == (outcome is Outcome.FALLBACK)
    assert record.queries[0].measurements["duckdb"].outcome is Outcome.OK


def test_an_engine_that_can_not_load_is_a_problem_and_the_others_go_on(
    sources: dict[str, Source], tmp_path: Path
) -> None:
    record = run(sources, tmp_path, fakes.FailsToLoad, DuckDBEngine)
    assert record.complete
    assert record.problems() == ["loading, locality: error: ValueError: no way to load part"]
    assert [set(query.measurements) for query in record.queries] == [{"duckdb"}, {"duckdb"}]


def test_an_engine_without_a_form_of_a_query_is_left_out(sources: dict[str, Source], tmp_path: Path) -> None:
    record = run(sources, tmp_path, fakes.Picky, DuckDBEngine)
    assert [set(query.measurements) for query in record.queries] == [{"locality", "duckdb"}, {"duckdb"}]
    assert record.problems() == record.remarks() == []


def test_an_answer_that_turns_wrong_is_found(sources: dict[str, Source], tmp_path: Path) -> None:
    record = run(sources, tmp_path, fakes.WrongLater)
    found = record.queries[0].measurements["locality"]
    assert found.outcome is Outcome.WRONG
    assert not found.counts


def test_an_interrupted_run_keeps_what_it_has(sources: dict[str, Source], tmp_path: Path) -> None:
    record = run(sources, tmp_path, DuckDBEngine, fakes.Interrupted)
    assert not record.complete
    assert [len(query.measurements["duckdb"].samples) for query in record.queries] == [1, 0]
    assert record.queries[0].ratio("duckdb") is not None
    assert not record.queries[1].measurements["locality"].counts


def test_the_time_limit_ends_a_run(sources: dict[str, Source], tmp_path: Path) -> None:
    record = run(sources, tmp_path, DuckDBEngine, stopping=Stopping(time_limit=0))
    assert not record.complete
    assert record.queries == []
    (tmp_path / "longer").mkdir()
    record = run(
        sources, tmp_path / "longer", DuckDBEngine, stopping=Stopping(budget=3600, patience=0, time_limit=3600)
    )
    assert record.complete
    assert all(len(query.measurements["duckdb"].samples) == 1 for query in record.queries)  # the second run, being long


def test_ctrl_c_within_a_query_of_duckdb_is_no_failure_of_the_engine() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="something else"), interruptible():
        raise RuntimeError("something else")


def test_times_over_the_first_rows_are_extrapolated(sources: dict[str, Source], tmp_path: Path) -> None:
    record = run(sources, tmp_path, fakes.Ours, fakes.Sampled)
    assert record.problems() == []
    lines = sources["lineitem"].rows
    q6 = record.queries[0].measurements["naive"]
    assert q6.extrapolation is not None
    assert (q6.extrapolation.measured_rows, q6.extrapolation.total_rows) == (6000, lines)
    assert q6.measured_median is not None
    assert q6.seconds == pytest.approx(q6.measured_median * lines / 6000)
    assert record.queries[1].measurements["naive"].extrapolation is None
    loaded = {load.engine: load.rows["lineitem"] for load in record.loads}
    assert loaded == {"locality": lines, "naive": 6000}


def test_engines_take_turns_in_passes_over_all_queries(sources: dict[str, Source], tmp_path: Path) -> None:
    order: list[tuple[str, str]] = []

    class First(fakes.Ours):
        def execute(self, query: Query, parameters: Sequence[Any] = ()) -> Any:
            order.append(("first", query.name))
            return super().execute(query, parameters)

    class Second(DuckDBEngine):
        def execute(self, query: Query, parameters: Sequence[Any] = ()) -> Any:
            order.append(("second", query.name))
            return super().execute(query, parameters)

    run(sources, tmp_path, First, Second)
    cold, turn = ["first", "first", "second", "second"], ["first", "second"]
    names = [query.name for query in fakes.SUITE.queries]
    first_pass = [(engine, name) for name in names for engine in cold + turn]
    hot_pass = [(engine, name) for name in names for engine in turn]
    reopened = [(engine, name) for engine in turn for name in names]
    assert order == first_pass + hot_pass + reopened
