"""Parameters of a query: values are bound by DuckDB, and never become SQL text.

DuckDB can't serialise the plan of a statement with open parameters. So each value is bound to a session variable of
the shadow, and each parameter's place in the text (known from DuckDB's parse tree) is taken by ``getvariable(...)``,
which binds to a constant just as a parameter with a value does. One difference is evened out: an integer variable
counts as an untyped literal, an integer parameter as a value of its type, hence the cast.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from locality.errors import QueryError, Unsupported
from locality.sql.quoting import string
from locality.sql.stability import objects_in
from locality.sql.tokens import tokens_of
from locality.types import INTEGRAL

#: What users pass: values for ``?`` and ``$1`` in order, or by name for ``$name``.
Parameters = Sequence[object] | Mapping[str, object]

_INTEGRAL = INTEGRAL | {"HUGEINT", "UHUGEINT"}


def places(tree: Any) -> list[tuple[int, int, str]]:
    """Every parameter in a parse tree or a bound plan as (byte offset, bytes, name), by offset."""
    found = {
        (node["query_location"], node["query_location_length"], node["identifier"])
        for node in objects_in(tree)
        if node.get("class") == "PARAMETER" or node.get("expression_class") == "BOUND_PARAMETER"
    }
    return sorted(found)


def values_by_name(params: Parameters) -> dict[str, object]:
    """The values by the names that DuckDB gives to parameters: "1", "2", ... for positional ones."""
    if isinstance(params, Mapping):
        return {str(name): value for name, value in params.items()}
    return {str(position): value for position, value in enumerate(params, 1)}


def by_name(params: Parameters | None) -> Mapping[str, object] | None:
    """As :func:`values_by_name`, None for none."""
    return None if params is None else values_by_name(params)


def shape(sql: str, params: Parameters | None) -> Hashable:
    """What statements have in common that differ in the values of their parameters alone."""
    return sql, None if params is None else tuple((name, type(v)) for name, v in values_by_name(params).items())


def numbered(sql: str) -> str | None:
    """The text with ``$1``, ``$2``, ... in the place of ``?``, so that parts of it mean the same values.

    None for a text where DuckDB might count otherwise: with numbers already, or an operator that begins so.
    """
    tokens = tokens_of(sql)
    marks = [token for token in tokens if token.text == "?"]
    if marks and any(token.text == "$" or (token.text == "?" and token.end == after.start and _JOINS.match(after.text))
                     for token, after in pairwise(tokens)):  # fmt: skip
        return None
    text = sql.encode()
    for number, mark in reversed([*enumerate(marks, 1)]):
        text = text[: mark.start] + f"${number}".encode() + text[mark.end :]
    return text.decode()


#: What makes one thing of a question mark and what follows.
_JOINS = re.compile(r"[\w|&?]")


def of_part(sql: str, values: Mapping[str, object] | None) -> dict[str, object] | None:
    """The values of those parameters that a part of a text names."""
    if values is None:
        return None
    named = {after.text for token, after in pairwise(tokens_of(sql)) if token.text == "$"}
    return {name: value for name, value in values.items() if name.lower() in named} or None


def variable(name: str) -> str:
    """The session variable that stands for a parameter."""
    return f"locality parameter {name}"


def reference(name: str, dtype: str) -> str:
    """The SQL that stands for a parameter whose variable has this DuckDB type."""
    text = f"getvariable({string(variable(name))})"
    return f"CAST({text} AS {dtype})" if dtype in _INTEGRAL else text


def references(names: Iterable[str], types: Iterable[str]) -> dict[str, str]:
    """The SQL that stands for each parameter, given the DuckDB types of their variables."""
    return {name: reference(name, dtype) for name, dtype in zip(names, types, strict=True)}


def substitute(sql: str, found: Sequence[tuple[int, int, str]], texts: Mapping[str, str]) -> str:
    """``sql`` with every parameter replaced by its SQL in ``texts``, by name."""
    text = sql.encode()
    parts, start = [], 0
    for offset, length, name in found:
        if text[offset : offset + 1] not in (b"?", b"$") or name not in texts:
            raise Unsupported("parameter whose place in the text is unclear")
        parts += [text[start:offset], f" {texts[name]} ".encode()]
        start = offset + length
    return b"".join([*parts, text[start:]]).decode()


def check(params: object) -> Parameters | None:
    """``params`` if they are a sequence or a mapping with something in it, None if there are none."""
    if params is None:
        return None
    if isinstance(params, (str, bytes)) or not isinstance(params, (Sequence, Mapping)):
        raise QueryError(f"params must be a list of values or a dict of values by name, not {type(params).__name__}")
    return params if len(params) else None
