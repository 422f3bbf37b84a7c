"""``locality bench``: the benchmark suites."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from locality.cli.options import Decorator, examples


class _Suites(click.Group):
    """Subcommands; whatever is none of them is the suite that ``run`` takes."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands and not args[0].startswith("-"):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


def _names(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(name.strip() for name in value.split(",") if name.strip())


def _numbers(kind: Callable[[str], Any], what: str) -> Callable[..., tuple[Any, ...] | None]:
    """A callback that reads ``1,2`` as positive numbers."""

    def read(_: click.Context, __: click.Parameter, value: str | None) -> tuple[Any, ...] | None:
        if value is None:
            return None
        try:
            numbers = tuple(kind(part) for part in value.split(","))
        except ValueError:
            numbers = ()
        if not numbers or min(numbers) <= 0:
            raise click.BadParameter(f"{value!r} is not {what}")
        return numbers

    return read


@click.group(
    cls=_Suites,
    short_help="Measure Locality and other engines on a suite.",
    epilog=examples(
        "locality bench tpch",
        "locality bench tpch --scale 0.1,1 --threads 1,2 --engines locality,duckdb --json result.json",
        "locality bench compare before.json after.json",
        "locality bench ablation tpch --scale 0.1",
    ),
)
def bench() -> None:
    """Run a benchmark suite: locality bench SUITE is short for locality bench run SUITE, which has the options."""
    if find_spec("psutil") is None:
        raise click.ClickException("the benchmarks need psutil: pip install 'locality[bench]'")


def _suites(module: str) -> ModuleType:
    return import_module(f"locality._suites.benchmarks.{module}")


def _options(*decorators: Decorator) -> Decorator:
    """All of them, in the order in which the help shows them."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


_WRITTEN = click.Path(path_type=Path, dir_okay=False)

_json_option: Decorator = click.option("--json", "json_path", type=_WRITTEN, help="Write the whole record.")

_threads_option: Decorator = click.option(
    "--threads",
    metavar="N,...",
    callback=_numbers(int, "a list of numbers of threads"),
    help="Worker threads of every engine; all cores by default, several run one after the other.",
)

_suite_options = _options(
    click.argument("suite"),
    click.option(
        "--scale",
        "scales",
        metavar="N,...",
        callback=_numbers(float, "a list of scales"),
        help="Scale of the data, the suite's own by default; several run one after the other.",
    ),
    click.option("--queries", metavar="Q1,Q2", callback=_names, help="Only these queries."),
    _threads_option,
    click.option(
        "--time-limit",
        type=click.FloatRange(min=1),
        metavar="SECONDS",
        help="When a run asks nothing more; making data doesn't count. 150 by default.",
    ),
    click.option(
        "--memory-limit",
        type=click.FloatRange(min=0.1),
        metavar="GB",
        help="What one engine may take; half of the machine's memory by default.",
    ),
    _json_option,
)


def _chosen(
    scales: tuple[float, ...] | None,
    queries: tuple[str, ...] | None,
    threads: tuple[int, ...] | None,
    time_limit: float | None,
    memory_limit: float | None,
) -> Any:
    """The options of a run; what was not given is left to their defaults."""
    chosen: dict[str, Any] = {"scales": scales, "queries": queries}
    if threads is not None:
        chosen["threads"] = threads
    if memory_limit is not None:
        chosen["memory_bytes"] = int(memory_limit * 1e9)
    if time_limit is not None:
        chosen["stopping"] = _suites("stopping").Stopping(time_limit=time_limit)
    return _suites("campaign").Options(**chosen)


@bench.command(short_help="Measure a suite; the default: locality bench SUITE.")
@_suite_options
@click.option("--engines", metavar="A,B", callback=_names, help="The engines to compare; the suite's own by default.")
@click.option("--html", "html_path", type=_WRITTEN, help="Write it as a page.")
def run(
    suite: str, engines: tuple[str, ...] | None, json_path: Path | None, html_path: Path | None, **limits: Any
) -> int:
    """Run a benchmark SUITE: generate its data, ask every engine the same queries, compare the answers.

    tpch is TPC-H's 22 queries; scan asks ten queries over one table of the same data, of plain Python too.

    Every engine runs in a process of its own, with the same number of threads and the same files, and they are asked in
    turn. The table shows medians of hot runs, ratios to Locality, the bytes that Locality moved, and the share of the
    machine's read bandwidth. The exit status is 1 if Locality answers wrongly or fails.
    """
    status: int = _suites("cli").run(suite, engines, _chosen(**limits), json_path, html_path)
    return status


@bench.command(short_help="What each optimizer pass contributes to a suite.")
@_suite_options
def ablation(suite: str, json_path: Path | None, **limits: Any) -> int:
    """Run SUITE by Locality, and by Locality without each optimizer pass and operator choice in turn.

    For each it shows how many times as long the suite takes without it, and the queries that this changes by more than
    noise: where it gains, and where it loses.
    """
    status: int = _suites("cli").ablate(suite, _chosen(**limits), json_path)
    return status


@bench.command(short_help="How two records differ, noise taken into account.")
@click.argument("before", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("after", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def compare(before: Path, after: Path) -> int:
    """Compare the records BEFORE and AFTER, each a file that --json wrote: two commits, say.

    A difference is told if the bootstrap interval of the ratio of medians lies wholly beyond the noise between runs,
    for which engines that did not change are the measure. The exit status is 1 if Locality got slower or wrong.
    """
    status: int = _suites("cli").compare_files(before, after)
    return status


@bench.command(short_help="What this machine's memory and disk can do.")
@_threads_option
@_json_option
def roofline(threads: tuple[int, ...] | None, json_path: Path | None) -> int:
    """Measure reading, writing and random access by number of threads and by cache, and reading from the disk."""
    from locality.settings import available_threads

    status: int = _suites("cli").probe(threads or tuple(range(1, available_threads() + 1)), json_path)
    return status
