"""Comparisons of a widened column as comparisons of the column itself, which its codes can answer.

A parameter is of a type of its own, so ``small = ?`` compares ``CAST(small AS INTEGER)``. Where bounds prove that the
cast multiplies all of the column's values by one factor and overflows for none, dividing the constants is the same.
"""

from __future__ import annotations

from locality.plan.expressions import Call, Cast, ColumnRef, Constant, Expression, rewrite
from locality.plan.intervals import Interval
from locality.types import BOOLEAN, DataType

#: Comparisons, and what each becomes with its sides exchanged.
MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
#: Units of a TIMESTAMP in one of another type.
_MICROSECONDS = {"DATE": 86_400_000_000, "TIMESTAMP_S": 1_000_000, "TIMESTAMP_MS": 1_000}
#: Beyond all codes on either side.
_LEAST, _GREATEST = -(2**63) - 1, 2**64 + 1


def uncast(predicate: Expression, interval: Interval) -> Expression:
    """A predicate over one column, whose physical values lie in ``interval``, without casts that only multiply it.

    Constants of the result may lie beyond their type's range, and compare as the integers that they are.
    """
    return rewrite(predicate, lambda e: _uncast(e, interval))


def _uncast(expression: Expression, interval: Interval) -> Expression:
    match expression:
        case Call("is null" | "is not null" as name, (Cast(ColumnRef() as column, dtype),)):
            return expression if _factor(column.type, dtype, interval) is None else Call(name, (column,), BOOLEAN)
        case Call("in", (Cast(ColumnRef() as column, dtype), *candidates)):
            return _member(column, _factor(column.type, dtype, interval), candidates) or expression
        case Call(name, (Cast(ColumnRef() as column, dtype), Constant(int(value)))) if name in MIRRORED:
            return _compared(name, column, _factor(column.type, dtype, interval), value) or expression
        case Call(name, (Constant(int(value)), Cast(ColumnRef() as column, dtype))) if name in MIRRORED:
            return _compared(MIRRORED[name], column, _factor(column.type, dtype, interval), value) or expression
        case _:
            return expression


def _factor(source: DataType, target: DataType, interval: Interval) -> int | None:
    """What the cast multiplies physical values within ``interval`` by; None if it may do something else."""
    if (source.is_integral or source.is_decimal) and (target.is_integral or target.is_decimal):
        if target.scale < source.scale:
            return None
        factor = 10 ** (target.scale - source.scale)
    elif target.name == "TIMESTAMP" and source.name in _MICROSECONDS:
        factor = _MICROSECONDS[source.name]
    else:
        return None
    low, high = target.bounds
    return factor if low < interval.low * factor and interval.high * factor < high else None


def _compared(name: str, column: ColumnRef, factor: int | None, value: int) -> Expression | None:
    if factor is None:
        return None
    bound = divided(name, factor, value)
    if bound is None:
        return Call("in", (column,), BOOLEAN) if name == "=" else Call("is not null", (column,), BOOLEAN)
    return Call(name, (column, Constant(min(max(bound, _LEAST), _GREATEST), column.type)), BOOLEAN)


def divided(name: str, factor: int, value: int) -> int | None:
    """What a number compares with so, where the number times ``factor`` compares so with ``value``.

    None where none is equal, or all are different.
    """
    below, rest = divmod(value, factor)
    if rest and name in ("=", "<>"):
        return None
    return below + 1 if rest and name in ("<", ">=") else below


def multiplied(expression: Expression, interval: Interval) -> tuple[ColumnRef, int] | None:
    """The column and the factor of an expression that multiplies physical values within ``interval``, by 1 perhaps."""
    match expression:
        case ColumnRef():
            return expression, 1
        case Cast(ColumnRef() as column, dtype):
            factor = _factor(column.type, dtype, interval)
            return None if factor is None else (column, factor)
        case _:
            return None


def _member(column: ColumnRef, factor: int | None, candidates: list[Expression]) -> Expression | None:
    constants = [c for c in candidates if isinstance(c, Constant) and (c.value is None or isinstance(c.value, int))]
    if factor is None or len(constants) < len(candidates):
        return None
    equal = [c for c in constants if not isinstance(c.value, int) or c.value % factor == 0]
    divided = (None if not isinstance(c.value, int) else c.value // factor for c in equal)
    return Call("in", (column, *(Constant(value, column.type) for value in divided)), BOOLEAN)
