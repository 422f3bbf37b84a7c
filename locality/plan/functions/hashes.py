"""DuckDB's ``hash``, the same bit by bit: of integers; that of strings is computed
by :mod:`locality.operators.codegen.text`.

A hash is an unsigned number of 64 bits, which kernels have no values of: they compute its bits as a signed one, for
those who know what these mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.plan.expressions import Call, Constant, Expression
from locality.plan.functions.base import Function, Scope, Value, as_integer
from locality.plan.intervals import INT64, Interval
from locality.types import BIGINT, DataType

#: The signed integer that has the bits of the ``hash`` of a value; SQL has no function of that name.
HASH_BITS = "hash bits"

_COMBINED = "combined hash bits"
_OF_NULL = 0xBF58476D1CE4E5B9 - 2**64
_BITS_32 = 0xFFFFFFFF
#: Types of up to 32 bits are hashed by 32; the others by 64.
_NARROW = frozenset({"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER", "DATE"})
_WIDE = frozenset({"BIGINT", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
_NARROW_DIGITS, _WIDE_DIGITS = 9, 18
_MOST_DIVISOR = 2**31 - 1


def hash_bits(args: Sequence[Expression]) -> Expression:
    """The bits of the hash of some values."""
    bits: Iterable[Expression] = (Call(HASH_BITS, (arg,), BIGINT) for arg in args)
    return reduce(lambda one, other: Call(_COMBINED, (one, other), BIGINT), bits)


def emit_remainder(scope: Scope, call: Call) -> Value:
    """``hash(...) % n`` of a constant; raises Unsupported for others."""
    hashed, divisor = call.args
    match hashed, divisor:
        case Call("hash", args), Constant(int(number)) if 0 < number <= _MOST_DIVISOR:
            bits = scope.emit(hash_bits(args))
            return Value(b.call("hash_remainder", bits.expr, scope.integer(number)), None, Interval(0, number - 1))
    raise Unsupported("% of a hash")


def hash_value(hashed: ir.Expr, valid: ir.Expr | None) -> Value:
    """The value of a hash, which NULL has too."""
    return Value(hashed if valid is None else b.select(valid, hashed, b.const_i64(_OF_NULL)), None, INT64)


def _emit_bits(scope: Scope, call: Call) -> Value:
    (arg,) = call.args
    value = as_integer(scope.emit(arg))
    number = b.and_(value.expr, b.const_i64(_BITS_32)) if _is_narrow(arg.type) else value.expr
    return hash_value(b.call("hash_number", number), value.valid)


def _emit_combined(scope: Scope, call: Call) -> Value:
    one, other = (scope.emit(arg).expr for arg in call.args)
    return Value(b.call("combine_hashes", one, other), None, INT64)


def _is_narrow(dtype: DataType) -> bool:
    if dtype.name in _NARROW or (dtype.is_decimal and dtype.width <= _NARROW_DIGITS):
        return True
    if dtype.name in _WIDE or (dtype.is_decimal and dtype.width <= _WIDE_DIGITS):
        return False
    raise Unsupported(f"the hash of {dtype}")


FUNCTIONS = (Function(HASH_BITS, _emit_bits), Function(_COMBINED, _emit_combined))
