"""``locality info``, ``verify`` and ``compact``: what a store holds, and if it is whole."""

from __future__ import annotations

from pathlib import Path

import click

from locality.cli.options import examples, open_store, picture_option, store_argument, threads_option
from locality.units import byte_size, duration, quantity


@click.command(
    short_help="Show a store's tables, columns and sizes.",
    epilog=examples("locality info sales.locality", "locality info sales.locality --picture layouts.html"),
)
@store_argument
@picture_option
def info(store: Path, picture: Path | None) -> None:
    """Show the tables of STORE: rows, bytes, and each column's type, encoding and size."""
    from locality.advisor.picture import write_picture

    with open_store(store) as connection:
        if picture is not None:
            write_picture(connection.maps(), picture)
        click.echo(str(connection.info()))
        if summary := connection.workload().summary:
            click.echo(f"\n{summary}")


@click.command(
    short_help="Check every file of a store.",
    epilog=examples("locality verify sales.locality", "locality verify sales.locality --repair"),
)
@store_argument
@click.option("--repair", is_flag=True, help="First write damaged layouts and rollups anew, from their tables' rows.")
def verify(store: Path, *, repair: bool) -> None:
    """Read every file of STORE and compare checksums; the exit status is 1 if something is damaged."""
    with open_store(store, read_only=not repair) as connection:
        click.echo(str(connection.verify(repair=repair)))


@click.command(
    short_help="Write a table again without its deleted rows.",
    epilog=examples("locality compact sales.locality lineitem"),
)
@store_argument
@click.argument("table")
@threads_option
@click.option("--quiet", "-q", is_flag=True, help="No progress bar and no closing line.")
def compact(store: Path, table: str, threads: int | None, quiet: bool) -> None:
    """Write the rows of TABLE in STORE again in their order, without deleted ones, in few large segments."""
    with open_store(store, threads, read_only=False) as connection:
        if quiet:
            connection.settings.progress = False
        report = connection.compact(table)
    if not quiet:
        click.echo(
            f"{report.table}: {quantity(report.rows, 'row')} in {duration(report.seconds)}; the table takes "
            f"{byte_size(report.bytes_stored)}, before {byte_size(report.bytes_before)}",
            err=True,
        )
