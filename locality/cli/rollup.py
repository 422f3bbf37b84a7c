"""``locality rollup`` and ``drop-rollup``: stored aggregations that answer queries."""

from __future__ import annotations

from pathlib import Path

import click

from locality.cli.options import examples, open_store, store_argument, threads_option
from locality.units import byte_size, duration, quantity


@click.command(
    short_help="Store an aggregation that queries are answered from.",
    epilog=examples(
        'locality rollup sales.locality --name daily "select day, country, sum(amount) from events group by all"'
    ),
)
@store_argument
@click.option("--name", metavar="NAME", required=True, help="What it is called; one of that name is made anew.")
@click.argument("query", metavar="SQL")
@threads_option
@click.option("--quiet", "-q", is_flag=True, help="No closing line.")
def rollup(store: Path, name: str, query: str, threads: int | None, quiet: bool) -> None:
    """Store what SQL, which selects groups and aggregates of one table of STORE, gives.

    Queries that can be told from it are then answered from it. It follows what is appended to the table, deleted and
    updated.
    """
    with open_store(store, threads, read_only=False) as connection:
        report = connection.rollup(name, query)
    if not quiet:
        click.echo(
            f"{report.name}: {quantity(report.rows, 'row')} of {report.table}'s {report.table_rows:,}, "
            f"{byte_size(report.bytes_stored)} in {duration(report.seconds)}",
            err=True,
        )


@click.command(
    "drop-rollup", short_help="Remove a rollup.", epilog=examples("locality drop-rollup sales.locality daily")
)
@store_argument
@click.argument("name")
def drop_rollup(store: Path, name: str) -> None:
    """Remove the rollup NAME from STORE; the table stays as it is."""
    with open_store(store, read_only=False) as connection:
        connection.drop_rollup(name)
