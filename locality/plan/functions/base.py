"""What a function's emitter gets and gives: typed values at one row of a kernel's loop.

A row's value is a pure IR expression, so that a whole expression tree fuses into one loop that LLVM can vectorise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.plan.expressions import Call, Expression
from locality.plan.intervals import BOOLEAN, INT64, Interval
from locality.types import UNTYPED, DataType, Domain


class SortedValues(Protocol):
    """Distinct strings in ascending order; a string's code is its position among them."""

    @property
    def key(self) -> str:
        """Equal for equal content."""

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Value:
    """The value of an expression at the current row.

    expr: I64 for the INTEGER domain, BOOL for booleans, F32 or F64 for floats; arbitrary where ``valid`` is false.
    valid: BOOL, or None if the value is never NULL.
    bounds: what an I64 value can be; None for floats and booleans.
    dictionary: of a string: ``expr`` is its code, which orders as the string does.
    packed: of a string: ``expr`` is its few bytes and its length as one integer, which orders as the string does.
    """

    expr: ir.Expr
    valid: ir.Expr | None = None
    bounds: Interval | None = None
    dictionary: SortedValues | None = None
    packed: bool = False

    @property
    def is_string(self) -> bool:
        return self.packed or self.dictionary is not None

    @property
    def is_float(self) -> bool:
        return isinstance(self.expr.type, Scalar) and self.expr.type.is_float

    @property
    def is_boolean(self) -> bool:
        return self.expr.type is Scalar.BOOL

    @property
    def range(self) -> Interval:
        """The bounds of an INTEGER-domain value."""
        if self.is_boolean:
            return BOOLEAN
        if self.dictionary is not None:
            return Interval(0, max(len(self.dictionary) - 1, 0))
        return self.bounds or INT64


class Scope(Protocol):
    """What an emitter may ask of the kernel under construction, at the current row."""

    def emit(self, expression: Expression) -> Value:
        """The value of a subexpression."""

    def fault(self, condition: ir.Expr, valid: ir.Expr | None) -> None:
        """Marks rows for which SQL would raise an error, or for which the value here would be wrong.

        The mark may be too wide, never too narrow: a marked query is answered by DuckDB, error or not.
        """

    def under(self, condition: ir.Expr) -> Scope:
        """The same row, for what SQL evaluates only where the condition holds: elsewhere nothing is a fault."""

    def integer(self, value: int) -> ir.Expr:
        """A query's integer as a parameter of the kernel."""

    def among(self, number: ir.Expr, values: Sequence[int]) -> ir.Expr:
        """Whether an I64 is one of a query's integers, which may be many."""

    def share(self, expr: ir.Expr) -> ir.Expr:
        """The value of ``expr`` in a local variable: for what is used more than once."""

    def unify(self, left: Value, right: Value) -> tuple[Value, Value]:
        """Two strings as codes of one dictionary; raises Unsupported where that can't be, or is not worth it."""


@dataclass(frozen=True, slots=True)
class Function:
    """A scalar function that kernels can compute row by row."""

    name: str
    emit: Callable[[Scope, Call], Value]


def null_of(dtype: DataType) -> Value:
    """NULL as a value of a type that is not a string; raises Unsupported for types that kernels have no values of."""
    if dtype.name == "INTERVAL" or (dtype.domain is Domain.NESTED and dtype != UNTYPED):
        raise Unsupported(f"NULL as {dtype}")
    never = ir.Const(False, Scalar.BOOL)
    match dtype.name:
        case "BOOLEAN":
            return Value(never, never)
        case "FLOAT" | "DOUBLE":
            return Value(b.const(0.0, Scalar.F32 if dtype.name == "FLOAT" else Scalar.F64), never)
    return Value(b.const_i64(0), never, Interval(0, 0))


def both(left: ir.Expr | None, right: ir.Expr | None) -> ir.Expr | None:
    """The conjunction of two conditions of which None is always true."""
    if left is None or right is None:
        return right if left is None else left
    return left if left == right else b.and_(left, right)


def all_valid(values: tuple[Value, ...]) -> ir.Expr | None:
    """Where every value is not NULL: the validity of a function that gives NULL for a NULL argument."""
    valid: ir.Expr | None = None
    for value in values:
        valid = both(valid, value.valid)
    return valid


def as_integer(value: Value) -> Value:
    """The value as I64; booleans become 0 and 1."""
    if value.is_float or value.is_string:
        raise Unsupported("a float or a string where kernels need an integer")
    if value.is_boolean:
        return Value(b.convert(value.expr, Scalar.I64), value.valid, BOOLEAN)
    return value


def as_double(value: Value) -> Value:
    """The value of an integer or float as F64."""
    if value.expr.type is Scalar.F64:
        return value
    return Value(b.convert(as_integer(value).expr if value.is_boolean else value.expr, Scalar.F64), value.valid)


def is_true(value: Value) -> ir.Expr:
    """Where a boolean is true and not NULL."""
    return value.expr if value.valid is None else b.and_(value.expr, value.valid)


def check_range(scope: Scope, value: Value, low: int, high: int) -> Value:
    """Faults where the value is outside ``low`` to ``high``, unless its bounds prove that it can't be.

    There, and under NULL, the result is the nearer end: whoever indexes an array by a value relies on its bounds.
    """
    if value.range.within(low, high):
        return value
    expr, least, most = scope.share(value.expr), scope.integer(low), scope.integer(high)
    scope.fault(b.or_(b.lt(expr, least), b.gt(expr, most)), value.valid)
    return replace(value, expr=b.minimum(b.maximum(expr, least), most), bounds=value.range.clamp(low, high))
