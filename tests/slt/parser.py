"""sqllogictest files as records: SQLite's format, with what DuckDB added to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

SORTS = ("nosort", "rowsort", "valuesort")
SEPARATOR = "----"

_SIGNED = ("tinyint", "smallint", "integer", "bigint", "hugeint")
_UNSIGNED = ("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint")
_NUMERIC = (*_SIGNED, *_UNSIGNED, "float", "double")
#: ``foreach x <integral>``: DuckDB's names of lists of types.
_TYPE_LISTS: Mapping[str, tuple[str, ...]] = {
    "<signed>": _SIGNED,
    "<unsigned>": _UNSIGNED,
    "<integral>": (*_SIGNED, *_UNSIGNED),
    "<numeric>": _NUMERIC,
    "<alltypes>": (*_NUMERIC, "bool", "interval", "varchar"),
}

#: Directives that change nothing about the answers of one engine with one connection.
_IGNORED = frozenset({"tags", "debug", "set_seed"})


class SyntaxProblem(Exception):
    """A file that isn't a sqllogictest; the message has the line."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")


@dataclass(frozen=True)
class Condition:
    """``skipif NAME`` or ``onlyif NAME``; the name of an engine, or ``variable=value`` inside a loop."""

    only: bool
    name: str

    def admits(self, engines: frozenset[str], variables: Mapping[str, str]) -> bool:
        """Whether the record that it stands before is to be run."""
        variable, equals, value = self.name.partition("=")
        holds = variables.get(variable) == value if equals else self.name.lower() in engines
        return holds == self.only


@dataclass(frozen=True)
class Statement:
    """``statement ok``, ``error`` or ``maybe``. message: text that the error must hold; empty for any."""

    line: int
    sql: str
    expects: str
    message: str = ""
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Query:
    """``query TYPES SORT LABEL``.

    types: a letter a column (I, R, T). expected: the lines after the separator; None where there is no separator.
    span: those lines' place in the file, as indexes of its lines.
    """

    line: int
    sql: str
    types: str
    sort: str = "nosort"
    label: str = ""
    expected: tuple[str, ...] | None = None
    span: tuple[int, int] = (0, 0)
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Loop:
    """``loop`` and ``foreach``: the body once for each value of the variable."""

    line: int
    variable: str
    values: tuple[str, ...]
    body: tuple[Record, ...]
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Directive:
    """What steers the runner: ``halt``, ``mode``, ``require`` and ``hash-threshold``, with its words."""

    line: int
    name: str
    words: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Unsupported:
    """A directive that this runner doesn't have; what comes after it can't be judged."""

    line: int
    reason: str
    conditions: tuple[Condition, ...] = ()


Record = Statement | Query | Loop | Directive | Unsupported


def parse(text: str) -> tuple[Record, ...]:
    """The records of a file, in order; raises SyntaxProblem."""
    return tuple(_Parser(text).records(None))


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """The text with ``${name}`` and ``{name}`` of these variables replaced by their values."""
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", value).replace(f"{{{name}}}", value)
    return text


def instance(record: Statement | Query, variables: Mapping[str, str]) -> Statement | Query:
    """The record with the loops' variables replaced in SQL and expectation."""
    sql = substitute(record.sql, variables)
    if isinstance(record, Statement):
        return replace(record, sql=sql, message=substitute(record.message, variables))
    expected = record.expected
    if expected is not None:
        expected = tuple(substitute(line, variables) for line in expected)
    return replace(record, sql=sql, expected=expected)


@dataclass
class _Parser:
    text: str
    lines: list[str] = field(init=False)
    at: int = 0

    def __post_init__(self) -> None:
        self.lines = [line.rstrip("\r") for line in self.text.split("\n")]

    def records(self, opened: int | None) -> Iterator[Record]:
        """Records up to the end of the file, or of the loop that began at line ``opened``."""
        conditions: tuple[Condition, ...] = ()
        while self.at < len(self.lines):
            number, words = self.at + 1, self.lines[self.at].split()
            self.at += 1
            if not words or words[0].startswith("#"):
                continue
            if words[0] in ("skipif", "onlyif"):
                conditions += (Condition(words[0] == "onlyif", _word(words, 1, number)),)
                continue
            if words[0] == "endloop":
                if opened is None:
                    raise SyntaxProblem(number, "endloop without loop")
                return
            record = self._record(number, words)
            if record is not None:
                yield replace(record, conditions=conditions)
            conditions = ()
        if opened is not None:
            raise SyntaxProblem(opened, "the loop has no endloop")

    def _record(self, number: int, words: list[str]) -> Record | None:
        match words[0]:
            case "statement":
                return self._statement(number, words)
            case "query":
                return self._query(number, words)
            case "loop":
                first, last = int(_word(words, 2, number)), int(_word(words, 3, number))
                return self._loop(number, words, tuple(map(str, range(first, last))))
            case "foreach":
                values = _values(words[2:])
                unknown = [value for value in values if value.startswith("<")]
                loop = self._loop(number, words, values)
                return Unsupported(number, f"foreach over {unknown[0]}") if unknown else loop
            case "halt" | "mode" | "require" | "hash-threshold":
                return Directive(number, words[0], tuple(words[1:]))
            case name if name in _IGNORED:
                return None
            case name:
                return Unsupported(number, name)

    def _loop(self, number: int, words: list[str], values: tuple[str, ...]) -> Loop:
        return Loop(number, _word(words, 1, number), values, tuple(self.records(number)))

    def _statement(self, number: int, words: list[str]) -> Record:
        expects = _word(words, 1, number)
        if expects not in ("ok", "error", "maybe"):
            raise SyntaxProblem(number, f"statement {expects}: ok, error or maybe")
        sql = self._sql(number)
        message = "\n".join(self._expectation() or ())
        if len(words) > 2:
            return Unsupported(number, "named connections")
        return Statement(number, sql, expects, message)

    def _query(self, number: int, words: list[str]) -> Record:
        types, rest = _word(words, 1, number), words[2:]
        sort = rest.pop(0) if rest and rest[0] in SORTS else "nosort"
        sql = self._sql(number)
        start = self.at + 1
        expected = self._expectation()
        if rest and re.fullmatch(r"con\w*", rest[0]):
            return Unsupported(number, "named connections")
        label = rest[0] if rest else ""
        return Query(number, sql, types, sort, label, expected, (start, self.at))

    def _sql(self, number: int) -> str:
        start = self.at
        while self.at < len(self.lines) and self.lines[self.at].strip() not in ("", SEPARATOR):
            self.at += 1
        if self.at == start:
            raise SyntaxProblem(number, "there is no SQL")
        return "\n".join(self.lines[start : self.at])

    def _expectation(self) -> tuple[str, ...] | None:
        """The lines after the separator, up to an empty one."""
        if self.at >= len(self.lines) or self.lines[self.at].strip() != SEPARATOR:
            return None
        self.at += 1
        start = self.at
        while self.at < len(self.lines) and self.lines[self.at]:
            self.at += 1
        return tuple(self.lines[start : self.at])


def _word(words: list[str], index: int, number: int) -> str:
    if index >= len(words):
        raise SyntaxProblem(number, f"{words[0]} needs more words")
    return words[index]


def _values(words: list[str]) -> tuple[str, ...]:
    """The values of foreach: words, lists of types, and ``!word`` to leave one out."""
    values = [value for word in words for value in _TYPE_LISTS.get(word, (word,))]
    left_out = {value[1:] for value in values if value.startswith("!")}
    return tuple(value for value in values if not value.startswith("!") and value not in left_out)
