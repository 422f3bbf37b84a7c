"""Narrow lanes: integer arithmetic in 32 bits where intervals prove that it fits, since twice as many fit a register.

Integers of kernels are I64. Where bounds prove more, an operation is computed in I32 and its result converted: whoever
needs the narrow form takes the conversion off again, and whoever does not loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.plan.intervals import Interval

INT32 = Interval(-(2**31), 2**31 - 1)

#: For each operation, the bounds of its result.
RESULT_BOUNDS: dict[str, Callable[[Interval, Interval], Interval]] = {
    "+": Interval.__add__,
    "-": Interval.__sub__,
    "*": Interval.__mul__,
}


def lane_of(bounds: Interval) -> Scalar:
    """The narrowest type, of I32 and I64, that holds every value of ``bounds``."""
    return Scalar.I32 if bounds.within(INT32.low, INT32.high) else Scalar.I64


def narrow(expr: ir.Expr, bounds: Interval) -> ir.Expr:
    """An I64 ``expr`` in the lane of its ``bounds``; modulo 2**32 where, under NULL or a filter, it is outside them."""
    if lane_of(bounds) is Scalar.I64:
        return expr
    match expr:
        case ir.Convert(arg, Scalar.I64) if not isinstance(arg.type, Scalar) or not arg.type.is_float:
            return b.convert(arg, Scalar.I32)
    return b.convert(expr, Scalar.I32)


def wide(expr: ir.Expr) -> ir.Expr:
    """An expression of any lane as I64."""
    return b.convert(expr, Scalar.I64)


def arithmetic(op: str, left: ir.Expr, right: ir.Expr, ours: Interval, theirs: Interval) -> ir.Expr:
    """``left op right`` as I64, for ``+ - *`` of I64 expressions with these bounds, whose result fits I64.

    In I32 where operands and result fit it. A product of operands that do is left to the multiplication of two 32-bit
    lanes into one of 64.
    """
    narrowed = narrow(left, ours), narrow(right, theirs)
    if any(operand.type is Scalar.I64 for operand in narrowed):
        return ir.Binary(op, left, right)
    if lane_of(RESULT_BOUNDS[op](ours, theirs)) is Scalar.I32:
        return wide(ir.Binary(op, *narrowed))
    return ir.Binary(op, *map(wide, narrowed)) if op == "*" else ir.Binary(op, left, right)


def comparable(left: ir.Expr, right: ir.Expr, ours: Interval, theirs: Interval) -> tuple[ir.Expr, ir.Expr]:
    """Two I64 expressions in one lane that holds both."""
    if lane_of(ours | theirs) is Scalar.I64:
        return left, right
    return narrow(left, ours), narrow(right, theirs)
