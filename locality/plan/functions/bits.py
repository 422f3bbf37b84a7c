"""Bit operations on integers, in two's complement of the type's width."""

from __future__ import annotations

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.plan.expressions import Call
from locality.plan.functions.arithmetic import result_bounds
from locality.plan.functions.base import Function, Scope, Value, all_valid, as_integer, both
from locality.plan.intervals import Interval

_OPERATORS = {"&": "&", "|": "|", "xor": "^"}
_BITS = 64


def _integers(scope: Scope, call: Call) -> tuple[Value, ...]:
    if not call.type.is_integral or any(arg.type != call.type for arg in call.args):
        raise Unsupported(f"{call.name} of {call.args[0].type}")
    return tuple(as_integer(scope.emit(arg)) for arg in call.args)


def _emit_bitwise(scope: Scope, call: Call) -> Value:
    """``&``, ``|`` and ``xor``; narrow values are sign-extended, and so are results."""
    left, right = values = _integers(scope, call)
    expr = ir.Binary(_OPERATORS[call.name], left.expr, right.expr)
    widest = max(_bits(left.range), _bits(right.range))
    low = 0 if min(left.range.low, right.range.low) >= 0 else -(2**widest)
    return Value(expr, all_valid(values), Interval(low, 2**widest - 1))


def _bits(interval: Interval) -> int:
    """How many bits below the sign the integers of an interval need."""
    return max(interval.high.bit_length(), (-interval.low - 1).bit_length() if interval.low < 0 else 0)


def _emit_complement(scope: Scope, call: Call) -> Value:
    """``~``: -1 - x; of an unsigned type, the greatest value minus x."""
    (value,) = _integers(scope, call)
    low, high = call.type.bounds
    total = low + high
    if call.type.name == "UBIGINT":
        raise Unsupported("~ of UBIGINT")
    expr = b.sub(b.const_i64(total), value.expr)
    return Value(expr, value.valid, Interval(total - value.range.high, total - value.range.low))


def _emit_shift_left(scope: Scope, call: Call) -> Value:
    """Negative operands, shifts of the type's width and overflow are errors."""
    value, shift = _integers(scope, call)
    number, places = scope.share(value.expr), scope.share(shift.expr)
    high = result_bounds(call.type).high
    safe = b.minimum(b.maximum(places, b.const_i64(0)), b.const_i64(_BITS - 1))
    wrong = b.or_(b.lt(number, b.const_i64(0)), b.ne(places, safe))
    overflow = b.gt(number, b.shift_right(scope.integer(high), safe))
    fault = scope.share(b.or_(wrong, overflow))
    valid = both(value.valid, shift.valid)
    scope.fault(fault, valid)
    return Value(b.select(fault, b.const_i64(0), b.shift_left(number, safe)), valid, Interval(0, high))


def _emit_shift_right(scope: Scope, call: Call) -> Value:
    """Arithmetic; 0 for shifts that are negative, or of the type's width or more."""
    value, shift = _integers(scope, call)
    places = scope.share(shift.expr)
    low, high = call.type.bounds
    width = (high - low).bit_length()
    inside = b.and_(b.ge(places, b.const_i64(0)), b.lt(places, b.const_i64(width)))
    shifted = b.shift_right(value.expr, b.select(inside, places, b.const_i64(0)))
    expr = b.select(inside, shifted, b.const_i64(0))
    bounds = Interval(min(value.range.low, 0), max(value.range.high, 0))
    return Value(expr, both(value.valid, shift.valid), bounds)


FUNCTIONS = (
    *(Function(name, _emit_bitwise) for name in _OPERATORS),
    Function("~", _emit_complement),
    Function("<<", _emit_shift_left),
    Function(">>", _emit_shift_right),
)
