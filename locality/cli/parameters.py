"""Values of query parameters, as they are written on the command line."""

from __future__ import annotations

import re
from decimal import Decimal

import click

Value = None | bool | int | Decimal | float | str

_WORDS: dict[str, Value] = {"null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+)")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")


def parse_value(text: str) -> Value:
    """The value of ``text``: null, true, false, a number, text in double quotes, or any other text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text


def parse_named(pair: str) -> tuple[str, Value]:
    """``NAME=VALUE``; raises click.BadParameter for anything else."""
    name, equals, value = pair.partition("=")
    name = name.strip().removeprefix("$")
    if not equals or not name.isidentifier():
        raise click.BadParameter(f"{pair!r} is not of the form NAME=VALUE", param_hint="--named")
    return name, parse_value(value)
