"""Parts of a query that can be run by themselves, and the query that reads their results instead.

For queries that have no plan of ours as a whole, and for statements that write what a query gives: there the query is
the part, or nothing is. A part is a common table expression, a subquery, or the tables of a
SELECT with the conditions on them. Whether a text is one is found out by binding it: what binds over the stored tables
alone, and names no common table expression but those that it brings along, means the same inside the query and outside.
The rest of the query's text stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from locality.errors import LocalityError
from locality.sql.quoting import identifier
from locality.sql.selects import Item, Select, read_select
from locality.sql.stability import objects_in
from locality.sql.tokens import Token, tokens_of
from locality.sql.written import BEGINS, written_query

#: Statements that change something, or store the text of a query.
_CHANGES = frozenset(
    {
        *("insert", "update", "delete", "merge", "truncate", "create", "attach", "copy", "prepare"),
        *("pivot", "unpivot"),
    }
)


@dataclass(frozen=True)
class Column:
    """A column of a part's result. read: how SQL reads it from the result, whose columns are called c0, c1, ..."""

    name: str
    read: str


@dataclass(frozen=True)
class Part:
    """A query, and the name under which the rest reads its result."""

    name: str
    sql: str


@dataclass(frozen=True)
class Split:
    """text: the rest of a statement; it does what the statement does if the names of ``parts`` are their results.

    query, rest: the query in the statement, which is all of it unless ``writes``, and the query in the rest.
    kind: the same for statements that differ in values of conditions alone (``templates.py``); None if not known.
    """

    text: str
    parts: tuple[Part, ...]
    query: str
    rest: str
    writes: bool
    kind: Hashable = None


@dataclass(frozen=True)
class Judge:
    """What knows about the stored tables.

    columns: of a query's result, None if it can't be run by itself; is_worth: whether it can and should be.
    names: of a query's columns; raises LocalityError if it doesn't bind. parse: DuckDB's tree of a text, as JSON.
    """

    columns: Callable[[str], Sequence[Column] | None]
    is_worth: Callable[[str], bool]
    names: Callable[[str], Sequence[str]]
    parse: Callable[[str], object]


def split(sql: str, judge: Judge) -> Split | None:
    """The parts of one statement's query that can be run by themselves; None if there are none."""
    tokens = tokens_of(sql)
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    written = written_query(tokens)
    start, stop = written or (0, len(tokens))
    first = next((token.text for token in tokens[start:stop] if token.text != "("), "")
    if first not in BEGINS or any(token.text in _CHANGES and token.is_keyword for token in tokens[start:stop]):
        return None
    splitter = _Splitter(sql, tokens, judge)
    if written is None:
        splitter.visit(start, stop, is_whole=True)
    else:  # the rest of a query might read another state, and what was written then can't be taken back
        splitter.take_query(start, stop)
    return splitter.result(start, stop, writes=written is not None) if splitter.parts else None


@dataclass(frozen=True)
class _Definition:
    """A common table expression. start, stop: the tokens of its query; of ``whole``, those of its name too."""

    name: str
    whole: int
    start: int
    stop: int
    depth: int


@dataclass
class _Splitter:
    sql: str
    tokens: Sequence[Token]
    judge: Judge
    parts: list[Part] = field(default_factory=list)
    replaced: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.definitions = list(self._definitions())
        self.prefix = "locality_part"
        while any(self.prefix in token.text for token in self.tokens):
            self.prefix += "_"

    def result(self, start: int, stop: int, *, writes: bool) -> Split:
        """What was found of a statement whose query these tokens are."""
        text = self.sql.encode()
        first, last = self.tokens[start].start, self.tokens[stop - 1].end
        before, query, after = text[:first], text[first:last], text[last:]
        for begin, end, new in sorted(self.replaced, reverse=True):
            query = query[: begin - first] + new.encode() + query[end - first :]
        rest = query.decode()
        whole = f"{before.decode()}{rest}{after.decode()}"
        return Split(whole, tuple(self.parts), self._text(start, stop), rest, writes)

    def visit(self, start: int, stop: int, *, is_whole: bool = False) -> None:
        """Look for parts in the query of these tokens: all of it, the tables of each SELECT, the subqueries within."""
        if not is_whole and self.take_query(start, stop):
            return
        for select in self._selects(start, stop):
            self._take_tables(select)
        inner = start
        while inner < stop:
            token = self.tokens[inner]
            if token.partner is not None and self._begins_query(inner) and not self._is_replaced(inner):
                if self._is_wanted(inner):
                    self.visit(inner + 1, token.partner)
                inner = token.partner
            inner += 1

    def take_query(self, start: int, stop: int) -> bool:
        """Whether the whole query of these tokens is a part."""
        sql = self._alone(start, stop, self._text(start, stop))
        columns = None if sql is None or not self.judge.is_worth(sql) else self.judge.columns(sql)
        if sql is None or columns is None or not _are_distinct([column.name for column in columns]):
            return False
        listed = ", ".join(f"{column.read} as {identifier(column.name)}" for column in columns)
        name = self._add(sql)
        self._replace(start, stop, f"select {listed} from {name}")
        return True

    def _take_tables(self, select: Select) -> None:
        """Make the tables of a SELECT a part, with all conditions on them alone, if that can be done."""
        known = [item for item in map(self._resolved, select.items) if item is not None]
        others = [item for item in select.items if all(item.start != each.start for each in known)]
        span = select.clause, select.stop
        if not known or (others and not select.is_simple):
            return
        outside = self._outside(span)
        tree = self._tree(select)
        if tree is None or _has_rows(tree, {item.alias for item in known}) or (others and _has_star(tree)):
            return
        columns_of = [(item, name) for item in known for name in item.names]
        for kept in self._conditions(select, known):
            left = [each for each in select.conditions if each not in kept]
            words = outside.union(*map(_words, (*left, *(item.text for item in others))))
            needed = [pair for pair in columns_of if _has_star(tree) or _words(pair[1]) <= words]
            listed = ", ".join(f"{identifier(item.alias)}.{identifier(name)}" for item, name in needed) or "1"
            tables = ", ".join(item.text for item in known) if select.is_simple else select.tables
            where = f" where {' and '.join(f'({each})' for each in kept)}" if kept else ""
            sql = self._alone(*span, f"select {listed} from {tables}{where}")
            columns = None if sql is None or not self.judge.is_worth(sql) else self.judge.columns(sql)
            if sql is not None and columns is not None:
                name = self._add(sql)
                read = [(item, replace(c, name=n)) for (item, n), c in zip(needed, columns, strict=False)]
                self._replace(*span, _from_clause(name, known, read, others, left))
                return

    def _conditions(self, select: Select, known: Sequence[Item]) -> Iterator[list[str]]:
        """Which conditions go with the tables: those that bind over them, or else each that can be run with them."""
        tables = ", ".join(item.text for item in known) if select.is_simple else select.tables
        tests = {c: self._alone(select.clause, select.stop, f"select 1 from {tables} where ({c})") for c in
                 select.conditions}  # fmt: skip
        bound = [c for c, sql in tests.items() if sql is not None and self._names(sql) is not None]
        yield bound
        runnable = [c for c in bound if (sql := tests[c]) is not None and self.judge.columns(sql) is not None]
        if len(runnable) < len(bound):
            yield runnable

    def _resolved(self, item: Item) -> Item | None:
        """The item with the names of its columns, None if it doesn't bind by itself under a name."""
        text = f"select {identifier(item.alias)}.* from {item.text}"
        sql = self._alone(item.start, item.stop, text) if item.alias else None
        names = None if sql is None else self._names(sql)
        if names is None or not _are_distinct(names):
            return None
        return replace(item, names=tuple(name for name in names if name.lower() not in item.merged))

    def _names(self, sql: str) -> Sequence[str] | None:
        try:
            return self.judge.names(sql)
        except LocalityError:
            return None

    def _tree(self, select: Select) -> object | None:
        """DuckDB's tree of the SELECT but for its tables and conditions."""
        text = f"{self._text(select.start, select.clause)} {self._text(select.stop, select.end)}"
        try:
            return self.judge.parse(text)
        except LocalityError:
            return None

    def _selects(self, start: int, stop: int) -> Iterator[Select]:
        depth = self.tokens[start].depth
        for index in range(start, stop):
            if self.tokens[index].depth == depth and self.tokens[index].text == "select":
                select = read_select(self.sql, self.tokens, index, stop, self.judge.parse)
                if select is not None:
                    yield select

    # --- common table expressions

    def _definitions(self) -> Iterator[_Definition]:
        """Every ``name [(columns)] as [materialized] (query)``."""
        for index, token in enumerate(self.tokens):
            if token.partner is None or not self._begins_query(index):
                continue
            before = index - 1
            while before > 0 and self.tokens[before].text in ("materialized", "not"):
                before -= 1
            if before > 0 and self.tokens[before].text == "as":
                name = before - 1
                if self.tokens[name].text == ")":
                    name = next(i for i in range(name) if self.tokens[i].partner == name) - 1
                yield _Definition(self.tokens[name].text, name, index + 1, token.partner, token.depth)

    def _alone(self, start: int, stop: int, text: str) -> str | None:
        """A text out of these tokens, with the definitions from before them that it needs; None if they can't come."""
        inside = [(start, stop)]
        needed: list[_Definition] = []
        pending = [text]
        while pending:
            words = _words(pending.pop())
            for each in self.definitions:
                if each.name in words and not any(a <= each.whole < b for a, b in inside):
                    if not self._comes_along(each, start):
                        return None
                    needed.append(each)
                    inside.append((each.whole, each.stop))
                    pending.append(self._text(each.start, each.stop))
        if not needed:
            return text
        if _words(text[:4]) == {"with"}:
            return None
        listed = (self._text(each.whole, each.stop + 1) for each in sorted(needed, key=lambda each: each.start))
        return f"with {', '.join(listed)} {text}"

    def _comes_along(self, definition: _Definition, start: int) -> bool:
        """Whether a definition means the same before a text from ``start`` on, and is not read from a part already."""
        same = [each for each in self.definitions if each.name == definition.name]
        itself = definition.name in _words(self._text(definition.start, definition.stop))
        is_whole = not any(self._is_replaced(i) for i in range(definition.start, definition.stop))
        return len(same) == 1 and definition.depth == 0 and definition.stop < start and is_whole and not itself

    def _is_wanted(self, index: int) -> bool:
        """Whether the query in these parentheses is still read by what stays of the text."""
        defined = next((each for each in self.definitions if each.start == index + 1), None)
        if defined is None:
            return True
        unread = self.definitions
        while True:
            words = self._tables([(each.whole, each.stop) for each in unread])
            if all(each.name not in words for each in unread):
                return defined.name in words
            unread = [each for each in unread if each.name not in words]

    def _tables(self, but: Collection[tuple[int, int]]) -> frozenset[str]:
        """What may be names of tables in what stays of the text, but for the tokens from a to b, for each such pair."""
        gone = [(a, b) for a, b, _ in self.replaced]
        gone += [(self.tokens[a].start, self.tokens[b - 1].end) for a, b in but]
        following = [*(token.text for token in self.tokens[1:]), ""]
        pairs = zip(self.tokens, following, strict=True)
        return frozenset(t.text for t, then in pairs if then != "." and not any(a <= t.start < b for a, b in gone))

    # --- text

    def _begins_query(self, index: int) -> bool:
        return self.tokens[index].text == "(" and self.tokens[index + 1].text in BEGINS

    def _text(self, start: int, stop: int) -> str:
        if start >= stop:
            return ""
        return self.sql.encode()[self.tokens[start].start : self.tokens[stop - 1].end].decode()

    def _outside(self, *spans: tuple[int, int]) -> frozenset[str]:
        """The words of what stays of the text but for the tokens from a to b, for each such pair."""
        gone = [(a, b) for a, b, _ in self.replaced]
        gone += [(self.tokens[a].start, self.tokens[b - 1].end) for a, b in spans]
        kept = (t for t in self.tokens if not any(a <= t.start < b for a, b in gone))
        return frozenset(word for token in kept for word in _words(token.text))

    def _is_replaced(self, index: int) -> bool:
        return any(start <= self.tokens[index].start < stop for start, stop, _ in self.replaced)

    def _replace(self, start: int, stop: int, text: str) -> None:
        self.replaced.append((self.tokens[start].start, self.tokens[stop - 1].end, text))

    def _add(self, sql: str) -> str:
        self.parts.append(Part(f"{self.prefix}{len(self.parts)}", sql))
        return self.parts[-1].name


def _from_clause(
    part: str, items: Sequence[Item], read: Sequence[tuple[Item, Column]], others: Sequence[Item], left: Sequence[str]
) -> str:
    """FROM and WHERE over a part's result, with each table's columns under its name again."""
    tables = []
    for item in items:
        listed = ", ".join(f"{column.read} as {identifier(column.name)}" for it, column in read if it is item)
        if listed or item is items[0]:
            tables.append(f"(select {listed or '1 as one'} from {part}) as {identifier(item.alias)}")
    where = f" where {' and '.join(f'({each})' for each in left)}" if left else ""
    return f"from {', '.join([' positional join '.join(tables), *(each.text for each in others)])}{where}"


def _has_rows(tree: object, aliases: Collection[str]) -> bool:
    """Whether a table's name stands for its rows somewhere, or rows' numbers are asked for."""
    tables = {alias.lower() for alias in aliases}
    names = (each["column_names"] for each in objects_in(tree) if each.get("class") == "COLUMN_REF")
    return any(path[-1].lower() == "rowid" or (len(path) == 1 and path[0].lower() in tables) for path in names)


def _has_star(tree: object) -> bool:
    """Whether a star stands for columns of the tables; in ORDER BY ALL it stands for those of the result."""
    stars = [each for each in objects_in(tree) if each.get("class") == "STAR"]
    orders = [order for each in objects_in(tree) if "orders" in each for order in each["orders"]]
    ordered = [order["expression"] for order in orders if order["expression"].get("expr") is None]
    return any(all(star is not each for each in ordered) for star in stars)


def _are_distinct(names: Sequence[str]) -> bool:
    return len({name.lower() for name in names}) == len(names)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))
