"""What may have changed in a database in memory that only connections of ours reach: they tell what they run.

Such a database has no file, whose state would tell. But then nobody else has it either: :func:`attach` opened it. So it
changes while a call is running that one of the attached connections has handed on, and at no other time. Each such call
is watched from before it begins until it has returned, and the tables that it names count as changed with its end, all
of a transaction's with each call of it. While one runs, no layout is used.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import duckdb

from locality.duckdb.alone import Alone
from locality.duckdb.session import words
from locality.duckdb.stamp import Stamp
from locality.errors import Unsupported
from locality.sql.tokens import tokens_of
from locality.sql.written import BEFORE, changes_rows, changes_within, may_write, written_query

T = TypeVar("T")
#: Statements that change no table but those that they name.
_NAMING = re.compile(
    BEFORE + r"(insert|update|delete|merge|create|drop|alter|truncate|copy|set|reset|use|checkpoint|vacuum|analyze"
    r"|comment|deallocate)\b",
    re.IGNORECASE,
)
#: Words of statements that change tables which they don't name: what was prepared, all of a schema, triggers.
_OTHERS = frozenset({"execute", "call", "pragma", "import", "schema", "database", "trigger"})
#: Statements that change nothing, but by queries within that do; EXPLAIN before others; and those that define.
_READS = re.compile(
    BEFORE + r"(\(\s*)*(select|from|with|values|pivot|unpivot|describe|show|summarize)\b", re.IGNORECASE
)
_EXPLAINS = re.compile(BEFORE + r"explain\b\s*(analyze\b)?\s*(\([^)]*\))?", re.IGNORECASE)
_DEFINES = re.compile(
    BEFORE + r"(prepare|create\s+(or\s+replace\s+)?(temp\w*\s+)?(view|macro|function))\b", re.IGNORECASE
)
_BEGINS = re.compile(BEFORE + r"(begin|start)\b", re.IGNORECASE)
_ENDS = re.compile(BEFORE + r"(commit|end|rollback|abort)\b", re.IGNORECASE)
#: Methods that give what changes tables later.
APPENDERS = frozenset({"appender", "query_appender"})
#: Methods that change no table.
_HARMLESS = frozenset(
    {
        *("begin", "commit", "rollback", "checkpoint", "register", "unregister", "create_function", "remove_function"),
        *("install_extension", "load_extension", "register_filesystem", "unregister_filesystem", "interrupt"),
    }
)


class Watch:
    """Of one database; connections on several threads share it."""

    def __init__(self, alone: Alone | None = None) -> None:
        """``alone``: of a database that was opened elsewhere, what tells whether others reach it."""
        self.alone = alone
        self._lock = threading.Lock()
        self._running = 0
        self._clock = 0
        self._changed: dict[str, int] = {}
        self._all_changed: float = 0

    def stamp(self) -> Stamp:
        """The present state; raises Unsupported while it may change."""
        if self.alone is not None:
            self.alone.check()
        with self._lock:
            if self._running:
                raise Unsupported("a statement is running on another connection")
            if self._all_changed == math.inf:
                raise Unsupported(
                    "a query that changes rows was run, or an appender or trigger made, so all tables may change"
                )
            return Stamp((0, 0, self._clock), (), ())

    def is_untouched(self, table: str, since: Stamp) -> bool:
        """Whether a table, by folded name, has the rows that it had in a former state."""
        return max(self._all_changed, self._changed.get(table, 0)) <= since.file[2]

    def run(self, call: Callable[[], T], changed: Callable[[], frozenset[str] | None], *, for_good: bool = False) -> T:
        """Call what may change the database; ``changed`` then says which tables, by folded name, None for any.

        for_good: they may change at any time from now on.
        """
        with self._lock:
            self._running += 1
        try:
            return call()
        finally:
            names = changed()
            with self._lock:
                self._running -= 1
                self._clock += names is None or len(names) > 0
                if names is None:
                    self._all_changed = math.inf if for_good else max(self._clock, self._all_changed)
                else:
                    self._changed.update(dict.fromkeys(names, self._clock))


class Watcher:
    """Tells the watch what one connection runs."""

    def __init__(self, watch: Watch, version: Callable[[], int], *, is_open: bool) -> None:
        """``version`` counts the statements that are no queries; is_open: whether a transaction may be open."""
        self._watch = watch
        self._version = version
        self._is_open = is_open
        self._pending: frozenset[str] | None = None if is_open else frozenset()

    def statements(self, text: str, call: Callable[[], T]) -> T:
        """Run statements."""
        if only_reads(text):
            return call()
        text = _EXPLAINS.sub("", text, count=1)
        return self._run(text, call, writes=changes_within(text))

    def _run(self, text: str, call: Callable[[], T], *, writes: bool) -> T:
        try:
            texts = [text] if ";" not in text else [each.query for each in duckdb.extract_statements(text)]
        except duckdb.Error:  # which the call raises
            texts = [text]
        is_open = self._is_open
        for each in texts:
            is_open = (is_open or _BEGINS.match(each) is not None) and not _ENDS.match(each)
        self._is_open |= any(map(_BEGINS.match, texts))
        changed = None if writes else _union([_changed_by(each) for each in texts])
        for_good = writes or "trigger" in words(text)
        return self._told(call, lambda: changed, is_open=is_open, for_good=for_good)

    def method(self, name: str, texts: Sequence[str], call: Callable[[], T]) -> T:
        """Call a method of a connection, or of one of its relations, with these texts among its arguments."""
        before = self._version()
        self._is_open |= name == "begin"
        writes = any(map(changes_within, texts))

        def changed() -> frozenset[str] | None:
            if name in APPENDERS:
                return None
            if name in _HARMLESS or (self._version() == before and not writes):
                return frozenset()
            return words(texts[0]) if name == "append" and texts else None

        is_open = self._is_open and name not in ("commit", "rollback")
        return self._told(call, changed, is_open=is_open, for_good=writes or name in APPENDERS)

    def _told(
        self, call: Callable[[], T], changed: Callable[[], frozenset[str] | None], *, is_open: bool, for_good: bool
    ) -> T:
        """Until a transaction ends, each of its calls may be the one by which others see what the former did.

        is_open: whether one will be open, if the call returns.
        """

        def of_transaction() -> frozenset[str] | None:
            self._pending = _union([self._pending, changed()])
            return self._pending

        value = self._watch.run(call, of_transaction, for_good=for_good)
        self._is_open = is_open
        if not is_open:
            self._pending = frozenset()
        return value


def only_reads(text: str) -> bool:
    """Whether a text is one query, explained perhaps, that changes nothing."""
    text = _EXPLAINS.sub("", text, count=1)
    return _reads(text) and ";" not in text.rstrip().removesuffix(";") and not changes_within(text)


def _union(names: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    """All of the names, None if one is None."""
    known = [each for each in names if each is not None]
    return frozenset().union(*known) if len(known) == len(names) else None


def _changed_by(text: str) -> frozenset[str] | None:
    """The tables that one statement may change are among these names; None for any."""
    if _reads(text) or any(pattern.match(text) for pattern in (_DEFINES, _BEGINS, _ENDS)):
        return frozenset()
    named = words(text)
    if not (_NAMING.match(text) or _READS.match(text)) or named & _OTHERS:
        return None
    if not may_write(text):
        return named
    tokens = tokens_of(text)
    span = written_query(tokens)
    if span is None:
        return named
    written = text.encode()
    start, stop = tokens[span[0]].start, tokens[span[1] - 1].end
    return words((written[:start] + b" " + written[stop:]).decode())


def _reads(text: str) -> bool:
    """Whether a statement without a change within is a query: not an INSERT, say, whose WITH stands first."""
    return _READS.match(text) is not None and not changes_rows(text)
