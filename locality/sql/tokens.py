"""The words of a statement, as DuckDB's own tokenizer cuts it: for statements whose parse tree DuckDB does not tell."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Literal

import duckdb


@dataclass(frozen=True)
class Token:
    """A word, name, literal, operator or parenthesis.

    text: in lower case, names without quotes. start, end: its bytes in the text. depth: how many parentheses, brackets
    and CASEs are open around it. partner: of an opening parenthesis that is closed, the position of the closing token.
    """

    text: str
    start: int
    end: int
    depth: int
    is_keyword: bool
    partner: int | None = None


def tokens_of(sql: str) -> list[Token]:
    """The tokens in order; no comments."""
    text = sql.encode()
    cut = duckdb.tokenize(sql)
    ends = [*(start for start, _ in cut[1:]), len(text)]
    tokens: list[Token] = []
    opened: list[int] = []
    for (start, kind), end in zip(cut, ends, strict=True):
        if kind == _COMMENT:
            continue
        written = text[start:end].decode().rstrip()
        word, is_keyword = written.strip('"').lower(), kind == duckdb.token_type.keyword
        if (word in _CLOSING or (word == "end" and is_keyword)) and opened:
            first = opened.pop()
            tokens[first] = replace(tokens[first], partner=len(tokens))
        tokens.append(Token(word, start, start + len(written.encode()), len(opened), is_keyword))
        if word in _OPENING or (word == "case" and is_keyword):
            opened.append(len(tokens) - 1)
    return tokens


_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


def words_of(sql: str) -> list[str]:
    """Words, names (without quotes), literals and operators in order, in lower case; no comments."""
    text = sql.encode()
    tokens = duckdb.tokenize(sql)
    ends = [*(start for start, _ in tokens[1:]), len(text)]
    parts = [text[start:end] for (start, kind), end in zip(tokens, ends, strict=True) if kind != _COMMENT]
    return [part.decode().strip().strip('"').lower() for part in parts]


_COMMENT = duckdb.token_type.comment


def functions_of(sql: str) -> set[str]:
    """The words that may be names of functions which the statement calls."""
    words = words_of(sql)
    called = {word for word, following in itertools.pairwise(words) if following.startswith("(")}
    return called | _WITHOUT_PARENTHESES.intersection(words)


#: Functions of the session that SQL calls by their names alone.
_WITHOUT_PARENTHESES = frozenset(
    {"user", "current_user", "session_user", "current_role", "current_catalog", "current_schema", "current_database"}
)


def copies_in(sql: str) -> bool:
    """Whether a COPY reads a file into a table, rather than write one."""
    depth = 0
    for word in words_of(sql):
        depth += (word == "(") - (word == ")")
        if depth == 0 and word in ("from", "to"):
            return word == "from"
    return False


def existing_table(sql: str) -> Literal["refuse", "keep", "replace"]:
    """What CREATE TABLE says of a table of the same name: OR REPLACE, IF NOT EXISTS, or nothing."""
    words = words_of(sql)
    place = words.index("table")
    if "replace" in words[:place]:
        return "replace"
    return "keep" if words[place + 1 : place + 4] == ["if", "not", "exists"] else "refuse"
