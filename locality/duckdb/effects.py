"""What statements of attached connections leave as it is of names and settings, so that nobody has to ask again."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum
from typing import TypeVar

import duckdb

from locality.duckdb.session import UNSEEN
from locality.sql.written import BEFORE

T = TypeVar("T")
#: Statements that change rows alone, or begin a transaction.
_ROWS = re.compile(BEFORE + r"(insert|update|delete|merge|truncate|checkpoint|begin|start)\b", re.IGNORECASE)
_SETS = re.compile(BEFORE + r"(set|reset)\s+((session|global|local)\s+)?(\w+)", re.IGNORECASE)
#: Statements that are remembered.
_MOST = 1024


class Effect(IntEnum):
    """What a statement may change: at most rows, or settings too (a search path is one), or anything."""

    ROWS = 0
    SETTINGS = 1
    ANYTHING = 2


def effect_of(text: str) -> Effect:
    """The effect of a text on the names and settings that connections have."""
    if ";" in text.rstrip().removesuffix(";"):
        return Effect.ANYTHING
    if _ROWS.match(text):
        return Effect.ROWS
    if (found := _SETS.match(text)) is None:
        return Effect.ANYTHING
    return Effect.ROWS if found[4].lower() in UNSEEN else Effect.SETTINGS


class Ledger:
    """Of all attached connections to a database: the effects of their statements, by DuckDB's count of statements."""

    def __init__(self) -> None:
        self._effects: OrderedDict[int, Effect] = OrderedDict()

    def run(self, text: str, version: Callable[[], int], call: Callable[[], T]) -> T:
        """Run a statement, which ``version`` counts before it is run: a count of one more is its own.

        One that fails may not have been counted, so that the count would be somebody else's.
        """
        if (effect := effect_of(text)) is Effect.ANYTHING:
            return call()
        try:
            before = version()
        except duckdb.ConnectionException:  # closed, which the call says in its own words
            return call()
        value = call()
        if version() == before + 1:
            self._effects[before] = effect
            if len(self._effects) > _MOST:
                self._effects.popitem(last=False)
        return value

    def between(self, since: int, now: int) -> Effect:
        """What the statements may have changed that were counted from one count to a later one."""
        if now - since > _MOST:
            return Effect.ANYTHING
        return max((self._effects.get(each, Effect.ANYTHING) for each in range(since, now)), default=Effect.ROWS)
