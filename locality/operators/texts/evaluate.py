"""Expressions that make strings, over columns of some rows; what is no string in them is left to DuckDB's functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, bitmaps, canonical, decode, expand
from locality.encodings.arrow import to_dictionary
from locality.errors import Unsupported
from locality.operators.combinations import combinations_of
from locality.operators.texts.functions import NUMBER_FUNCTIONS, SPLITS, TEXT_FUNCTIONS, parts
from locality.operators.texts.spelling import spelled
from locality.operators.texts.texts import Mask, Texts, joined, repeated, texts_of
from locality.plan.expressions import Call, Case, Cast, ColumnRef, Constant, Expression, columns_of
from locality.sql.evaluate import evaluate
from locality.types import BIGINT, VARCHAR, Domain

AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Rows:
    """Columns of some rows, over which expressions are evaluated."""

    columns: Sequence[EncodedColumn]
    count: int

    def text(self, expression: Expression) -> Texts:
        """Its strings; raises Unsupported where kernels can't make them."""
        match expression:
            case ColumnRef(index):
                return texts_of(self.columns[index])
            case Constant(str(text)):
                return repeated(text, self.count)
            case Constant(None):
                none = np.zeros(self.count, np.int64)
                return Texts(np.zeros(0, np.uint8), none, none, np.zeros(self.count, np.bool_))
            case Cast(arg, dtype) if dtype == VARCHAR and arg.type != VARCHAR:
                return spelled(arg.type, *self.numbers(arg))
            case Case(branches, otherwise):
                return self._chosen(branches, otherwise)
            case Call(name) if name in TEXT_FUNCTIONS:
                return TEXT_FUNCTIONS[name](self, expression)
            case _:
                return texts_of(self.column(expression))

    def column(self, expression: Expression) -> EncodedColumn:
        """The values by DuckDB's functions: once for each combination of values that occurs, where these are few."""
        read = sorted(columns_of(expression))
        if not read:
            raise Unsupported("a constant that is no string")
        columns = [self.columns[index] for index in read]
        few = combinations_of(columns)
        inputs = dict(zip(read, columns if few is None else few.columns, strict=True))
        results = canonical(evaluate(expression, {i: decode(column) for i, column in inputs.items()}), expression.type)
        if few is None:
            return results
        return few.spread(to_dictionary(results) if results.encoding == "text" else results)

    def numbers(self, expression: Expression) -> tuple[AnyArray, Mask | None]:
        """Integers of 64 bits at most, and which are not NULL; None for all."""
        match expression:
            case Constant(int(value)):
                return np.full(self.count, value, np.int64), None
            case Call(name) if name in NUMBER_FUNCTIONS:
                return NUMBER_FUNCTIONS[name](self, expression)
            case Call("+" | "-" as name, (one, Constant(int(value)))) if abs(value) < 2**31:
                values, valid = self.numbers(one)
                if values.dtype != np.int64 or not -(2**62) < values.min(initial=0) <= values.max(initial=0) < 2**62:
                    raise Unsupported("sums of large integers")
                return values + (value if name == "+" else -value), valid
            case ColumnRef(index):
                flat = expand(self.columns[index])
            case _:
                flat = self.column(expression)
        if flat.codes is None or flat.codes.ndim > 1 or flat.type.domain is not Domain.INTEGER:
            raise Unsupported(f"{flat.type} as text")
        valid = None if flat.validity is None else bitmaps.to_mask(flat.validity, flat.length)
        return flat.codes, valid

    def true(self, expression: Expression) -> Mask:
        """Where a condition is true."""
        match expression:
            case Constant(value):
                return np.full(self.count, value is True)
            case Call("and", args):
                return reduce(np.logical_and, map(self.true, args))
            case Call("or", args):
                return reduce(np.logical_or, map(self.true, args))
            case Call("is null" | "is not null" as name, (ColumnRef(index),)):
                flat = expand(self.columns[index])
                known = bitmaps.to_mask(flat.validity, flat.length) if flat.validity is not None else None
                known = np.ones(self.count, np.bool_) if known is None else known
                return known if name == "is not null" else ~known
            case _:
                values, valid = self.numbers(expression)
                return (values != 0) if valid is None else (values != 0) & valid

    def _chosen(self, branches: Sequence[tuple[Expression, Expression]], otherwise: Expression) -> Texts:
        """The string of the first branch whose condition is true."""
        chosen, left = [], np.ones(self.count, np.bool_)
        for condition, value in branches:
            holds = left & self.true(condition)
            chosen.append((holds, value))
            left &= ~holds
        return self.one_of([(mask, self.text(value)) for mask, value in (*chosen, (left, otherwise))])

    def one_of(self, pieces: Sequence[tuple[Mask, Texts]]) -> Texts:
        """The string of the piece whose mask holds, one in each row at most."""
        known = [mask if texts.valid is None else mask & texts.valid for mask, texts in pieces]
        valid = reduce(np.logical_or, known)
        return joined(
            [texts.where(mask) for mask, (_, texts) in zip(known, pieces, strict=True)], None if valid.all() else valid
        )


def evaluated(expression: Expression, columns: Sequence[EncodedColumn], count: int) -> EncodedColumn:
    """An expression over columns of so many rows, its strings by kernels where they can.

    Raises Unsupported where DuckDB's functions can't do the rest.
    """
    rows = Rows(columns, count)
    try:
        return _evaluated(expression, rows)
    except Unsupported:
        return rows.column(expression)


def _evaluated(expression: Expression, rows: Rows) -> EncodedColumn:
    if combinations_of([rows.columns[index] for index in sorted(columns_of(expression))]) is not None:
        return rows.column(expression)
    if _makes_text(expression):
        return rows.text(expression).column()
    if isinstance(expression, Call) and expression.name in NUMBER_FUNCTIONS and expression.type == BIGINT:
        values, valid = rows.numbers(expression)
        return EncodedColumn(BIGINT, "plain", rows.count, values, None if valid is None else bitmaps.from_mask(valid))
    if isinstance(expression, Call) and expression.name in SPLITS and str(expression.type) == "VARCHAR[]":
        return parts(rows, expression)
    made: list[EncodedColumn] = []

    def column_for(part: Expression) -> Expression:
        made.append(rows.text(part).column())
        return ColumnRef(len(rows.columns) + len(made) - 1, VARCHAR)

    rest = _with_columns(expression, column_for)
    return Rows((*rows.columns, *made), rows.count).column(rest)


def _makes_text(expression: Expression) -> bool:
    """Whether kernels may make the strings of an expression."""
    match expression:
        case Call(name, _, dtype):
            return dtype == VARCHAR and name in TEXT_FUNCTIONS
        case Cast(arg, dtype):
            return dtype == VARCHAR and arg.type.domain is Domain.INTEGER
        case Case(type=dtype):
            return dtype == VARCHAR
        case _:
            return False


def _with_columns(expression: Expression, column_for: Callable[[Expression], Expression]) -> Expression:
    """The expression, with columns in place of the greatest parts of it that kernels make."""
    if _makes_text(expression) and columns_of(expression):
        return column_for(expression)
    match expression:
        case Call(name, args, dtype):
            return Call(name, tuple(_with_columns(arg, column_for) for arg in args), dtype)
        case Cast(arg, dtype, lenient):
            return Cast(_with_columns(arg, column_for), dtype, lenient)
        case _:
            return expression
