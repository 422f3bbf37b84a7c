"""``locality ingest``: files into a table of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from locality.cli.csv import csv_options, given
from locality.cli.options import examples, open_store, store_argument, threads_option
from locality.units import byte_size, duration, quantity


def _primary_key(_: click.Context, __: click.Parameter, value: str | None) -> list[str] | None:
    if value is None:
        return None
    names = [name.strip() for name in value.split(",") if name.strip()]
    if not names:
        raise click.BadParameter("give the key's columns, separated by commas")
    return names


def _foreign_keys(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
    keys = {}
    for value in values:
        columns, equals, parent = value.partition("=")
        if not (equals and columns.strip() and parent.strip()):
            raise click.BadParameter(f"{value!r} is not of the form COLUMNS=TABLE[(COLUMNS)]")
        keys[columns.strip()] = parent.strip()
    return keys or None


@click.command(
    short_help="Ingest files into a table.",
    epilog=examples(
        "locality ingest sales.locality lineitem lineitem.parquet",
        "locality ingest sales.locality events 'events/2025-*.csv' --mode append",
        "locality ingest sales.locality orders orders.parquet --primary-key o_orderkey",
        "locality ingest sales.locality lineitem lineitem.parquet --mode replace \\",
        "    --foreign-key 'l_orderkey=orders(o_orderkey)'",
        "locality ingest sales.locality prices prices.csv --delimiter ';' --decimal-separator , --null n/a \\",
        "    --date-format %d.%m.%Y --type zip=VARCHAR",
    ),
)
@store_argument
@click.argument("table")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option(
    "--mode",
    type=click.Choice(["create", "replace", "append"]),
    default="create",
    show_default=True,
    help="create: the table must be new. replace: instead of the table that is there. append: after its rows.",
)
@click.option("--primary-key", metavar="COLUMNS", callback=_primary_key, help="The key's columns; checked, and kept.")
@click.option(
    "--foreign-key",
    "foreign_keys",
    metavar="COLUMNS=TABLE[(COLUMNS)]",
    multiple=True,
    callback=_foreign_keys,
    help="Columns that refer to a table's columns, or to its primary key; checked, and kept.",
)
@csv_options
@threads_option
@click.option("--quiet", "-q", is_flag=True, help="No progress bar and no closing line.")
def ingest(
    store: Path,
    table: str,
    sources: tuple[str, ...],
    mode: Literal["create", "replace", "append"],
    primary_key: list[str] | None,
    foreign_keys: dict[str, str] | None,
    threads: int | None,
    quiet: bool,
    **csv: Any,
) -> None:
    """Ingest files into TABLE of STORE; the store is created if it is missing.

    SOURCE is a path or a glob pattern of Parquet, CSV or Arrow IPC files, all of one schema. The rows become visible
    together when all are stored; a failure or Ctrl-C leaves the store as it was.

    What a CSV file's delimiter, header and types are is found out by looking, unless options say it.
    """
    with open_store(store, threads, read_only=False) as connection:
        if quiet:
            connection.settings.progress = False
        source = sources[0] if len(sources) == 1 else list(sources)
        report = connection.ingest(
            table, source, mode=mode, primary_key=primary_key, foreign_keys=foreign_keys, csv=given(csv)
        )
    if not quiet:
        sizes = "" if report.bytes_in is None else f" from {byte_size(report.bytes_in)}"
        click.echo(
            f"{report.table}: {quantity(report.rows, 'row')}{sizes} in {duration(report.seconds)}; "
            f"the table takes {byte_size(report.bytes_stored)}",
            err=True,
        )
