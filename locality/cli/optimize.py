"""``locality optimize``: the tables of a store laid out for what is asked of them, or as told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from locality.cli.options import (
    budget_option,
    examples,
    open_store,
    rollups_option,
    store_argument,
    threads_option,
    workload_option,
)
from locality.units import byte_size, duration, quantity

if TYPE_CHECKING:
    from locality.storage.rewrite import RewriteReport


@click.command(
    short_help="Lay tables out for what is asked of them.",
    epilog=examples(
        "locality optimize sales.locality",
        "locality optimize sales.locality --workload queries.sql --budget 1.5x",
        "locality optimize sales.locality lineitem --order l_shipdate",
        "locality optimize sales.locality lineitem --order orders.o_orderdate --order l_orderkey",
        "locality optimize sales.locality lineitem --order orders.o_orderdate --carry orders.o_orderdate",
        "locality optimize sales.locality events --curve day --curve customer",
        "locality optimize sales.locality lineitem --drop by_l_shipdate",
    ),
)
@store_argument
@click.argument("table", required=False)
@workload_option
@budget_option
@rollups_option
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
@click.option(
    "--carry",
    metavar="COLUMN",
    multiple=True,
    help="PARENT.COLUMN to store with the rows, so that queries need not join for it; PARENT.rowid for its position.",
)
@click.option("--drop", metavar="NAME", help="Remove the further copy of this name.")
@threads_option
@click.option("--quiet", "-q", is_flag=True, help="No progress bar and no closing lines.")
def optimize(
    store: Path,
    table: str | None,
    workload: Path | None,
    budget: str | None,
    rollups: bool,
    order: tuple[str, ...],
    curve: tuple[str, ...],
    layout: str | None,
    columns: tuple[str, ...],
    carry: tuple[str, ...],
    drop: str | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Carry out what "locality advise" proposes for STORE; or write the rows of TABLE in an order of your choice.

    All rows stay; a failure or Ctrl-C leaves the store as it was, and other processes read on meanwhile.
    """
    from locality.plan.nodes import PRIMARY

    placed = order or curve or layout or columns or carry
    if table is None and (placed or drop):
        raise click.UsageError("name the TABLE that --order, --curve, --layout, --column, --carry and --drop are about")
    if table is not None and (workload or budget or rollups):
        raise click.UsageError("--workload, --budget and --rollups are about all tables: leave out the TABLE")
    if drop and placed:
        raise click.UsageError(
            "--drop removes a layout: it goes without --order, --curve, --layout, --column and --carry"
        )
    reports: tuple[RewriteReport, ...] = ()
    with open_store(store, threads, read_only=False) as connection:
        if quiet:
            connection.settings.progress = False
        if table is None:
            advice = connection.advise(workload, budget, rollups=rollups)
            if not quiet:
                click.echo(str(advice))
            reports = connection.optimize(advice)
        elif drop:
            connection.drop_layout(table, drop)
        else:
            report = connection.optimize(
                table,
                order=order,
                curve=curve,
                layout=layout or PRIMARY,
                columns=columns or None,
                carry=carry or None,
            )
            reports = (report,)
    if not quiet:
        for report in reports:
            click.echo(_told(report), err=True)


def _told(report: RewriteReport) -> str:
    order = f" in the order of {', '.join(report.order)}" if report.order else ""
    return (
        f"{report.table}: {quantity(report.rows, 'row')}{order} in "
        f"{duration(report.seconds)}; the table takes {byte_size(report.bytes_stored)}, "
        f"before {byte_size(report.bytes_before)}"
    )
