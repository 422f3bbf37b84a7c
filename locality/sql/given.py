"""What users pass for the parameters of a statement, by the places in its text."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise

from locality.sql.tokens import tokens_of

#: What users pass: values for ``?`` and ``$1`` in order, or by name for ``$name``.
Parameters = Sequence[object] | Mapping[str, object]

#: What makes one thing of a question mark and what follows.
_JOINS = re.compile(r"[\w|&?]")


def values_by_name(params: Parameters) -> dict[str, object]:
    """The values by the names that DuckDB gives to parameters: "1", "2", ... for positional ones."""
    if isinstance(params, Mapping):
        return {str(name): value for name, value in params.items()}
    return {str(position): value for position, value in enumerate(params, 1)}


def shape(sql: str, params: Parameters | None) -> Hashable:
    """What statements have in common that differ in the values of their parameters alone."""
    return sql, None if params is None else tuple((name, type(v)) for name, v in values_by_name(params).items())


def numbered(sql: str) -> str | None:
    """The text with ``$1``, ``$2``, ... in the place of ``?``, so that parts of it mean the same values.

    None for a text where DuckDB might count otherwise: with numbers already, or an operator that begins so.
    """
    tokens = tokens_of(sql)
    marks = [token for token in tokens if token.text == "?"]
    joined = (
        token.text == "?" and token.end == after.start and _JOINS.match(after.text) for token, after in pairwise(tokens)
    )
    if marks and (any(token.text == "$" for token in tokens) or any(joined)):
        return None
    text = sql.encode()
    for number, mark in reversed([*enumerate(marks, 1)]):
        text = text[: mark.start] + f"${number}".encode() + text[mark.end :]
    return text.decode()


def of_part(sql: str, params: Parameters | None) -> dict[str, object] | None:
    """The values of those parameters that a part of a numbered text names; None for none."""
    if params is None:
        return None
    named = {after.text for token, after in pairwise(tokens_of(sql)) if token.text == "$"}
    return {name: value for name, value in values_by_name(params).items() if name.lower() in named} or None
