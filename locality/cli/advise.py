"""``locality advise``: which tables of a store should lie in another order for a workload."""

from __future__ import annotations

import json
from pathlib import Path

import click

from locality.cli.options import examples, open_store, store_argument, threads_option


@click.command(
    short_help="Propose orders of tables for a workload.",
    epilog=examples(
        "locality advise sales.locality",
        "locality advise sales.locality --workload queries.sql --json",
    ),
)
@store_argument
@click.option(
    "--workload",
    "-w",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file of SQL texts separated by semicolons; what can't be answered is told and left out. Default what was "
    "asked of the store: locality workload STORE shows it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@threads_option
def advise(store: Path, workload: Path | None, as_json: bool, threads: int | None) -> None:
    """Run the queries of a workload over STORE, and propose in which order its tables should lie for them.

    Nothing is written. Bytes that queries would move are predicted from samples; only what pays is proposed.
    """
    with open_store(store, threads) as connection:
        advice = connection.advise(workload)
    click.echo(json.dumps(advice.to_dict(), indent=2) if as_json else str(advice))
