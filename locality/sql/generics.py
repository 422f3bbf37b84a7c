"""Plans for all values of what changes among statements, as the shadow makes them: of parameters, and of literals."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from locality.errors import Unsupported
from locality.plan.expressions import Constant
from locality.sql import opaque, parameters
from locality.sql.bindings import bound_constant
from locality.sql.generic import Generic, generic
from locality.sql.given import Parameters, values_by_name
from locality.sql.literals import Literal, Split, types_of, value_literals
from locality.sql.outlines import Outlines
from locality.sql.quoting import checked
from locality.sql.shadow import Shadow
from locality.sql.statements import Statement, Statements
from locality.types import DataType

#: Statements that are remembered.
_MOST = 256
#: Characters of a text beyond which nobody looks for literals in it.
_LONGEST = 20_000

Found = tuple[Generic, Sequence[Constant]]
"""A plan for all values, and the values of the statement that was asked about."""


@dataclass
class _Pattern:
    """Texts that differ in literals of the same kinds alone. first: the first of them that came.

    values: which literals of the texts are values, by number; None until a second text comes.
    """

    first: Split
    values: tuple[int, ...] | None = None


@dataclass(frozen=True)
class _OfLiterals:
    """A plan for all values of literals, and the types as which the statement uses them."""

    generic: Generic
    types: tuple[DataType, ...]


class Generics:
    """The plans over one schema; callers hold the shadow's lock.

    What is not left open is part of a statement. Where there is such, a plan is made when the statement comes again.
    """

    def __init__(self, shadow: Shadow, statements: Statements) -> None:
        self._shadow = shadow
        self._outlines = Outlines()
        self._statements = statements
        self._of_parameters: OrderedDict[Hashable, Generic | None] = OrderedDict()
        self._of_literals: OrderedDict[Hashable, _OfLiterals | None] = OrderedDict()
        self._patterns: OrderedDict[Hashable, _Pattern] = OrderedDict()
        self._met: OrderedDict[Hashable, None] = OrderedDict()

    def clear(self) -> None:
        """Forget all plans: the tables are others."""
        self._of_parameters.clear()
        self._of_literals.clear()
        self._patterns.clear()
        self._met.clear()

    def of_parameters(self, sql: str, given: Parameters) -> Found | None:
        """The plan of a statement with parameters; raises QueryError for one that is wrong."""
        constants = {name: bound_constant(value) for name, value in values_by_name(given).items()}
        known = {name: constant for name, constant in constants.items() if constant is not None}
        if len(known) < len(constants):
            return None
        statement = self._statements.of_types(sql, {name: str(constant.type) for name, constant in known.items()})
        text = None
        if statement is None:
            try:
                statement, text = self._statements.bound(sql, given)
            except Unsupported:
                return None
        free = {name for name, constant in known.items() if name in statement.open and constant.value is not None}
        key = sql, tuple((name, c.type, None if name in free else repr(c.value)) for name, c in known.items())
        if key not in self._of_parameters and known.keys() - free and not self._again(key):
            return None
        found = _kept(self._of_parameters, key, lambda: self._with_parameters(sql, given, text, known, free))
        return None if found is None else (found, tuple(known.values()))

    def _with_parameters(
        self, sql: str, given: Parameters, text: str | None, constants: Mapping[str, Constant], free: Collection[str]
    ) -> Generic | None:
        """text: the statement with these values, if it was bound just now.

        free: the parameters that the plan is to hold for all values of.
        """
        if not free:
            return None
        numbered = dict(enumerate(constants.values()))
        types = {name: str(constant.type) for name, constant in constants.items()}
        try:
            text = text or self._statements.bound(sql, given)[1]
            statement = self._statements.of_types(sql, types)
            if statement is None:
                return None  # a value has another type for DuckDB
            texts = {
                name: opaque.marked(number, constant.type) if name in free else parameters.reference(name, types[name])
                for number, (name, constant) in enumerate(constants.items())
            }
            return self._made(statement, text, parameters.substitute(sql, statement.places, texts), numbered)
        except Unsupported:
            return None

    def of_literals(self, sql: str) -> Found | None:
        """The plan of a statement without parameters for all values of its literals; QueryError for a wrong one."""
        text = self._outlines.split(checked(sql)) if len(sql) <= _LONGEST else None
        if text is None or not text.literals:
            return None
        pattern = text.pattern
        known = _kept(self._patterns, pattern, lambda: _Pattern(text))
        if known.first is text:
            return None
        if known.values is None:
            known.values = self._values_of(sql, text)
            if known.values:
                self._again(_key(pattern, known.values, known.first))
        if not known.values:
            return None
        literals = [text.literals[number] for number in known.values]
        key = _key(pattern, known.values, text)
        if key not in self._of_literals and not self._again(key):
            return None
        found = _kept(self._of_literals, key, lambda: self._with_literals(sql, text, known.values or ()))
        try:
            return None if found is None else (found.generic, _as_types(literals, found.types))
        except Unsupported:
            return None

    def _values_of(self, sql: str, text: Split) -> tuple[int, ...]:
        try:
            return tuple(sorted(value_literals(self._shadow.parse(sql), text.literals)))
        except Unsupported:
            return ()

    def _with_literals(self, sql: str, text: Split, numbers: Sequence[int]) -> _OfLiterals | None:
        literals = [text.literals[number] for number in numbers]
        try:
            statement, bound = self._statements.read(sql, None), self._shadow.unoptimized_plan(sql)
            by_number = types_of(bound, self._shadow.parse(sql), dict(enumerate(literals)))
            types = tuple(by_number[i] for i in range(len(literals)))
            marks = {number: opaque.marked(i, types[i]) for i, number in enumerate(numbers)}
            constants = dict(enumerate(_as_types(literals, types)))
            made = self._made(statement, sql, text.replaced(marks), constants)
        except Unsupported:
            return None
        return None if made is None else _OfLiterals(made, types)

    def _made(self, statement: Statement, text: str, unknown: str, constants: Mapping[int, Constant]) -> Generic | None:
        """The plan of ``unknown``, which is ``text`` with marks for constants; raises Unsupported if there is none."""
        if statement.reads_clock or opaque.MARK in text:
            return None
        shadow = self._shadow
        opaque.check_alike(shadow.unoptimized_plan(text), shadow.unoptimized_plan(unknown), constants)
        try:
            query = self._statements.query(statement, shadow.optimized_plan(unknown))
            return generic(query, tuple(constants.values()))
        except RecursionError:
            return None

    def _again(self, key: Hashable) -> bool:
        """Whether the statement has come before."""
        if key in self._met:
            return True
        self._met[key] = None
        if len(self._met) > _MOST:
            self._met.popitem(last=False)
        return False


def _key(pattern: Hashable, values: Sequence[int], text: Split) -> Hashable:
    """What statements with the same plan have in common: the pattern, and the literals that are no values."""
    return pattern, tuple(each.text for number, each in enumerate(text.literals) if number not in values)


def _as_types(literals: Sequence[Literal], types: Sequence[DataType]) -> list[Constant]:
    return [literal.as_type(dtype) for literal, dtype in zip(literals, types, strict=True)]


_T = TypeVar("_T")


def _kept(cache: OrderedDict[Hashable, _T], key: Hashable, make: Callable[[], _T]) -> _T:
    """What the cache has, or gets, for ``key``; what was not asked for the longest goes."""
    if key not in cache:
        cache[key] = make()
        if len(cache) > _MOST:
            cache.popitem(last=False)
    cache.move_to_end(key)
    return cache[key]
