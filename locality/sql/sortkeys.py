"""Extremes by a key as what they are, the first values in an order.

``first(x ORDER BY y)``, which DuckDB plans as ``arg_min_null(x, create_sort_key(y, 'ASC NULLS LAST'))``; ``max(x, 3)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from locality.errors import Unsupported
from locality.plan.expressions import AggregateCall, Call, Constant, Expression, SortKey, conjunction
from locality.types import BOOLEAN, element_of

#: Each function by whether the greatest key is wanted, and whether rows without a value are passed over.
_EXTREMES = {
    "arg_min": (False, True),
    "arg_max": (True, True),
    "arg_min_null": (False, False),
    "arg_max_null": (True, False),
}
#: Functions that give a list of so many extremes, by whether the greatest are wanted; more values than DuckDB lists.
_EXTREMES_OF_SOME = {"min": False, "arg_min": False, "max": True, "arg_max": True}
_MOST_VALUES = 1_000_000


def by_sort_key(call: AggregateCall) -> AggregateCall:
    """An extreme by a sort key, or a list of extremes, as the first values in an order; other calls as they are.

    Raises Unsupported for sort keys that are said in another way.
    """
    match call:
        case AggregateCall(name, (value, Call("create_sort_key", parts, _))) if name in _EXTREMES and not call.keys:
            greatest, known = _EXTREMES[name]
            keys = tuple(_key(parts[i : i + 2], greatest) for i in range(0, len(parts), 2))
            conditions = [] if call.filter is None else [call.filter]
            if known:
                conditions.append(Call("is not null", (value,), BOOLEAN))
            where = conjunction(conditions) if conditions else None
            return replace(call, name="first", args=(value,), filter=where, keys=keys)
        case AggregateCall(name, (value, *others)) if name in _EXTREMES_OF_SOME and element_of(call.type) == value.type:
            return _first_some(call, value, others)
        case _:
            return call


def _first_some(call: AggregateCall, value: Expression, others: Sequence[Expression]) -> AggregateCall:
    """``max(x, n)`` and ``arg_max(x, y, n)``: the first ``n`` of the values in an order, as a list."""
    match others:
        case [*keys, Constant(int(count)) as many] if len(keys) <= 1 and 0 < count < _MOST_VALUES and not call.distinct:
            key = SortKey(keys[0] if keys else value, _EXTREMES_OF_SOME[call.name])
            conditions = [Call("is not null", (part,), BOOLEAN) for part in (value, *keys)]
            where = conjunction(conditions if call.filter is None else [call.filter, *conditions])
            return replace(call, name="list", args=(value, many), filter=where, keys=(key,))
        case _:
            raise Unsupported(f"aggregate {call.name} over {call.type}")


def _key(parts: tuple[Expression, ...], greatest: bool) -> SortKey:
    match parts:
        case (expression, Constant(str(text))):
            words = text.upper().split()
            descending, nulls_first = words[0] == "DESC", words[-1] == "FIRST"
            return SortKey(expression, descending is not greatest, nulls_first is not greatest)
        case _:
            raise Unsupported("a sort key by an expression")
