"""Three-valued logic, NULL tests and the conditional functions that choose among their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.plan.expressions import Call, Case
from locality.plan.functions.base import Function, Scope, Value, all_valid, as_double, as_integer, is_true
from locality.plan.functions.comparison import compare

_TRUE = ir.Const(True, Scalar.BOOL)


#: Terms that are folded from left to right; more are folded by halves, as depth costs.
_FEW_TERMS = 16


def _fold(op: str, terms: Sequence[ir.Expr]) -> ir.Expr:
    if len(terms) > _FEW_TERMS:
        middle = len(terms) // 2
        return ir.Binary(op, _fold(op, terms[:middle]), _fold(op, terms[middle:]))
    result = terms[0]
    for term in terms[1:]:
        result = ir.Binary(op, result, term)
    return result


def _emit_and(scope: Scope, call: Call) -> Value:
    """False if any argument is false, else NULL if any is NULL."""
    args = tuple(scope.emit(arg) for arg in call.args)
    value = _fold("&", [a.expr if a.valid is None else b.or_(a.expr, b.not_(a.valid)) for a in args])
    valid = all_valid(args)
    if valid is None:
        return Value(value)
    certain = [b.not_(a.expr) if a.valid is None else b.and_(b.not_(a.expr), a.valid) for a in args]
    return Value(value, b.or_(valid, _fold("|", certain)))


def _emit_or(scope: Scope, call: Call) -> Value:
    """True if any argument is true, else NULL if any is NULL."""
    args = tuple(scope.emit(arg) for arg in call.args)
    value = _fold("|", [is_true(a) for a in args])
    valid = all_valid(args)
    return Value(value, None if valid is None else b.or_(valid, value))


def _emit_not(scope: Scope, call: Call) -> Value:
    arg = scope.emit(call.args[0])
    return Value(b.not_(arg.expr), arg.valid)


def _emit_is_null(scope: Scope, call: Call) -> Value:
    valid = scope.emit(call.args[0]).valid or _TRUE
    return Value(valid if call.name == "is not null" else b.not_(valid))


def _shared(scope: Scope, value: Value) -> Value:
    return replace(value, expr=scope.share(value.expr), valid=None if value.valid is None else scope.share(value.valid))


def choose(scope: Scope, condition: ir.Expr, then: Value, otherwise: Value) -> Value:
    """``then`` where the condition holds, else ``otherwise``; both as the wider of the two physical types."""
    if then.packed or otherwise.packed:
        raise Unsupported("a choice between raw strings")
    if then.dictionary is not None or otherwise.dictionary is not None:
        then, otherwise = scope.unify(then, otherwise)
        bounds = None
    elif then.is_float or otherwise.is_float:
        if then.expr.type is not otherwise.expr.type:
            then, otherwise = as_double(then), as_double(otherwise)
        bounds = None
    elif not (then.is_boolean and otherwise.is_boolean):
        then, otherwise = as_integer(then), as_integer(otherwise)
        bounds = then.range | otherwise.range
    else:
        bounds = None
    condition = scope.share(condition)
    valid = None
    if then.valid is not None or otherwise.valid is not None:
        valid = b.select(condition, then.valid or _TRUE, otherwise.valid or _TRUE)
    return Value(b.select(condition, then.expr, otherwise.expr), valid, bounds, then.dictionary)


def emit_case(scope: Scope, case: Case) -> Value:
    """The value of the first branch whose condition is true; only that branch can fail."""
    conditions: list[ir.Expr] = []
    values: list[Value] = []
    rest = scope
    for condition, value in case.branches:
        holds = scope.share(is_true(rest.emit(condition)))
        conditions.append(holds)
        values.append(rest.under(holds).emit(value))
        rest = rest.under(b.not_(holds))
    result = rest.emit(case.otherwise)
    for holds, chosen in zip(reversed(conditions), reversed(values), strict=True):
        result = choose(scope, holds, chosen, result)
    return result


def _emit_coalesce(scope: Scope, call: Call) -> Value:
    """The first value that is not NULL; those after it can't fail."""
    values: list[Value] = []
    rest = scope
    for arg in call.args:
        value = _shared(scope, rest.emit(arg))
        values.append(value)
        if value.valid is None:
            break
        rest = rest.under(b.not_(value.valid))
    result = values.pop()
    for value in reversed(values):
        assert value.valid is not None
        result = choose(scope, value.valid, value, result)
    return result


def _emit_greatest(scope: Scope, call: Call) -> Value:
    """``greatest`` and ``least`` skip NULLs; NULL only if every argument is."""
    result, *rest = (_shared(scope, scope.emit(arg)) for arg in call.args)
    order = ">" if call.name == "greatest" else "<"
    for arg in rest:
        better = compare(scope, order, arg, result)
        if result.valid is not None:
            better = b.or_(better, b.not_(result.valid))
        if arg.valid is not None:
            better = b.and_(better, arg.valid)
        result = _shared(scope, choose(scope, better, arg, result))
    return result


def _emit_nullif(scope: Scope, call: Call) -> Value:
    left, right = (scope.emit(arg) for arg in call.args)
    if left.is_float is not right.is_float:
        raise Unsupported("nullif of mixed types")
    equal = compare(scope, "=", left, right)
    if right.valid is not None:
        equal = b.and_(equal, right.valid)
    different = b.not_(equal)
    return replace(left, valid=different if left.valid is None else b.and_(left.valid, different))


FUNCTIONS = (
    Function("and", _emit_and),
    Function("or", _emit_or),
    Function("not", _emit_not),
    *(Function(name, _emit_is_null) for name in ("is null", "is not null")),
    Function("coalesce", _emit_coalesce),
    *(Function(name, _emit_greatest) for name in ("greatest", "least")),
    Function("nullif", _emit_nullif),
)
