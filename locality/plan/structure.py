"""Keys of expressions: equal where two compute the same of the same columns.

Equality of expressions is Python's, for which 0.0 is -0.0 and NaN differs from itself: right within one plan, but not
for what is kept from query to query.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from locality.plan.expressions import (
    AggregateCall,
    Call,
    Case,
    Cast,
    ColumnRef,
    Constant,
    Expression,
    Held,
    Lambda,
    Lookup,
    SortKey,
)


def structure(expression: Expression | None) -> Hashable:
    """The key of an expression; None for none."""
    match expression:
        case None:
            return None
        case ColumnRef(index, dtype):
            return index, dtype
        case Constant(value, dtype):
            return "constant", value.hex() if isinstance(value, float) else value, dtype
        case Call(name, args, dtype):
            return name, dtype, *map(structure, args)
        case Cast(arg, dtype, lenient):
            return "cast", dtype, lenient, structure(arg)
        case Case(branches, otherwise, dtype):
            return "case", dtype, *((structure(c), structure(v)) for c, v in branches), structure(otherwise)
        case Lambda(parameters, given, body, dtype):
            return "lambda", parameters, given, dtype, structure(body)
        case Lookup(column, inner, dtype, ranked):
            return "lookup", column, dtype, ranked, structure(inner)
        case Held():
            return expression


def structures(expressions: Iterable[Expression]) -> tuple[Hashable, ...]:
    """The keys of several."""
    return tuple(map(structure, expressions))


def structure_of_call(call: AggregateCall) -> Hashable:
    """The key of an aggregate."""
    keys = tuple(structure_of_sort_key(key) for key in call.keys)
    return call.name, call.type, call.distinct, structures(call.args), structure(call.filter), keys


def structure_of_sort_key(key: SortKey) -> Hashable:
    """The key of an ORDER BY term."""
    return structure(key.expression), key.descending, key.nulls_first
