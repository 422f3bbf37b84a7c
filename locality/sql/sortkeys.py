"""``first(x ORDER BY y)`` again, which DuckDB plans as ``arg_min_null(x, create_sort_key(y, 'ASC NULLS LAST'))``."""

from __future__ import annotations

from dataclasses import replace

from locality.errors import Unsupported
from locality.plan.expressions import AggregateCall, Call, Constant, Expression, SortKey, conjunction
from locality.types import BOOLEAN

#: Each function by whether the greatest key is wanted, and whether rows without a value are passed over.
_EXTREMES = {
    "arg_min": (False, True),
    "arg_max": (True, True),
    "arg_min_null": (False, False),
    "arg_max_null": (True, False),
}


def by_sort_key(call: AggregateCall) -> AggregateCall:
    """An extreme by a sort key as the first value in an order; other calls as they are.

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
        case _:
            return call


def _key(parts: tuple[Expression, ...], greatest: bool) -> SortKey:
    match parts:
        case (expression, Constant(str(text))):
            words = text.upper().split()
            descending, nulls_first = words[0] == "DESC", words[-1] == "FIRST"
            return SortKey(expression, descending is not greatest, nulls_first is not greatest)
        case _:
            raise Unsupported("a sort key by an expression")
