"""The clauses of a SELECT, by its tokens: which tables it reads, and under which conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from locality.errors import LocalityError
from locality.sql.tokens import Token

#: What ends the tables, or the conditions, of a SELECT.
_ENDS = frozenset({"where", "group", "having", "window", "qualify", "order", "limit", "offset"})
_SETS = frozenset({"union", "intersect", "except"})
_MODIFIERS = frozenset(
    {"natural", "asof", "positional", "cross", "inner", "left", "right", "full", "semi", "anti", "outer"}
)
#: Joins whose ON is a condition like any other, and those after which a column of USING is that of the left side.
_PLAIN = frozenset({"", "inner", "cross"})
_LEFT = frozenset({"", "inner", "left", "left outer"})

Parse = Callable[[str], object]


@dataclass(frozen=True)
class Item:
    """A table or subquery in FROM. start, stop: its tokens; ``names``: of its columns, where they are known.

    merged: the columns of USING, which are those of the tables before it.
    """

    start: int
    stop: int
    text: str
    alias: str
    names: tuple[str, ...] = ()
    merged: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Select:
    """A SELECT with tables.

    start, end: its tokens, without set operations. clause: the token FROM; stop: the one behind the conditions.
    tables: the text between. conditions: that hold of every row. is_simple: whether all joins are inner ones, of which
    ``conditions`` has the ON too.
    """

    start: int
    clause: int
    stop: int
    end: int
    items: tuple[Item, ...]
    tables: str
    conditions: tuple[str, ...]
    is_simple: bool


def read_select(sql: str, tokens: Sequence[Token], start: int, stop: int, parse: Parse) -> Select | None:
    """The SELECT at token ``start``, which ends before ``stop`` or earlier; None if it has no tables we understand."""
    reader = _Reader(sql.encode(), tokens, tokens[start].depth, parse)
    end = reader.find(_SETS, start, stop)
    clause = start
    while True:
        clause = reader.find({"from"}, clause + 1, end)
        if clause == end:
            return None
        if tokens[clause - 1].text != "distinct" or tokens[clause - 2].text not in ("is", "not"):
            break
    where = reader.find(_ENDS, clause, end)
    behind = reader.find(_ENDS - {"where"}, where, end)
    return reader.select(start, clause, where, behind, end)


@dataclass(frozen=True)
class _Reader:
    sql: bytes
    tokens: Sequence[Token]
    depth: int
    parse: Parse
    conditions: list[str] = field(default_factory=list)

    def select(self, start: int, clause: int, where: int, behind: int, end: int) -> Select | None:
        if any(self.tokens[i].text == "sample" for i in range(clause, end)):
            return None
        items, is_simple = [], True
        for joined in self._joined(clause + 1, where):
            item = self._item(joined)
            if item is None or "natural" in joined.kind or (joined.merged and joined.kind not in _LEFT):
                return None
            items.append(item)
            is_simple &= joined.kind in _PLAIN and not joined.merged
        if not is_simple:
            self.conditions.clear()
        self.conditions.extend(self._conjuncts(where + 1, behind))
        text = self.text(clause + 1, where)
        return Select(start, clause, behind, end, tuple(items), text, tuple(self.conditions), is_simple)

    def find(self, words: frozenset[str] | set[str], start: int, stop: int) -> int:
        """The first of these words between two tokens, outside parentheses; ``stop`` if there is none."""
        found = (i for i in range(start, stop) if self.tokens[i].depth == self.depth and self.tokens[i].text in words)
        return next(found, stop)

    def text(self, start: int, stop: int) -> str:
        return self.sql[self.tokens[start].start : self.tokens[stop - 1].end].decode() if start < stop else ""

    def _joined(self, start: int, stop: int) -> Iterator[_Joined]:
        """The tables, each with how it is joined to those before it."""
        cuts = [(start, start, ""), *self._joins(start, stop), (stop, stop, "")]
        for (_, first, kind), (last, _, _) in pairwise(cuts):
            behind = self.find({"on", "using"}, first, last)
            using = behind < last and self.tokens[behind].text == "using"
            if behind < last and not using:
                self.conditions.extend(self._conjuncts(behind + 1, last))
            merged = [self.tokens[i].text for i in range(behind + 2, last - 1)] if using else []
            yield _Joined(first, behind, kind, frozenset(merged))

    def _joins(self, start: int, stop: int) -> Iterator[tuple[int, int, str]]:
        """Where each comma, or JOIN with its modifiers, begins and ends, and its modifiers."""
        for index in range(start, stop):
            token = self.tokens[index]
            if token.depth != self.depth:
                continue
            if token.text == ",":
                yield index, index + 1, ""
            elif token.text == "join" and token.is_keyword:
                first = index
                while self.tokens[first - 1].text in _MODIFIERS and self.tokens[first - 1].is_keyword:
                    first -= 1
                yield first, index + 1, " ".join(self.tokens[i].text for i in range(first, index))

    def _item(self, joined: _Joined) -> Item | None:
        text = self.text(joined.start, joined.stop)
        try:
            tree: Any = self.parse(f"select * from {text}")
        except LocalityError:
            return None
        table = tree[0]["node"]["from_table"]
        alias = table.get("alias") or (table["table_name"] if table["type"] == "BASE_TABLE" else "")
        return Item(joined.start, joined.stop, text, alias, merged=joined.merged)

    def _conjuncts(self, start: int, stop: int) -> Iterator[str]:
        """The conditions of which all must hold; those with OR as one."""
        if self.find({"or"}, start, stop) < stop:
            yield self.text(start, stop)
            return
        first, is_between = start, False
        for index in range(start, stop):
            token = self.tokens[index]
            if token.depth != self.depth or not token.is_keyword:
                continue
            if token.text == "and" and not is_between:
                yield self.text(first, index)
                first = index + 1
            is_between = token.text == "between" or (is_between and token.text != "and")
        if first < stop:
            yield self.text(first, stop)


@dataclass(frozen=True)
class _Joined:
    """A table's tokens. kind: the modifiers of its JOIN; merged: the columns of USING."""

    start: int
    stop: int
    kind: str
    merged: frozenset[str]
