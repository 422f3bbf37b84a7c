"""Arithmetic with DuckDB's result types: exact in 64 bits, proven by intervals or checked row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.plan import lanes
from locality.plan.expressions import Call
from locality.plan.functions.base import Function, Scope, Value, as_double, as_integer, both, check_range
from locality.plan.functions.date_arithmetic import emit_temporal, is_temporal
from locality.plan.functions.hashes import emit_remainder
from locality.plan.intervals import INT64, INT64_MAX, INT64_MIN, Interval
from locality.types import DataType, Domain


def result_bounds(dtype: DataType) -> Interval:
    """What a value of ``dtype`` may be; for 128-bit types, what kernels can hold."""
    if dtype.domain is Domain.INTEGER:
        return Interval(*dtype.bounds).clamp(INT64_MIN, INT64_MAX)
    if dtype.name in ("HUGEINT", "UHUGEINT"):
        return INT64
    raise Unsupported(f"arithmetic on {dtype}")


#: For each operation, the primitive that tells whether 64 bits do not hold its result.
_OVERFLOWS = {"+": "add_overflows", "-": "sub_overflows", "*": "mul_overflows"}


def integer_operation(scope: Scope, op: str, left: Value, right: Value, dtype: DataType) -> Value:
    """``left op right`` for ``+ - *`` as a value of ``dtype``; faults where it can't be held."""
    left, right = as_integer(left), as_integer(right)
    bounds = lanes.RESULT_BOUNDS[op](left.range, right.range)
    valid = both(left.valid, right.valid)
    if bounds.fits_int64:
        expr = lanes.arithmetic(op, left.expr, right.expr, left.range, right.range)
    else:
        ours, theirs = scope.share(left.expr), scope.share(right.expr)
        expr = ir.Binary(op, ours, theirs)
        scope.fault(b.call(_OVERFLOWS[op], ours, theirs), valid)
        bounds = bounds.clamp(INT64_MIN, INT64_MAX)
    allowed = result_bounds(dtype)
    return check_range(scope, Value(expr, valid, bounds), allowed.low, allowed.high)


def _emit_binary(scope: Scope, call: Call) -> Value:
    if is_temporal(call):
        return emit_temporal(scope, call)
    if len(call.args) == 1:
        return _emit_unary(scope, call)
    left, right = (scope.emit(arg) for arg in call.args)
    if call.type.is_float:
        return float_operation(call, left, right)
    return integer_operation(scope, call.name, left, right, call.type)


def _emit_unary(scope: Scope, call: Call) -> Value:
    arg = scope.emit(call.args[0])
    if call.name == "+":
        return arg
    if call.type.is_float:
        # 0 - x would lose the sign of zero
        return Value(b.mul(arg.expr, b.convert(b.const(-1.0, Scalar.F64), _scalar(arg))), arg.valid)
    return integer_operation(scope, "-", Value(b.const_i64(0), None, Interval(0, 0)), arg, call.type)


def float_operation(call: Call, left: Value, right: Value) -> Value:
    """``left op right`` of floats in the width of the call's type; DuckDB computes FLOAT in 32 bits."""
    valid = both(left.valid, right.valid)
    if call.type.name == "FLOAT":
        if not (left.expr.type is Scalar.F32 and right.expr.type is Scalar.F32):
            raise Unsupported("FLOAT arithmetic over other types")
        return Value(ir.Binary(call.name, left.expr, right.expr), valid)
    return Value(ir.Binary(call.name, as_double(left).expr, as_double(right).expr), valid)


def _scalar(value: Value) -> Scalar:
    assert isinstance(value.expr.type, Scalar)
    return value.expr.type


def _emit_division(scope: Scope, call: Call) -> Value:
    """``/`` is float division; a zero divisor follows IEEE rules as in DuckDB."""
    left, right = (scope.emit(arg) for arg in call.args)
    if not call.type.is_float:
        raise Unsupported(f"/ giving {call.type}")
    return float_operation(call, left, right)


def _emit_truncating_division(scope: Scope, call: Call) -> Value:
    """``//`` and ``%``: of integers toward zero; ``//`` of floats is plain division.

    A zero divisor is an error, but for ``%`` of floats, which gives NaN.
    """
    if call.name == "%" and isinstance(call.args[0], Call) and call.args[0].name == "hash":
        return emit_remainder(scope, call)
    left, right = (scope.emit(arg) for arg in call.args)
    if call.type.is_float:
        divisor = as_double(right)
        if call.name == "//":
            scope.fault(b.eq(divisor.expr, b.const(0.0, Scalar.F64)), both(left.valid, right.valid))
            return float_operation(replace(call, name="/"), left, right)
        remainder = b.call("float_remainder", as_double(left).expr, divisor.expr)
        return Value(b.convert(remainder, _scalar_of(call)), both(left.valid, right.valid))
    if any(arg.type.scale != call.type.scale for arg in call.args):
        raise Unsupported(f"{call.name} of decimals with other scales")
    return _divide_integers(scope, call, as_integer(left), as_integer(right))


def _scalar_of(call: Call) -> Scalar:
    return Scalar.F32 if call.type.name == "FLOAT" else Scalar.F64


def _divide_integers(scope: Scope, call: Call, left: Value, right: Value) -> Value:
    # LLVM may compute both branches of a select, so the divisor itself must never be 0 (or -1 under INT64_MIN)
    given = divisor = scope.share(right.expr)
    valid = both(left.valid, right.valid)
    if 0 in right.range:
        zero = b.eq(given, b.const_i64(0))
        scope.fault(zero, valid)
        divisor = b.select(zero, b.const_i64(1), given)
    if -1 in right.range and left.range.low == INT64_MIN:
        scope.fault(b.and_(b.eq(given, b.const_i64(-1)), b.eq(left.expr, scope.integer(INT64_MIN))), valid)
        divisor = b.select(b.eq(given, b.const_i64(-1)), b.const_i64(1), divisor)
    if call.name == "//":
        widest = left.range | -left.range
        value = Value(b.trunc_div(left.expr, divisor), valid, widest.clamp(INT64_MIN, INT64_MAX))
        allowed = result_bounds(call.type)
        return check_range(scope, value, allowed.low, allowed.high)
    limit = max(right.range.magnitude - 1, 0)
    bounds = Interval(-limit if left.range.low < 0 else 0, limit).clamp(INT64_MIN, INT64_MAX)
    return Value(b.trunc_mod(left.expr, divisor), valid, bounds)


def _alias(name: str, meaning: str, emit: Callable[[Scope, Call], Value]) -> Function:
    """A function that is an operator by another name."""
    return Function(name, lambda scope, call: emit(scope, replace(call, name=meaning)))


FUNCTIONS = (
    *(Function(name, _emit_binary) for name in ("+", "-", "*")),
    _alias("add", "+", _emit_binary),
    _alias("subtract", "-", _emit_binary),
    _alias("multiply", "*", _emit_binary),
    Function("/", _emit_division),
    *(Function(name, _emit_truncating_division) for name in ("//", "%")),
    _alias("divide", "//", _emit_truncating_division),
    _alias("mod", "%", _emit_truncating_division),
)
