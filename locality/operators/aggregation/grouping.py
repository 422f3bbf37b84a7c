"""Groups as dense codes: keys whose values are few are numbered by arithmetic, without hashing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.encodings.column import Dictionary
from locality.kernel import builder as b
from locality.kernel import ir
from locality.operators.codegen.block import Row
from locality.operators.codegen.lookup import tables_of
from locality.operators.codegen.results import float_column, integer_column, string_column
from locality.operators.relations.relation import Relation
from locality.plan.expressions import Expression, Lookup
from locality.plan.functions.base import Value, as_integer
from locality.types import DataType, Domain

#: The most groups that can be numbered; whether they all get state is another question.
MOST_GROUPS = 2**62

GroupIds = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DenseKey:
    """One group key: its value is ``low + digit``, NULL is the digit ``size``.

    stride: what one step of the digit adds to the group's number. digits: how many there are, NULL's included.
    dictionary: of strings, whose digits are codes. ranks: of looked-up numbers, whose digits are ranks among these.
    """

    expression: Expression
    low: int
    size: int
    nullable: bool
    stride: int
    dictionary: Dictionary | None
    ranks: npt.NDArray[Any] | None

    @property
    def type(self) -> DataType:
        return self.expression.type

    @property
    def digits(self) -> int:
        return self.size + self.nullable

    def emit(self, row: Row) -> ir.Expr:
        """The key's share of the group's number at a row."""
        value = row.emit(self.expression)
        number = value if value.dictionary is not None else as_integer(value)
        digit = number.expr if self.low == 0 else b.sub(number.expr, row.integer(self.low))
        if number.valid is not None:
            digit = b.select(number.valid, digit, row.integer(self.size))
        return digit if self.stride == 1 else b.mul(digit, row.integer(self.stride))

    def decode(self, digits: GroupIds) -> EncodedColumn:
        """The key's values by its digits."""
        valid = digits != self.size if self.nullable else None
        if self.dictionary is not None:
            return string_column(self.type, digits, valid, self.dictionary)
        if self.ranks is None:
            return integer_column(self.type, digits + self.low, valid)
        if len(self.ranks) == 0:
            return EncodedColumn(self.type, "constant", len(digits), all_null=True)
        values = self.ranks[np.minimum(digits, len(self.ranks) - 1)]
        if self.type.is_float:
            return float_column(self.type, values, valid)
        return integer_column(self.type, values, valid)


@dataclass(frozen=True, eq=False)
class DenseGroups:
    """All keys of a grouping; ``count`` possible groups."""

    keys: tuple[DenseKey, ...]
    count: int

    @property
    def reads(self) -> tuple[Expression, ...]:
        """The expressions whose columns the numbers are computed from."""
        return tuple(key.expression for key in self.keys)

    def emit(self, row: Row) -> ir.Expr:
        """The group's number at a row, I64."""
        number: ir.Expr = b.const_i64(0)
        for position, key in enumerate(self.keys):
            share = key.emit(row)
            number = b.add(number, share) if position else share
        return number

    def decode(self, numbers: GroupIds, position: int) -> EncodedColumn:
        """One key of groups by their numbers."""
        key = self.keys[position]
        digits = numbers if key.stride == 1 else numbers // key.stride
        if position:
            digits = digits - digits // key.digits * key.digits  # numpy vectorises this, and not the remainder
        return key.decode(digits)


def plan_dense(
    relation: Relation, groups: Sequence[Expression], probe: Callable[[Expression], Value], most: int
) -> DenseGroups | None:
    """Numbers the groups densely, the first key most significant; None if there may be more than ``most``."""
    keys: list[DenseKey] = []
    stride = 1
    for expression in reversed(groups):
        expression, ranks = _ranked(relation, expression, probe)
        value = probe(expression)
        if value.is_float or value.packed or stride * value.range.size > most:
            return None
        dictionary = value.dictionary
        assert dictionary is None or isinstance(dictionary, Dictionary)
        nullable = value.valid is not None
        key = DenseKey(expression, value.range.low, value.range.size, nullable, stride, dictionary, ranks)
        keys.append(key)
        stride *= key.digits
    return DenseGroups(tuple(reversed(keys)), stride) if stride <= most else None


def _ranked(
    relation: Relation, expression: Expression, probe: Callable[[Expression], Value]
) -> tuple[Expression, npt.NDArray[Any] | None]:
    """A looked-up number by its rank, where its values are spread wider than they are many."""
    if not isinstance(expression, Lookup) or expression.type.domain is Domain.STRING:
        return expression, None
    value = probe(expression)
    entries = sum(len(table.values) for table in tables_of(relation, expression).by_domain.values())
    if not value.is_float and value.range.size <= entries:
        return expression, None
    ranked = replace(expression, ranked=True)
    return ranked, tables_of(relation, ranked).ranks


def existing(counts: npt.NDArray[Any]) -> GroupIds:
    """The numbers of the groups that have rows, ascending: shape (groups,)."""
    return np.flatnonzero(counts)
