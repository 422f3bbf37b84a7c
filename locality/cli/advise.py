"""``locality advise``: how the tables of a store should lie for a workload."""

from __future__ import annotations

import json
from pathlib import Path

import click

from locality.cli.options import (
    budget_option,
    examples,
    open_store,
    picture_option,
    rollups_option,
    store_argument,
    threads_option,
    workload_option,
)


@click.command(
    short_help="Propose layouts of tables for a workload.",
    epilog=examples(
        "locality advise sales.locality",
        "locality advise sales.locality --budget 1.5x --picture layouts.html",
        "locality advise sales.locality --workload queries.sql --json",
    ),
)
@store_argument
@workload_option
@budget_option
@rollups_option
@picture_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@threads_option
def advise(
    store: Path,
    workload: Path | None,
    budget: str | None,
    rollups: bool,
    picture: Path | None,
    as_json: bool,
    threads: int | None,
) -> None:
    """Propose how the tables of STORE should lie for a workload, and say what that is worth to each query.

    Nothing is written to it. Bytes that queries would move are predicted from samples; only what pays is proposed.
    """
    from locality.advisor.picture import write_picture

    with open_store(store, threads) as connection:
        advice = connection.advise(workload, budget, rollups=rollups)
    if picture is not None:
        write_picture(advice.maps, picture)
    click.echo(json.dumps(advice.to_dict(), indent=2) if as_json else str(advice))
