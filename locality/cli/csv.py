"""Options for CSV files; each is one of DuckDB's ``read_csv``, whose sniffing decides on what is not given."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import click


def _types(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    types = {}
    for value in values:
        column, equals, name = value.rpartition("=")
        if not (equals and column.strip() and name.strip()):
            raise click.BadParameter(f"{value!r} is not of the form COLUMN=TYPE")
        types[column.strip()] = name.strip()
    return types


_OPTIONS = (
    click.option("--delimiter", "delim", metavar="TEXT", help="CSV: what separates values, such as ';' or '\\t'."),
    click.option("--quote", metavar="CHAR", help="CSV: what surrounds values with delimiters in them."),
    click.option(
        "--header/--no-header", default=None, help="CSV: whether the first line has the names of the columns."
    ),
    click.option("--skip", type=click.IntRange(min=0), metavar="N", help="CSV: lines to skip at the start."),
    click.option(
        "--null", "nullstr", metavar="TEXT", multiple=True, help="CSV: text that means NULL; may be repeated."
    ),
    click.option("--date-format", "dateformat", metavar="FORMAT", help="CSV: how dates are written, such as %d.%m.%Y."),
    click.option("--timestamp-format", "timestampformat", metavar="FORMAT", help="CSV: how timestamps are written."),
    click.option("--decimal-separator", metavar="CHAR", help="CSV: what separates a number's fraction."),
    click.option(
        "--type",
        "types",
        metavar="COLUMN=TYPE",
        multiple=True,
        callback=_types,
        help="CSV: a column's type; repeatable.",
    ),
)


def csv_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, under the names that ``read_csv`` knows them by."""
    return reduce(lambda function, option: option(function), reversed(_OPTIONS), command)


def given(options: dict[str, Any]) -> dict[str, Any] | None:
    """Those of the options that were given; None if none was."""
    found = {name: list(value) if name == "nullstr" else value for name, value in options.items()}
    return {name: value for name, value in found.items() if value not in (None, [], {})} or None
