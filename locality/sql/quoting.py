"""Text of SQL: what comes from users, and the only two ways in which names enter it."""

from __future__ import annotations

from locality.errors import QueryError


def checked(sql: str) -> str:
    """``sql`` as it is; raises QueryError if it can't be encoded (half of a surrogate pair)."""
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise QueryError(f"the query is not valid Unicode: {error.reason} at character {error.start}") from None
    return sql


def identifier(name: str) -> str:
    """``name`` as a quoted identifier, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def string(text: str) -> str:
    """``text`` as a string literal; for generated names, never for data, which is bound."""
    return "'" + text.replace("'", "''") + "'"
