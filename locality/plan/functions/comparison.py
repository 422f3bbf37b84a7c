"""Comparisons: integers directly; floats in DuckDB's total order, in which NaN equals NaN and exceeds everything."""

from __future__ import annotations

from dataclasses import replace

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Scalar
from locality.plan import lanes
from locality.plan.expressions import Call, Constant
from locality.plan.functions.base import Function, Scope, Value, as_double, as_integer, both
from locality.plan.intervals import INT64_MAX, INT64_MIN
from locality.types import Domain

_OPERATORS = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def compare(scope: Scope, name: str, left: Value, right: Value) -> ir.Expr:
    """``left name right`` as BOOL, ignoring validity."""
    if left.is_string and right.is_string:
        left, right = scope.unify(left, right)
        return ir.Compare(_OPERATORS[name], left.expr, right.expr)
    if left.is_float or right.is_float:
        return _compare_floats(name, scope.share(as_double(left).expr), scope.share(as_double(right).expr))
    left, right = as_integer(left), as_integer(right)
    return ir.Compare(_OPERATORS[name], *lanes.comparable(left.expr, right.expr, left.range, right.range))


def is_nan(value: ir.Expr) -> ir.Expr:
    """Whether a float is NaN."""
    return b.ne(value, value)


def _compare_floats(name: str, left: ir.Expr, right: ir.Expr) -> ir.Expr:
    """Total order from IEEE comparisons, which are all false (but ``!=``) where a NaN takes part."""
    match name:
        case "=":
            return b.or_(b.eq(left, right), b.and_(is_nan(left), is_nan(right)))
        case "<>":
            return b.not_(_compare_floats("=", left, right))
        case "<":
            return b.and_(b.not_(is_nan(left)), b.not_(b.le(right, left)))
        case "<=":
            return b.or_(b.le(left, right), is_nan(right))
        case _:
            return _compare_floats("<" if name == ">" else "<=", right, left)


def _emit_comparison(scope: Scope, call: Call) -> Value:
    left, right = (scope.emit(arg) for arg in call.args)
    return Value(compare(scope, call.name, left, right), both(left.valid, right.valid))


def _emit_distinct(scope: Scope, call: Call) -> Value:
    """IS [NOT] DISTINCT FROM: NULL equals NULL, and the answer is never NULL."""
    left, right = (scope.emit(arg) for arg in call.args)
    same = compare(scope, "=", left, right)
    if left.valid is not None or right.valid is not None:
        true = ir.Const(True, Scalar.BOOL)
        left_valid, right_valid = left.valid or true, right.valid or true
        same = b.select(b.and_(left_valid, right_valid), same, b.eq(_bit(left_valid), _bit(right_valid)))
    return Value(b.not_(same) if call.name == "is distinct from" else same)


def _bit(condition: ir.Expr) -> ir.Expr:
    return b.convert(condition, Scalar.U8)


def _emit_in(scope: Scope, call: Call) -> Value:
    """``needle IN (candidates)`` as a disjunction of equalities; NULL where unmatched and a candidate is NULL."""
    if len(call.args) > _MOST_CANDIDATES + 1:
        return _emit_in_many(scope, call)
    needle, *candidates = (scope.emit(arg) for arg in call.args)
    needle = replace(needle, expr=scope.share(needle.expr))
    matched: ir.Expr = ir.Const(False, Scalar.BOOL)
    known: ir.Expr | None = None
    for candidate in candidates:
        hit = compare(scope, "=", needle, candidate)
        matched = b.or_(matched, hit if candidate.valid is None else b.and_(hit, candidate.valid))
        known = both(known, candidate.valid)
    return Value(matched, both(needle.valid, None if known is None else b.or_(matched, known)))


def _emit_in_many(scope: Scope, call: Call) -> Value:
    """The same by a search among many integers; raises Unsupported for other types."""
    needle, candidates = scope.emit(call.args[0]), call.args[1:]
    known = [c.value for c in candidates if isinstance(c, Constant) and c.type == call.args[0].type]
    numbers = [value for value in known if isinstance(value, int) and INT64_MIN <= value <= INT64_MAX]
    has_null = None in known
    is_integer = call.args[0].type.domain is Domain.INTEGER and not needle.is_string
    if not is_integer or len(numbers) + known.count(None) < len(candidates):
        raise Unsupported(f"IN with more than {_MOST_CANDIDATES} candidates over a wide column")
    matched = scope.share(scope.among(as_integer(needle).expr, numbers))
    return Value(matched, both(needle.valid, matched) if has_null else needle.valid)


_MOST_CANDIDATES = 32

FUNCTIONS = (
    *(Function(name, _emit_comparison) for name in _OPERATORS),
    *(Function(name, _emit_distinct) for name in ("is distinct from", "is not distinct from")),
    Function("in", _emit_in),
)
