"""Elementary functions of doubles: roots, exponentials, logarithms, powers, angles."""

from __future__ import annotations

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel.ir import Scalar
from locality.plan.expressions import Call
from locality.plan.functions.base import Function, Scope, Value, all_valid, as_double

_PRIMITIVES = {
    "sqrt": "square_root",
    "exp": "exponential",
    "ln": "natural_logarithm",
    "log": "decimal_logarithm",
    "log10": "decimal_logarithm",
    "log2": "binary_logarithm",
    "sin": "sine",
    "cos": "cosine",
    "tan": "tangent",
    "atan": "arc_tangent",
}
_FACTORS = {"radians": (3.141592653589793, 180.0), "degrees": (180.0, 3.141592653589793)}


def _doubles(scope: Scope, call: Call) -> tuple[Value, ...]:
    if call.type.name != "DOUBLE" or any(not arg.type.is_float for arg in call.args):
        raise Unsupported(f"{call.name} of {call.args[0].type}")
    return tuple(as_double(scope.emit(arg)) for arg in call.args)


def _emit_elementary(scope: Scope, call: Call) -> Value:
    values = _doubles(scope, call)
    if call.name == "log" and len(values) == 2:
        base, value = (b.call("decimal_logarithm", value.expr) for value in values)
        return Value(b.div(value, base), all_valid(values))
    return Value(b.call(_PRIMITIVES[call.name], values[0].expr), values[0].valid)


def _emit_power(scope: Scope, call: Call) -> Value:
    base, exponent = values = _doubles(scope, call)
    return Value(b.call("power", base.expr, exponent.expr), all_valid(values))


def _emit_angle(scope: Scope, call: Call) -> Value:
    (angle,) = _doubles(scope, call)
    factor, divisor = (b.const(number, Scalar.F64) for number in _FACTORS[call.name])
    return Value(b.mul(angle.expr, b.div(factor, divisor)), angle.valid)


FUNCTIONS = (
    *(Function(name, _emit_elementary) for name in _PRIMITIVES),
    *(Function(name, _emit_power) for name in ("pow", "power", "**", "^")),
    *(Function(name, _emit_angle) for name in _FACTORS),
)
