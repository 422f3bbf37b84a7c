"""How large an integer expression can get, by the types of what it is made of."""

from __future__ import annotations

from collections.abc import Set

from locality.kernel import ir
from locality.kernel.ir import Expr, Scalar

_BITS = {
    Scalar.BOOL: 1,
    Scalar.I8: 7,
    Scalar.U8: 8,
    Scalar.I16: 15,
    Scalar.U16: 16,
    Scalar.I32: 31,
    Scalar.U32: 32,
    Scalar.I64: 63,
    Scalar.U64: 64,
}


#: Rows and blocks are counted in fewer bits than this.
_COUNTER_BITS = 48


def magnitude_bits(expr: Expr, counters: Set[str]) -> int:
    """A number of bits such that ``-2**bits <= expr <= 2**bits``, in exact arithmetic; ``counters`` name loop counters.

    More than 62 means that the result may not fit I64.
    """
    match expr:
        case ir.Var(name) if name in counters:
            return _COUNTER_BITS
        case ir.Const(value, scalar) if not scalar.is_float:
            return int(value).bit_length()
        case ir.Binary("+" | "-", left, right):
            return max(magnitude_bits(left, counters), magnitude_bits(right, counters)) + 1
        case ir.Binary("*", left, right):
            return magnitude_bits(left, counters) + magnitude_bits(right, counters)
        case ir.Binary("min" | "max", left, right) | ir.Select(_, left, right):
            return _within(expr, max(magnitude_bits(left, counters), magnitude_bits(right, counters)))
        case ir.Convert(arg, Scalar.I64) if arg.type in _BITS:
            return _within(expr, magnitude_bits(arg, counters))
    return _within(expr, 64)


def _within(expr: Expr, bits: int) -> int:
    """Values as wide as the type, however they were computed, have no more bits than it."""
    return min(bits, _BITS.get(expr.type, 64)) if isinstance(expr.type, Scalar) else 64
