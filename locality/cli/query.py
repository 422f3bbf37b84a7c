"""``locality sql`` and ``locality explain``: questions to a store."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import click

from locality.cli.formats import BINARY, FORMATS, format_of, write
from locality.cli.options import Decorator, examples, open_store, store_argument, threads_option
from locality.cli.parameters import parse_named, parse_value


def _query_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    """The query's text (argument, standard input or file) and its parameters."""
    decorators: tuple[Decorator, ...] = (
        store_argument,
        click.argument("query", metavar="[SQL]", required=False),
        click.option("--file", "-f", type=click.File(encoding="utf-8"), help="Read the SQL from a file."),
        click.option(
            "--param",
            "-p",
            "values",
            metavar="VALUE",
            multiple=True,
            help="Value of the next ? of the SQL.",
        ),
        click.option("--named", metavar="NAME=VALUE", multiple=True, help="Value of $NAME in the SQL."),
        threads_option,
    )
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def _sql_text(query: str | None, file: IO[str] | None) -> str:
    if (query is None) == (file is None):
        raise click.UsageError("give the SQL as an argument (- for standard input) or by --file, one of the two")
    if file is not None:
        return file.read()
    return sys.stdin.read() if query == "-" else str(query)


def _parameters(values: tuple[str, ...], named: tuple[str, ...]) -> list[Any] | dict[str, Any] | None:
    if values and named:
        raise click.UsageError("--param (for ?) and --named (for $NAME) can't be mixed")
    return [parse_value(value) for value in values] or dict(parse_named(pair) for pair in named) or None


@click.command(
    short_help="Answer SQL over a store's tables.",
    epilog=examples(
        'locality sql sales.locality "select count(*) from lineitem"',
        'locality sql sales.locality "select * from lineitem where l_shipdate = ?" -p 1998-09-02',
        "locality sql sales.locality --file report.sql --output report.csv",
        "echo 'select 42' | locality sql sales.locality - --format json",
        "locality sql sales.locality --write \"delete from lineitem where l_shipdate < '1993-01-01'\"",
    ),
)
@_query_arguments
@click.option("--format", "-F", "format_name", type=click.Choice(list(FORMATS)), help="A table by default.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to a file; its suffix sets the format.",
)
@click.option("--max-rows", type=click.IntRange(min=1), metavar="N", help="Rows of the printed table; 20 by default.")
@click.option(
    "--profile",
    "--timing",
    "show_profile",
    is_flag=True,
    help="Say on stderr who answered, and the bytes.",
)
@click.option(
    "--write", "writes", is_flag=True, help="Let the SQL change the store; without it the store is only read."
)
def sql(
    store: Path,
    query: str | None,
    file: IO[str] | None,
    values: tuple[str, ...],
    named: tuple[str, ...],
    threads: int | None,
    format_name: str | None,
    output: Path | None,
    max_rows: int | None,
    show_profile: bool,
    writes: bool,
) -> None:
    """Answer SQL over the tables of STORE.

    Any SELECT that DuckDB accepts; with --write also DELETE, UPDATE, INSERT, MERGE, CREATE TABLE and DROP TABLE. What
    Locality's own operators can't do yet is answered by DuckDB over the same data; --profile says which of the two it
    was, and why. Values of parameters are null, true, false, numbers, or else text; '"5"' is the text 5.
    """
    chosen = format_of(format_name, output)
    if chosen in BINARY and output is None:
        raise click.UsageError(f"{chosen} is not text: say where to write it with --output")
    text, parameters = _sql_text(query, file), _parameters(values, named)
    with open_store(store, threads, read_only=not writes, workload_log=True) as connection:
        result = connection.sql(text, parameters)
        write(result, chosen, output, max_rows)
        if show_profile:
            click.echo(result.profile.summary, err=True)


@click.command(
    short_help="Show a query's plan, and the bytes it moves.",
    epilog=examples(
        'locality explain sales.locality "select count(*) from lineitem where l_quantity < 24"',
        'locality explain sales.locality "select sum(l_tax) from lineitem" --analyze',
    ),
)
@_query_arguments
@click.option("--analyze", is_flag=True, help="Run the query, and show bytes and seconds of each operator.")
def explain(
    store: Path,
    query: str | None,
    file: IO[str] | None,
    values: tuple[str, ...],
    named: tuple[str, ...],
    threads: int | None,
    analyze: bool,
) -> None:
    """Show the plan of SQL over STORE: operators, and what is pruned; with --analyze also the bytes that it moved."""
    text, parameters = _sql_text(query, file), _parameters(values, named)
    with open_store(store, threads) as connection:
        click.echo(str(connection.explain(text, parameters, analyze=analyze)))
