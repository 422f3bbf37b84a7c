"""Parameters of a query: values are bound by DuckDB, and never become SQL text.

DuckDB can't serialise the plan of a statement with open parameters. So each value is bound to a session variable of
the shadow, and each parameter's place in the text (known from DuckDB's parse tree) is taken by ``getvariable(...)``,
which binds to a constant just as a parameter with a value does. One difference is evened out: an integer variable
counts as an untyped literal, an integer parameter as a value of its type, hence the cast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from locality.errors import QueryError, Unsupported
from locality.sql.given import Parameters
from locality.sql.quoting import string
from locality.sql.stability import objects_in
from locality.types import INTEGRAL

_INTEGRAL = INTEGRAL | {"HUGEINT", "UHUGEINT"}


def places(tree: Any) -> list[tuple[int, int, str]]:
    """Every parameter in a parse tree or a bound plan as (byte offset, bytes, name), by offset."""
    found = {
        (node["query_location"], node["query_location_length"], node["identifier"])
        for node in objects_in(tree)
        if node.get("class") == "PARAMETER" or node.get("expression_class") == "BOUND_PARAMETER"
    }
    return sorted(found)


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
