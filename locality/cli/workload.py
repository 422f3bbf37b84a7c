"""``locality workload``: what was asked of a store."""

from __future__ import annotations

import json
from pathlib import Path

import click

from locality.cli.options import examples, open_store, store_argument


@click.command(
    short_help="Show what was asked of a store.",
    epilog=examples("locality workload sales.locality", "locality workload sales.locality --clear"),
)
@store_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the examples of each query.")
@click.option("--clear", is_flag=True, help="Forget it all.")
def workload(store: Path, as_json: bool, clear: bool) -> None:
    """Show the queries that were asked of STORE, those that took the most time lately first.

    Queries that differ in constants alone are one. The log is in the store, for its owner alone to read.
    """
    with open_store(store, workload_log=True) as connection:
        if clear:
            connection.clear_workload()
            return
        asked = connection.workload()
    click.echo(json.dumps(asked.to_dict(), indent=2) if as_json else str(asked))
