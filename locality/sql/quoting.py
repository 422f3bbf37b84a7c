"""The only two ways in which names become text of SQL."""

from __future__ import annotations


def identifier(name: str) -> str:
    """``name`` as a quoted identifier, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def string(text: str) -> str:
    """``text`` as a string literal; for generated names, never for data, which is bound."""
    return "'" + text.replace("'", "''") + "'"
