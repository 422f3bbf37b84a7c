"""The runner: order and number of runs, and what it makes of wrong, failing and interrupted engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from locality._suites.benchmarks.engines import Answer, Engine
from locality._suites.benchmarks.engines.duckdb import DuckDBEngine, interruptible
from locality._suites.benchmarks.model import Query, Source
from locality._suites.benchmarks.record import Outcome, RunRecord
from locality._suites.benchmarks.runner import Runner, Stopping

from . import fakes

QUICK = Stopping(min_runs=2, max_runs=2)


def run(sources: dict[str, Source], directory: Path, *engines: type[Engine], stopping: Stopping = QUICK) -> RunRecord:
    tables = {table for query in fakes.SUITE.queries for table in query.tables}
    chosen = {name: source for name, source in sources.items() if name in tables}
    made = [engine(1, directory) for engine in engines]
    runner = Runner(fakes.SUITE, 0.01, chosen, made, stopping, notify=lambda text: None)
    try:
        runner.run(measure_bandwidth=lambda threads: 1e9)
    except KeyboardInterrupt:
        pass
    finally:
        for engine in made:
            engine.close()
    return runner.record


def test_a_right_engine(sources: dict[str, Source], tmp_path: Path) -> None:
    record = run(sources, tmp_path, fakes.Ours, DuckDBEngine)
    assert record.complete
    assert record.problems() == []
    assert record.engines == ["locality", "duckdb"]
    for query in record.queries:
        for measurement in query.measurements.values():
            assert measurement.outcome is Outcome.OK
            assert len(measurement.samples) == 2
            assert measurement.first_seconds is not None
            assert measurement.first_seconds > 0
            assert measurement.extrapolation is None
        ours = query.measurements["locality"]
        assert ours.seconds is not None
        share = record.bandwidth_share(ours)
        assert share == pytest.approx(3000 / ours.seconds / 1e9)
        assert record.bandwidth_share(query.measurements["duckdb"]) is None


@pytest.mark.parametrize(
    ("engine", "outcome", "message"),
    [
        (fakes.Wrong, Outcome.WRONG, "row 1, column 1: Decimal"),
        (fakes.Fails, Outcome.ERROR, "RuntimeError: no way to run q06"),
        (fakes.FallsBack, Outcome.FALLBACK, "answered by duckdb: window functions"),
        (fakes.Slow, Outcome.TOO_LONG, "no answer within 7 s"),
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
    tolerated = outcome in (Outcome.FALLBACK, Outcome.TOO_LONG)
    assert len(record.remarks() if tolerated else record.problems()) == len(record.queries)
    assert not (record.problems() if tolerated else record.remarks())
    has_ratio = record.queries[0].ratio("duckdb") is not None
    assert has_ratio == (outcome is Outcome.FALLBACK)
    assert record.queries[0].measurements["duckdb"].outcome is Outcome.OK


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
    assert record.queries[0].measurements["locality"].counts
    assert record.queries[0].ratio("duckdb") is not None
    assert not record.queries[1].measurements["locality"].counts


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


def test_engines_take_turns(sources: dict[str, Source], tmp_path: Path) -> None:
    order: list[str] = []

    class First(fakes.Ours):
        def run(self, query: Query) -> Answer:
            order.append("first")
            return super().run(query)

    class Second(DuckDBEngine):
        def run(self, query: Query) -> Answer:
            order.append("second")
            return super().run(query)

    run(sources, tmp_path, First, Second)
    turn = ["first", "first", "second", "second"] + ["first", "second"] * 2
    assert order == turn * len(fakes.SUITE.queries)


class TestStopping:
    def test_between_the_least_and_the_most_runs(self) -> None:
        stopping = Stopping(min_runs=3, max_runs=5, budget=1.0, patience=8.0)
        assert stopping.wants_more([])
        assert stopping.wants_more([0.1])
        assert stopping.wants_more([1.5, 1.5])
        assert not stopping.wants_more([0.4] * 3)
        assert stopping.wants_more([0.1] * 4)
        assert not stopping.wants_more([0.1] * 5)

    def test_what_takes_too_long_stops_early(self) -> None:
        stopping = Stopping(min_runs=3, max_runs=5, budget=1.0, patience=8.0)
        assert not stopping.wants_more([9.0])
        assert not stopping.wants_more([4.5, 4.5])

    def test_warm_up_only_if_short(self) -> None:
        assert Stopping(budget=1.0).wants_warm_up(0.5)
        assert not Stopping(budget=1.0).wants_warm_up(2.0)
