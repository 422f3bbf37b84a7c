"""Where the query stands in a statement that writes what it gives: into a new table, a table, or a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from locality.sql.tokens import Token, tokens_of

#: What a query begins with.
BEGINS = frozenset({"select", "with", "from"})
#: What may stand before a statement, as a pattern: tools put comments there.
BEFORE = r"(?s:(?:\s+|--[^\n]*|/\*.*?\*/)*+)"
#: What a text begins with that may write what a query gives.
_WRITES = re.compile(BEFORE + r"(create|insert|copy)\b.*\b(select|from)\b", re.IGNORECASE | re.DOTALL)
#: What changes rows, as a statement, or within the WITH of a query.
_CHANGES = frozenset({"insert", "update", "delete", "merge", "truncate"})
_CHANGE = re.compile(r"\b(insert|update|delete|merge|truncate)\b", re.IGNORECASE)


def may_write(sql: str) -> bool:
    """Whether a text may be a statement with a query whose rows it writes."""
    return _WRITES.match(sql) is not None


def changes_rows(sql: str) -> bool:
    """Whether a text may change rows by a word of its own, behind a WITH perhaps: it may be a column's, too."""
    return _CHANGE.search(sql) is not None and any(
        token.text in _CHANGES and token.depth == 0 for token in tokens_of(sql)
    )


def changes_within(sql: str) -> bool:
    """Whether a text may be a query that changes rows by what its WITH holds: when its rows are fetched, if ever."""
    return _CHANGE.search(sql) is not None and any(
        token.text in _CHANGES and token.depth > 0 and before.text in ("(", ")")
        for before, token in pairwise(tokens_of(sql))
    )


def written_query(tokens: Sequence[Token]) -> tuple[int, int] | None:
    """The first token of the query and the one behind its last; None for other statements.

    The rows of the query, in order, under its columns' names, are all that the rest of the statement knows of it.
    """
    match [token.text for token in tokens[:4]]:
        case ["create", *_]:
            start = _of_create(tokens)
        case ["insert", "into", *_] | ["insert", "or", _, "into"]:
            found = (i for i in _outside(tokens, 2) if tokens[i].text == "values" or _begins(tokens, i))
            start = next(found, None)
        case ["copy", "(", *_]:
            partner = tokens[1].partner
            start = 1 if partner is not None and [t.text for t in tokens[partner + 1 : partner + 2]] == ["to"] else None
        case _:
            start = None
    return None if start is None else _bare(tokens, start, _end(tokens, start))


def _of_create(tokens: Sequence[Token]) -> int | None:
    index = 1
    while index < len(tokens) and tokens[index].text in ("or", "replace", "temp", "temporary"):
        index += 1
    if index == len(tokens) or tokens[index].text != "table":
        return None
    found = next((i for i in _outside(tokens, index) if tokens[i].text == "as" and tokens[i].is_keyword), None)
    return None if found is None or not _begins(tokens, found + 1) else found + 1


def _outside(tokens: Sequence[Token], start: int) -> Iterator[int]:
    """The tokens outside parentheses."""
    return (i for i in range(start, len(tokens)) if tokens[i].depth == 0)


def _begins(tokens: Sequence[Token], index: int) -> bool:
    """Whether a query begins here, in parentheses perhaps."""
    while index < len(tokens) and tokens[index].text == "(":
        index += 1
    return index < len(tokens) and tokens[index].text in BEGINS and tokens[index].is_keyword


def _end(tokens: Sequence[Token], start: int) -> int:
    if tokens[start].text == "(" and tokens[0].text == "copy":
        return (tokens[start].partner or start) + 1
    for index in _outside(tokens, start):
        following = tokens[index + 1].text if index + 1 < len(tokens) else ""
        if tokens[index].text == "returning" or (tokens[index].text == "on" and following == "conflict"):
            return index
    return len(tokens)


def _bare(tokens: Sequence[Token], start: int, stop: int) -> tuple[int, int]:
    """The tokens without the parentheses around all of them."""
    while tokens[start].text == "(" and tokens[start].partner == stop - 1:
        start, stop = start + 1, stop - 1
    return start, stop
