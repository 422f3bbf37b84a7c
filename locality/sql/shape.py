"""The shape of a statement: its text without constants, comments and layout, the same however it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import duckdb

from locality.sql.tokens import lexemes_of

_CONSTANTS = frozenset({duckdb.token_type.numeric_const, duckdb.token_type.string_const})
#: Lists of constants of any length are one shape.
_LIST = re.compile(r"\bin \( \?(?: , \?)+ \)")
_TIGHT = re.compile(r" (?=[,).])|(?<=[(.$]) ")


@dataclass(frozen=True, slots=True)
class Shape:
    """text: constants are ``?``, words in lower case. names: the words that may be names of tables, in lower case."""

    text: str
    names: frozenset[str]


@lru_cache(maxsize=16)  # several ask of a statement, one after the other
def shape_of(sql: str) -> Shape:
    """The shape of one statement, be it right or not."""
    words, names = [], set()
    for each in lexemes_of(sql):
        word = each.text
        if each.kind in _CONSTANTS and word != ".":
            word = "?"
        if each.kind in (duckdb.token_type.identifier, duckdb.token_type.keyword):
            names.add(word.strip('"').lower())
            word = word if word.startswith('"') else word.lower()
        words.append(word)
    joined = _LIST.sub("in ( ? )", " ".join(words).rstrip("; "))
    return Shape(_TIGHT.sub("", joined), frozenset(names))
