"""``locality bench``: the benchmark suites."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from locality.cli.options import examples


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
    ),
)
def bench() -> None:
    """Run a benchmark suite: locality bench SUITE is short for locality bench run SUITE."""
    if find_spec("psutil") is None:
        raise click.ClickException("the benchmarks need psutil: pip install 'locality[bench]'")


def _suites(module: str) -> ModuleType:
    return import_module(f"locality._suites.benchmarks.{module}")


@bench.command()
@click.argument("suite")
@click.option(
    "--scale",
    "scales",
    metavar="N,...",
    default="1",
    show_default=True,
    callback=_numbers(float, "a list of scales"),
    help="Scale of the data; several run one after the other.",
)
@click.option("--engines", metavar="A,B", callback=_names, help="The engines to compare; the suite's own by default.")
@click.option("--queries", metavar="Q1,Q2", callback=_names, help="Only these queries.")
@click.option(
    "--threads",
    metavar="N,...",
    callback=_numbers(int, "a list of numbers of threads"),
    help="Worker threads of every engine; all cores by default, several run one after the other.",
)
@click.option(
    "--time-limit", type=click.FloatRange(min=1), metavar="SECONDS", help="For each run, data aside; 150 by default."
)
@click.option(
    "--memory-limit",
    type=click.FloatRange(min=0.1),
    metavar="GB",
    help="For each engine; half of the machine's by default.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the whole record.")
@click.option("--html", "html_path", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page.")
def run(
    suite: str,
    scales: tuple[float, ...],
    engines: tuple[str, ...] | None,
    queries: tuple[str, ...] | None,
    threads: tuple[int, ...] | None,
    time_limit: float | None,
    memory_limit: float | None,
    json_path: Path | None,
    html_path: Path | None,
) -> int:
    """Run a benchmark SUITE: generate its data, ask every engine the same queries, compare the answers.

    tpch is TPC-H's 22 queries; scan asks ten queries over one table of the same data, of plain Python too.

    Every engine runs in a process of its own, with the same number of threads and the same files, and they are asked in
    turn. The table shows medians of hot runs, ratios to Locality, the bytes that Locality moved, and the share of the
    machine's read bandwidth. The exit status is 1 if any answer differs or an engine fails.
    """
    campaign, stopping = _suites("campaign"), _suites("stopping")
    chosen: dict[str, Any] = {"scales": scales, "queries": queries}
    if threads is not None:
        chosen["threads"] = threads
    if memory_limit is not None:
        chosen["memory_bytes"] = int(memory_limit * 1e9)
    if time_limit is not None:
        chosen["stopping"] = stopping.Stopping(time_limit=time_limit)
    status: int = _suites("cli").run(suite, engines, campaign.Options(**chosen), json_path, html_path)
    return status
