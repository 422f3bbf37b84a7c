"""Parameters on the command line become the values that the same literal has in SQL."""

from __future__ import annotations

from decimal import Decimal

import click
import duckdb
import pytest

from locality.cli.parameters import parse_named, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("NULL", None),
        ("true", True),
        ("False", False),
        ("7", 7),
        ("-9223372036854775808", -(2**63)),
        ("1.50", Decimal("1.50")),
        (".5", Decimal("0.5")),
        ("1e3", 1000.0),
        ("1994-01-01", "1994-01-01"),
        ("", ""),
        ("nan", "nan"),
        ("1.2.3", "1.2.3"),
        ('"5"', "5"),
        ('"', '"'),
        ("it's", "it's"),
    ],
)
def test_values(text: str, value: object) -> None:
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize("text", ["7", "-1.25", "2.5e-3", "true", "null"])
def test_numbers_are_those_of_sql(text: str) -> None:
    literal, bound = duckdb.connect().execute(f"select {text}, ?", [parse_value(text)]).fetchall()[0]
    assert literal == bound


@pytest.mark.parametrize(
    ("pair", "expected"),
    [("day=1994-01-01", ("day", "1994-01-01")), ("$n=5", ("n", 5)), ("s=a=b", ("s", "a=b")), ("s=", ("s", ""))],
)
def test_named_values(pair: str, expected: tuple[str, object]) -> None:
    assert parse_named(pair) == expected


@pytest.mark.parametrize("pair", ["5", "=5", "a b=5", "1=2"])
def test_other_named_values_are_usage_errors(pair: str) -> None:
    with pytest.raises(click.BadParameter, match="NAME=VALUE"):
        parse_named(pair)
