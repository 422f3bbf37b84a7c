"""``locality info`` and ``locality verify``: what a store holds, and whether it is whole."""

from __future__ import annotations

from pathlib import Path

import click

from locality.cli.options import examples, open_store, store_argument


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
