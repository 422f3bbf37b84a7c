"""The words of a statement, as DuckDB's own tokenizer cuts it: for statements whose parse tree DuckDB does not tell."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import duckdb

from locality.sql import versions


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A word as it stands in a text; start, end: its bytes. kind: one of ``duckdb.token_type``."""

    text: str
    start: int
    end: int
    kind: object


def lexemes_of(sql: str) -> Iterator[Lexeme]:
    """The words, names, literals and operators of a text in order, without comments."""
    text = sql.encode()
    uncommented = versions.installed().uncommented
    if uncommented is not None:
        text = uncommented(text)
    cut = duckdb.tokenize(text.decode())
    for (start, kind), (stop, _) in itertools.pairwise([*cut, (len(text), None)]):
        if kind != duckdb.token_type.comment:
            end = start + len(text[start:stop].rstrip())
            if _NUMBERED.match(text, start, end):
                yield Lexeme(text[start : start + 1].decode(), start, start + 1, kind)
                start, kind = start + 1, duckdb.token_type.numeric_const
            yield Lexeme(text[start:end].decode(), start, end, kind)


#: A numbered parameter, which is one token in DuckDB 1.5.
_NUMBERED = re.compile(rb"[?$]\d+")


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
    tokens: list[Token] = []
    opened: list[int] = []
    for each in lexemes_of(sql):
        word, is_keyword = each.text.strip('"').lower(), each.kind == duckdb.token_type.keyword
        if (word in _CLOSING or (word == "end" and is_keyword)) and opened:
            first = opened.pop()
            tokens[first] = replace(tokens[first], partner=len(tokens))
        tokens.append(Token(word, each.start, each.end, len(opened), is_keyword))
        if word in _OPENING or (word == "case" and is_keyword):
            opened.append(len(tokens) - 1)
    return tokens


_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


def words_of(sql: str) -> list[str]:
    """Words, names (without quotes), literals and operators in order, in lower case; no comments."""
    return [each.text.strip('"').lower() for each in lexemes_of(sql)]


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
