"""A suite over every scale and number of threads that were asked for, each with new processes and a directory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path

from locality.settings import available_threads, machine_memory

from .engines import Resources
from .engines.locality import LocalityEngine
from .machine import busy_share, commit, describe
from .model import Source, Suite
from .process import Channel, EngineProcess
from .record import BASELINE, Record, RunRecord
from .roofline import Point, read_bandwidth
from .roofline import measure as measure_rooflines
from .runner import Notify, Runner
from .seat import Seat
from .stopping import Stopping
from .worker import Contestant


@dataclass(frozen=True)
class Options:
    """How a suite is run; every scale with every number of threads.

    scales: of the data; the suite's own if None. queries: names of those to ask, all if None. memory_bytes: what one
    engine may take. baseline: the contestant that the others are compared with. measure_rooflines: the probe of the
    machine, for the engines that tell the bytes that they move; None leaves it out.
    """

    scales: tuple[float, ...] | None = None
    threads: tuple[int, ...] = field(default_factory=lambda: (available_threads(),))
    queries: tuple[str, ...] | None = None
    memory_bytes: int = field(default_factory=lambda: machine_memory() // 2)
    stopping: Stopping = field(default_factory=Stopping)
    baseline: str = BASELINE
    measure_rooflines: Callable[[Sequence[int], Callable[[str], None]], list[Point]] | None = measure_rooflines


def new_record(suite: Suite) -> Record:
    """A record without runs."""
    return Record(suite.name, suite.title, machine=describe(), steps=suite.steps, commit=commit())


def chosen_queries(suite: Suite, names: Sequence[str] | None) -> Suite:
    """The suite with these queries only; all if None.

    Raises:
        ValueError: there is no query of a name.
    """
    if names is None:
        return suite
    unknown = [name for name in names if name not in {query.name for query in suite.queries}]
    if unknown:
        known = ", ".join(query.name for query in suite.queries)
        raise ValueError(f"{suite.name} has no query {', '.join(unknown)}; it has {known}")
    return replace(suite, queries=tuple(query for query in suite.queries if query.name in names))


def measure(
    record: Record, suite: Suite, contestants: Sequence[Contestant], options: Options, display: Callable[[], Notify]
) -> None:
    """Add a run to the record for each scale and number of threads; one that is interrupted stays in it.

    display: makes what is told of the progress; called once the data are there, since generators have a display.
    """
    suite = chosen_queries(suite, options.queries)
    scales = options.scales or (suite.default_scale,)
    sources = {scale: suite.sources(scale) for scale in scales}
    notify = display()
    if options.measure_rooflines is not None and any(issubclass(each.engine, LocalityEngine) for each in contestants):
        record.roofline = options.measure_rooflines(options.threads, lambda text: notify(text, 0.0))
    several = len(scales) * len(options.threads) > 1
    for scale, threads in product(scales, options.threads):
        place = f"scale {scale:g}, {threads} threads: " if several else ""
        run = RunRecord(
            scale=scale,
            threads=threads,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            settings={**asdict(options.stopping), "memory_bytes": options.memory_bytes},
            source_bytes={name: source.path.stat().st_size for name, source in sources[scale].items()},
            baseline=options.baseline,
            bandwidth=read_bandwidth(record.roofline, threads),
            busy_share=busy_share(),
        )
        record.runs.append(run)
        with seats(contestants, sources[scale], threads, options.memory_bytes) as taken:
            runner = Runner(
                run,
                suite.queries,
                sources[scale],
                taken,
                options.stopping,
                partial(_notify_at, notify, place),
            )
            runner.run()


def _notify_at(notify: Notify, place: str, text: str, left: float) -> None:
    notify(place + text, left)


@contextmanager
def seats(
    contestants: Sequence[Contestant], sources: Mapping[str, Source], threads: int, memory_bytes: int
) -> Iterator[list[Seat]]:
    """A seat for each, in a directory that goes with them; no kernel is cached there, so that first runs compile."""
    # Memory maps keep files open on some systems; what can't be removed then is left to the system's cleaning.
    with tempfile.TemporaryDirectory(prefix="locality-bench-", ignore_cleanup_errors=True) as name:
        scratch = Path(name)

        def connect(contestant: Contestant) -> Channel:
            engine = contestant.engine
            environment = {**engine.environment(threads), "LOCALITY_CACHE_DIR": str(scratch / "cache")}
            log = scratch / f"{contestant.name}.log"
            return EngineProcess(environment, log, memory_bytes, has_helpers=engine.has_helpers)

        taken = []
        for contestant in contestants:
            directory = scratch / (contestant.shares or contestant.name)
            directory.mkdir(exist_ok=True)
            taken.append(Seat(contestant, Resources(threads, memory_bytes, directory), connect, sources))
        try:
            yield taken
        finally:
            for seat in taken:
                seat.close()
