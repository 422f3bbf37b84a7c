"""``locality info``, ``verify``, ``optimize`` and ``compact``: what a store holds, if it is whole, how rows lie."""

from __future__ import annotations

from pathlib import Path

import click

from locality.cli.options import examples, open_store, store_argument, threads_option
from locality.cli.text import duration, quantity
from locality.runtime.units import byte_size


@click.command(short_help="Show a store's tables, columns and sizes.", epilog=examples("locality info sales.locality"))
@store_argument
def info(store: Path) -> None:
    """Show the tables of STORE: rows, bytes, and each column's type, encoding and size."""
    with open_store(store) as connection:
        click.echo(str(connection.info()))


@click.command(short_help="Check every file of a store.", epilog=examples("locality verify sales.locality"))
@store_argument
def verify(store: Path) -> None:
    """Read every file of STORE and compare checksums; the exit status is 1 if something is damaged."""
    with open_store(store) as connection:
        click.echo(str(connection.verify()))


@click.command(
    short_help="Put a table's rows in an order that queries gain from.",
    epilog=examples(
        "locality optimize sales.locality lineitem --order l_shipdate",
        "locality optimize sales.locality lineitem --order orders.o_orderdate --order l_orderkey",
        "locality optimize sales.locality events --curve day --curve customer",
    ),
)
@store_argument
@click.argument("table")
@click.option(
    "--order",
    metavar="COLUMN",
    multiple=True,
    help="A column of the table, or PARENT.COLUMN of one that a foreign key leads to; the most significant first.",
)
@click.option(
    "--curve",
    metavar="COLUMN",
    multiple=True,
    help="Columns that filters use alike: rows lie near each other in all of them, among rows equal in the order.",
)
@click.option("--layout", metavar="NAME", help="Make a further copy of the rows, of this name.")
@click.option("--column", "columns", metavar="COLUMN", multiple=True, help="A column of the copy; default all.")
@threads_option
@click.option("--quiet", "-q", is_flag=True, help="No progress bar and no closing line.")
def optimize(
    store: Path,
    table: str,
    order: tuple[str, ...],
    curve: tuple[str, ...],
    layout: str | None,
    columns: tuple[str, ...],
    threads: int | None,
    quiet: bool,
) -> None:
    """Write the rows of TABLE in STORE again, in the order of some columns, so that filters on them read less.

    All rows stay; a failure or Ctrl-C leaves the store as it was, and other processes read on meanwhile.
    """
    from locality.plan.nodes import PRIMARY

    with open_store(store, threads, read_only=False) as connection:
        if quiet:
            connection.settings.progress = False
        report = connection.optimize(table, order=order, curve=curve, layout=layout or PRIMARY, columns=columns or None)
    if not quiet:
        click.echo(
            f"{report.table}: {quantity(report.rows, 'row')} in the order of {', '.join(report.order)} in "
            f"{duration(report.seconds)}; the table takes {byte_size(report.bytes_stored)}, "
            f"before {byte_size(report.bytes_before)}",
            err=True,
        )


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
