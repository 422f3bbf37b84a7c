"""Parameters of a query: values are bound by DuckDB, and never become SQL text.

DuckDB can't serialise the plan of a statement with open parameters. So each value is bound to a session variable of
the shadow, and each parameter's place in the text (where DuckDB's tokenizer finds it) is taken by ``getvariable(...)``,
which binds to a constant just as a parameter with a value does. One difference is evened out: an integer variable
counts as an untyped literal, an integer parameter as a value of its type, hence the cast.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from locality.errors import QueryError, Unsupported
from locality.sql.given import Parameters
from locality.sql.quoting import string
from locality.sql.stability import objects_in
from locality.sql.tokens import lexemes_of
from locality.types import INTEGRAL

_PARAMETER = re.compile(rb'\?(\d*)|\$([\w\x80-\xff]+|"[^"]+")')
_INTEGRAL = INTEGRAL | {"HUGEINT", "UHUGEINT"}


def names_in(tree: Any) -> set[str]:
    """The names of the parameters in a parse tree or a bound plan."""
    return {
        node["identifier"]
        for node in objects_in(tree)
        if node.get("class") == "PARAMETER" or node.get("expression_class") == "BOUND_PARAMETER"
    }


def places(sql: str, names: Collection[str]) -> tuple[tuple[int, int, str], ...]:
    """Every parameter in a text as (byte offset, bytes, name), by offset; Unsupported if they are not of these names.

    DuckDB's parse tree says where they are since 2.0, but not for statements other than SELECT.
    """
    text, last = sql.encode(), 0
    found = []
    for each in lexemes_of(sql):
        if each.text in ("?", "$") and (written := _PARAMETER.match(text, each.start)):
            name = (written[1] or written[2] or b"").decode().strip('"') or str(last + 1)
            last = max(last, int(name)) if name.isdecimal() else last
            found.append((each.start, written.end() - each.start, name))
    if {name for _, _, name in found} != set(names):
        raise Unsupported("parameter whose place in the text is unclear")
    return tuple(found)


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
        if name not in texts:
            raise Unsupported("parameter whose place in the text is unclear")
        parts += [text[start:offset], f" {texts[name]} ".encode()]
        start = offset + length
    return b"".join([*parts, text[start:]]).decode()


def check(params: object) -> Parameters | None:
    """``params`` if they are a sequence or a mapping with something in it, None if there are none."""
    if params is None:
        return None
    if isinstance(params, (str, bytes)) or not isinstance(params, (Sequence, Mapping)):
        raise QueryError(f"params must be a list of values or a dict of values by name, not {params!r}")
    return params if len(params) else None
