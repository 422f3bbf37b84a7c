"""``locality bench``: the benchmark suites."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from locality.cli.options import examples, threads_option


def _engines(_: click.Context, __: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


@click.command(
    short_help="Measure Locality and other engines on a suite.",
    epilog=examples(
        "locality bench tpch",
        "locality bench tpch --scale 10 --engines locality,duckdb",
        "locality bench scan --scale 0.1 --json result.json",
    ),
)
@click.argument("suite")
@click.option(
    "--scale", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True, help="Scale of the data."
)
@click.option("--engines", metavar="A,B", callback=_engines, help="The engines to compare; the suite's own by default.")
@threads_option
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the whole record.")
def bench(suite: str, scale: float, engines: list[str] | None, threads: int | None, json_path: Path | None) -> int:
    """Run a benchmark SUITE: generate its data, ask every engine the same queries, compare the answers.

    tpch is TPC-H's 22 queries; scan asks ten queries over one table of the same data, of plain Python too.

    All engines get the same number of threads and the same files. The table shows medians of hot runs, ratios to
    Locality, the bytes that Locality moved, and the share of the machine's read bandwidth. The exit status is 1 if any
    answer differs or an engine fails.
    """
    suites = import_module("locality._suites.benchmarks.cli")
    status: int = suites.run(suite, scale=scale, engines=engines, threads=threads, json_path=json_path)
    return status
