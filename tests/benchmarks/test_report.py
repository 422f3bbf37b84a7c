"""The printed tables: every figure is there, losses and problems stand out without colour."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from locality._suites.benchmarks.engines import Ledger
from locality._suites.benchmarks.outcome import Outcome
from locality._suites.benchmarks.record import RunRecord
from locality._suites.benchmarks.report import print_report

from .test_record import a_record, a_run


def printed(record: RunRecord, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_report(a_record(record), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def line(text: str, start: str) -> str:
    """The last line that begins with this: the table of speed-ups comes last."""
    return next(found for found in reversed(text.splitlines()) if found.strip().startswith(start))


def test_speedups_come_last_with_losses_marked() -> None:
    text = printed(a_run())
    assert text.index("Loading") < text.index("Bytes that Locality moved") < text.index("Medians in ms")
    assert line(text, "fast ").split() == ["fast", "200", "800", "~20,000", "4.00x", "100x"]
    assert line(text, "slow ").split() == ["slow", "200", "100", "WRONG", "0.50x", "LOSS", "-"]
    assert line(text, "geometric mean").split()[-2:] == ["1.41x", "100x"]
    assert "against duckdb: faster in 1 of 2; slower in slow (0.50x)" in text
    assert "slow, naive: wrong: 1 rows instead of 2" in text


def test_bytes_and_extrapolation_are_told() -> None:
    text = printed(a_run())
    moved = next(found for found in text.splitlines() if "wins" in found)
    assert "1.00 GB" in moved
    assert "100 MB" in moved
    assert "10.0 GB" in moved
    assert "50%" in moved
    assert "~ naive: extrapolated from 10 rows" in text
    assert "a [fast] one, 2 cores, 1.00 GB" in text
    assert "not complete" not in text


def test_a_query_that_was_given_up_has_no_time() -> None:
    record = a_run()
    given_up = record.queries[0].measurements["duckdb"]
    given_up.samples, given_up.outcome, given_up.message = [], Outcome.TOO_LONG, "no answer within 7 s"
    text = printed(record)
    assert line(text, "fast ").split() == ["fast", "200", "too", "long", "~20,000", "-", "100x"]
    assert "fast, duckdb: too long: no answer within 7 s" in text


def test_what_duckdb_answered_moved_no_bytes_of_ours() -> None:
    record = a_run()
    ours = record.queries[0].measurements["locality"]
    ours.outcome, ours.ledger = Outcome.FALLBACK, Ledger("duckdb", "windows", 0, 0, 0)
    text = printed(record)
    assert "wins" not in text
    assert line(text, "fast ").split()[:3] == ["fast", "200", "fallback"]


def test_an_interrupted_run_says_so() -> None:
    record = a_run()
    record.complete = False
    record.queries = record.queries[:1]
    assert "not complete: what there was when it ended" in printed(record)


def test_without_locality_there_are_times_only() -> None:
    record = a_run()
    record.loads = record.loads[1:]
    for query in record.queries:
        del query.measurements["locality"]
    text = printed(record)
    assert line(text, "fast ").split() == ["fast", "800", "~20,000"]
    assert "geometric mean" not in text
    assert "Bytes that" not in text


def test_nothing_but_the_heading_before_anything_was_loaded() -> None:
    record = a_run()
    record.loads, record.queries, record.complete = [], [], False
    assert "Loading" not in printed(record)


@pytest.mark.parametrize("width", [80, 100])
def test_every_column_fits_a_terminal(width: int) -> None:
    text = printed(a_run(), width=width)
    assert "…" not in text.split("Medians in ms")[1]
    assert ("How many times as fast Locality is" in text) == (width == 80)
    assert line(text, "slow ").split()[-3:] == ["0.50x", "LOSS", "-"]


def test_many_engines_take_several_tables_and_no_name_is_cut() -> None:
    record = a_run()
    more = [f"an_engine_{n}" for n in range(9)]
    for load in [replace(record.loads[0], engine=name) for name in more]:
        record.loads.append(load)
    for query in record.queries:
        query.measurements.update(dict.fromkeys(more, query.measurements["locality"]))
    text = printed(record, width=100)
    assert "…" not in text
    assert all(f"vs {name}" in text for name in more)
    assert text.count("geometric mean") > 1


def test_titles_are_not_wrapped_to_a_narrow_table() -> None:
    record = a_run()
    record.loads = record.loads[:2]
    assert "Medians in ms, and how many times as fast Locality is\n" in printed(record)


def test_a_busy_machine_is_told() -> None:
    record = a_run()
    assert "of the processor" not in printed(record)
    record.busy_share = 0.3
    assert "others used 30% of the processor" in printed(record)


def test_several_runs_end_with_how_engines_scale() -> None:
    small, large = a_run(), a_run()
    small.scale, small.threads = 0.1, 1
    small.queries[0].measurements["locality"].samples = [0.05]
    console = Console(file=io.StringIO(), width=120)
    print_report(a_record(small, large), console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert text.count("Loading") == 2
    scaling = text[text.index("run by run") :]
    assert "scale 0.1, 1 threads" in scaling
    assert line(scaling, "locality").split() == ["locality", "100", "200"]
    assert line(scaling, "naive").split() == ["naive", "20,000", "20,000"]
