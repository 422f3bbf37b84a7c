"""The entry of ``locality bench``."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from locality.settings import available_threads

from .engines import ENGINES, Engine
from .model import Suite
from .report import print_report
from .runner import Runner, Stopping
from .suites import SUITES

INTERRUPTED = 130
USAGE = 2

_PIPED_WIDTH = 120


def run(
    suite: str,
    scale: float = 1.0,
    engines: Sequence[str] | None = None,
    threads: int | None = None,
    json_path: Path | None = None,
    stopping: Stopping | None = None,
) -> int:
    """Run a suite and print its tables to standard output; progress goes to standard error if that is a terminal.

    suite: a name in ``SUITES``. scale: the data's scale factor. engines: names in ``ENGINES``, the suite's own choice
    if None. threads: for every engine that can use them, by default the cores of this process. json_path: where to
    write the whole record. stopping: how often a query runs.

    Returns the exit status: 0; 1 if an answer differs from the reference or an engine fails; 2 for a suite or engine
    that there isn't; 130 after Ctrl-C, with what there was up to then printed and written.

    Raises:
        locality.errors.SourceError: the data can't be made or read.
    """
    try:
        chosen_suite = _choose_suite(suite)
        chosen_engines = _choose_engines(engines or chosen_suite.engines, named=engines is not None)
    except ValueError as error:
        print(error, file=sys.stderr)
        return USAGE
    return _run(chosen_suite, scale, chosen_engines, threads or available_threads(), json_path, stopping or Stopping())


def _choose_suite(name: str) -> Suite:
    if name not in SUITES:
        raise ValueError(f"there is no benchmark suite {name!r}; there is {', '.join(SUITES)}")
    return SUITES[name]


def _choose_engines(names: Sequence[str], *, named: bool) -> list[type[Engine]]:
    """The engines to run, each once; one that isn't installed is an error if the user named it, else a line."""
    unknown = [name for name in names if name not in ENGINES]
    if unknown:
        raise ValueError(f"there is no engine {', '.join(unknown)}; there are {', '.join(ENGINES)}")
    chosen = []
    for name in dict.fromkeys(names):
        remedy = ENGINES[name].missing()
        if remedy is None:
            chosen.append(ENGINES[name])
        elif named:
            raise ValueError(f"{name} is not installed: {remedy}")
        else:
            print(f"without {name}, which is not installed: {remedy}", file=sys.stderr)
    return chosen


def _run(
    suite: Suite, scale: float, chosen: list[type[Engine]], threads: int, json_path: Path | None, stopping: Stopping
) -> int:
    sources = suite.sources(scale)  # the generator has a progress display of its own, so ours starts after it
    with ExitStack() as stack:
        notify = _notifier(stack)
        # Memory maps keep files open on some systems; what can't be removed then is left to the system's cleaning.
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="locality-bench-", ignore_cleanup_errors=True))
        stack.enter_context(_cold_kernels(Path(scratch)))
        engines = []
        for engine_class in chosen:
            engine = engine_class(threads, Path(scratch))
            stack.callback(engine.close)
            engines.append(engine)
        runner = Runner(suite, scale, sources, engines, stopping, notify)
        interrupted = False
        try:
            runner.run(_bandwidth_probe(chosen))
        except KeyboardInterrupt:
            interrupted = True
    record = runner.record
    print_report(record, _output())
    if json_path is not None:
        record.write_json(json_path)
    if interrupted:
        return INTERRUPTED
    return 1 if record.problems() else 0


@contextmanager
def _cold_kernels(directory: Path) -> Iterator[None]:
    """An empty cache of compiled kernels for this run, so that first runs compile."""
    before = os.environ.get("LOCALITY_CACHE_DIR")
    os.environ["LOCALITY_CACHE_DIR"] = str(directory / "cache")
    try:
        yield
    finally:
        if before is None:
            del os.environ["LOCALITY_CACHE_DIR"]
        else:
            os.environ["LOCALITY_CACHE_DIR"] = before


def _notifier(stack: ExitStack) -> Callable[[str], None]:
    """What shows on standard error what is being done, and for how long all has taken; silent but on a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return lambda text: None
    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    progress = stack.enter_context(Progress(*columns, console=console, transient=True))
    task = progress.add_task("starting", total=None)
    return lambda text: progress.update(task, description=text)


def _bandwidth_probe(chosen: list[type[Engine]]) -> Callable[[int], float] | None:
    if not any(engine.name == "locality" for engine in chosen):
        return None
    # Measured anew, not the stored figure: the machine may be slower today, and times are held against it.
    from locality.runtime.bandwidth import measure_read_bandwidth

    return measure_read_bandwidth


def _output() -> Console:
    """Standard output; a pipe or file has no width of its own, so it gets one that holds every column."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPED_WIDTH)
