"""Stopping queries: flags, and callers who do not wait for work that looks at none."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from locality.errors import InterruptError
from locality.runtime.execution import QueryExecution, Workers
from locality.runtime.interrupts import Interrupt, Interrupts, run_interruptibly, stopped_by


def test_the_answer_and_the_error_of_the_work_come_through() -> None:
    assert run_interruptibly(lambda: 42, Interrupt()) == 42
    with pytest.raises(ZeroDivisionError):
        run_interruptibly(lambda: 1 // 0, Interrupt())


def test_work_that_looks_at_no_flag_is_left_to_end_by_itself() -> None:
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        release.wait()
        ended.set()

    interrupt = Interrupt()
    threading.Timer(0.05, interrupt.request).start()
    with pytest.raises(InterruptError):
        run_interruptibly(work, interrupt)
    assert not ended.is_set()
    release.set()
    assert ended.wait(10)


def test_whoever_asked_for_the_work_may_have_it_stopped() -> None:
    release = threading.Event()
    with stopped_by(lambda: True), pytest.raises(InterruptError):
        run_interruptibly(release.wait, Interrupt())
    release.set()
    assert run_interruptibly(lambda: 42, Interrupt()) == 42


def test_a_request_stops_the_queries_of_its_connection_that_run_then() -> None:
    ours, others = Interrupts(), Interrupts()
    with ours.query() as first, ours.query() as second, others.query() as other:
        ours.request()
        assert first.requested
        assert second.requested
        assert not other.requested
    with ours.query() as later:
        later.check()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "use",
    [
        lambda execution: execution.run(range(2), lambda worker, item: None),
        lambda execution: execution.reserve(1, "a byte"),
        lambda execution: execution.measure("operator"),
    ],
    ids=["run", "reserve", "measure"],
)
def test_an_execution_stops_wherever_it_is_used(threads: int, use: Callable[[QueryExecution], object]) -> None:
    workers, interrupt = Workers(threads), Interrupt()
    execution = QueryExecution(workers, 1 << 20, interrupt)
    use(execution)
    interrupt.request()
    with pytest.raises(InterruptError):
        use(execution)
    workers.close()


def test_workers_stop_between_two_items() -> None:
    workers, interrupt = Workers(2), Interrupt()
    done: list[int] = []

    def work(worker: int, item: int) -> None:
        done.append(item)
        interrupt.request()

    with pytest.raises(InterruptError):
        QueryExecution(workers, 1 << 20, interrupt).run(range(100), work)
    assert 1 <= len(done) <= 2
    workers.close()
