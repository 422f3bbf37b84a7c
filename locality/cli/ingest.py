"""``locality ingest``: files into a table of a store."""

from __future__ import annotations

import re
import time
from pathlib import Path

import click

from locality.cli.options import examples, open_store, store_argument, threads_option
from locality.cli.text import quantity

_FOREIGN_KEY = re.compile(r"\s*([^=()]+?)\s*=\s*([^=()]+?)\s*\(([^()]+)\)\s*")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _primary_key(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not _names(value):
        raise click.BadParameter("give the key's columns, separated by commas")
    return _names(value)


def _foreign_keys(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] | None:
    keys = []
    for value in values:
        match = _FOREIGN_KEY.fullmatch(value)
        if match is None:
            raise click.BadParameter(f"{value!r} is not of the form COLUMNS=TABLE(COLUMNS)")
        keys.append((_names(match[1]), match[2], _names(match[3])))
    return tuple(keys) or None


@click.command(
    short_help="Ingest files into a table.",
    epilog=examples(
        "locality ingest sales.locality lineitem lineitem.parquet",
        "locality ingest sales.locality events 'events/2025-*.csv' --mode append",
        "locality ingest sales.locality orders orders.parquet --primary-key o_orderkey",
        "locality ingest sales.locality lineitem lineitem.parquet --mode replace \\",
        "    --foreign-key 'l_orderkey=orders(o_orderkey)'",
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
    metavar="COLUMNS=TABLE(COLUMNS)",
    multiple=True,
    callback=_foreign_keys,
    help="Columns that refer to another table's key; checked, and kept. May be given several times.",
)
@threads_option
@click.option("--quiet", "-q", is_flag=True, help="No progress bar and no closing line.")
def ingest(
    store: Path,
    table: str,
    sources: tuple[str, ...],
    mode: str,
    primary_key: tuple[str, ...] | None,
    foreign_keys: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Ingest files into TABLE of STORE; the store is created if it is missing.

    SOURCE is a path or a glob pattern of Parquet, CSV or Arrow IPC files, all of one schema. The rows become visible
    together when all are stored; a failure or Ctrl-C leaves the store as it was.
    """
    started = time.perf_counter()
    with open_store(store, threads, read_only=False) as connection:
        if quiet:
            connection.settings.progress = False
        source = sources[0] if len(sources) == 1 else list(sources)
        connection.ingest(table, source, mode=mode, primary_key=primary_key, foreign_keys=foreign_keys)
        if not quiet:
            row = connection.sql(f"select count(*) from {_quoted(table)}").fetchone()
            rows = row[0] if row else 0
            click.echo(f"{table}: {quantity(rows, 'row')} after {time.perf_counter() - started:.1f} s", err=True)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
