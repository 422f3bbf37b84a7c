"""Texts that differ in literals alone, as one text with values: what people's tools write instead of parameters.

A literal's type follows from its kind: how large an integer is, how many digits a decimal has on each side. Which
literals are values is told by DuckDB's parse tree: those of conditions (WHERE, HAVING, ON), in expressions that are
bound by the types of what is in them alone. The others say what the query is (LIMIT 10, names of results): they stay.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from locality.errors import Unsupported
from locality.plan.expressions import Cast, Constant
from locality.sql.folding import fold
from locality.sql.json_values import decode_type
from locality.sql.opaque import is_parsed_plain
from locality.sql.stability import objects_in
from locality.sql.tokens import lexemes_of
from locality.types import BIGINT, HUGEINT, INTEGER, VARCHAR, DataType, decimal

_NUMBER = re.compile(r"(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_STRING = re.compile(r"'(?:[^'\0]|'')*'")
#: Words that make a text of another type of the string that follows.
_TYPED = frozenset({"date", "timestamp"})
#: Where the types that an integer fits into change.
_EDGES = tuple(2**bits - 1 for bits in (7, 8, 15, 16, 31, 32, 63, 64, 127))
_MOST_DIGITS = 38
#: Places from here on are none.
_NOWHERE = 2**63
#: Clauses of a query in which literals are values, and those in which queries may be that have such clauses.
_CONDITIONS = frozenset({"where_clause", "having", "condition"})


@dataclass(frozen=True)
class Literal:
    """Bytes ``start`` to ``stop`` of a text. typed: the word before a string that says its type, from ``start`` on."""

    start: int
    stop: int
    text: str
    typed: str = ""

    @property
    def places(self) -> tuple[int, ...]:
        """Where DuckDB says that it is: before the word of its type since 2.0, behind it in 1.5."""
        return self.start, self.stop - len(self.text.encode())

    @property
    def constant(self) -> Constant:
        """The constant that it is by itself."""
        if self.text.startswith("'"):
            return Constant(self.text[1:-1].replace("''", "'"), VARCHAR)
        before, _, after = self.text.partition(".")
        if after:
            return Constant(int(before + after), decimal(len(before) + len(after), len(after)))
        value = int(before)
        return Constant(value, INTEGER if value < 2**31 else BIGINT if value < 2**63 else HUGEINT)

    @property
    def kind(self) -> str:
        """Literals of one kind are bound alike wherever values are, but behind a sign."""
        if self.text.startswith("'"):
            return "text"
        before, _, after = self.text.partition(".")
        return f"{len(before)}.{len(after)}" if after else f"{bisect_left(_EDGES, int(before))}"

    def as_type(self, dtype: DataType) -> Constant:
        """The constant that it is where ``dtype`` is wanted; raises Unsupported if there is none."""
        return fold(Cast(self.constant, dtype))


@dataclass(frozen=True)
class Split:
    """A text around its literals. parts: what stands between these, the same for texts that differ in them alone."""

    text: bytes
    literals: tuple[Literal, ...]
    parts: tuple[str, ...]

    @property
    def pattern(self) -> tuple[str, ...]:
        """The same for texts that differ in literals of the same kinds alone."""
        return (*self.parts, *[f"{literal.typed} {literal.kind}" for literal in self.literals])

    def replaced(self, texts: Mapping[int, str]) -> str:
        """The text with other texts in the place of some literals, by their numbers."""
        found = [self.parts[0]]
        for number, literal in enumerate(self.literals):
            own = self.text[literal.start : literal.stop].decode()
            found += [f" {texts[number]} " if number in texts else own, self.parts[number + 1]]
        return "".join(found)


def split(sql: str) -> Split:
    """A text around those of its literals that may be values."""
    found: list[Literal] = []
    before, before_start = "", 0
    for each in lexemes_of(sql):
        word, start, stop, kind = each.text, each.start, each.end, each.kind
        if before == "interval":
            pass
        elif kind == duckdb.token_type.string_const and _STRING.fullmatch(word):
            found.append(Literal(before_start, stop, word, before) if before in _TYPED else Literal(start, stop, word))
        elif kind == duckdb.token_type.numeric_const and before != "-" and is_number(word):
            found.append(Literal(start, stop, word))
        before, before_start = word.lower(), start
    text = sql.encode()
    stops, starts = (0, *(each.stop for each in found)), (*(each.start for each in found), len(text))
    return Split(text, tuple(found), tuple(text[a:z].decode() for a, z in zip(stops, starts, strict=True)))


def is_number(word: str) -> bool:
    """Whether a word is a number that is a literal, not one with an exponent or of too many digits."""
    return _NUMBER.fullmatch(word) is not None and len(word) <= _MOST_DIGITS


def value_literals(tree: Any, literals: Sequence[Literal]) -> frozenset[int]:
    """The numbers of the literals that are values of conditions, given the parse tree."""
    places = {place: number for number, literal in enumerate(literals) for place in literal.places}
    return frozenset(places[place] for place in _values(tree, None) if place in places)


def _values(part: Any, plain: bool | None) -> Iterator[int]:
    """Where constants of conditions stand; plain: whether all around is bound by types alone; None: in no condition."""
    if isinstance(part, list):
        for each in part:
            yield from _values(each, plain)
    if not isinstance(part, dict):
        return
    if str(part.get("type")).endswith("_NODE"):
        plain = None
    elif "class" in part and plain is not None:
        match part:
            case {"class": "CONSTANT"}:
                yield from (part["query_location"],) if plain else ()
                return
            case {"class": "CAST", "child": {"class": "CONSTANT", "query_location": place}} if place >= _NOWHERE:
                yield from (part["query_location"],) if plain else ()  # a string after the name of its type
                return
        plain = plain and is_parsed_plain(part) and not _is_sign(part)
    for key, each in part.items():
        if key != "select_list":
            yield from _values(each, True if key in _CONDITIONS and plain is None else plain)


def _is_sign(part: dict[str, Any]) -> bool:
    """Whether an expression gives a number a sign: a negative literal fits other types than a positive one."""
    return part["class"] == "FUNCTION" and part["function_name"] in "+-" and len(part["arguments"]) == 1


def types_of(bound: Any, tree: Any, literals: Mapping[int, Literal]) -> dict[int, DataType]:
    """The types as which literals, by number, are used, given the plan as it was bound and the parse tree.

    Raises Unsupported for one that is used in several ways, or nowhere.
    """
    casts = {
        node["child"]["query_location"]
        for node in objects_in(tree)
        if node.get("class") == "CAST" and node["child"].get("class") == "CONSTANT"
    }
    found = {number: {each.constant.type} if each.start in casts else set() for number, each in literals.items()}
    places = {place: number for number, each in literals.items() if each.start not in casts for place in each.places}
    for place, dtype in _uses(bound):
        if place in places:
            found[places[place]].add(dtype)
    if any(len(types) != 1 for types in found.values()):
        raise Unsupported("literal that is used in several ways")
    return {number: next(iter(types)) for number, types in found.items()}


def _uses(bound: Any) -> Iterator[tuple[int, DataType]]:
    """The place of each constant, and its type after the cast right around it."""
    pending = [bound]
    while pending:
        part = pending.pop()
        match part:
            case {"type": "OPERATOR_CAST", "children": [{"expression_class": "BOUND_CONSTANT"} as child]}:
                place = child["query_location"]
                yield part["query_location"] if place >= _NOWHERE else place, decode_type(part["return_type"])
            case {"expression_class": "BOUND_CONSTANT"}:
                yield part["query_location"], decode_type(part["value"]["type"])
            case dict():
                pending.extend(part.values())
            case list():
                pending.extend(part)
            case _:
                pass
