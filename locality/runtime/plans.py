"""The planned queries of a connection, by what makes two calls the same query."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping

from locality.runtime.query import PreparedQuery
from locality.sql.given import Parameters

#: Planned queries that are kept; those that were asked last.
_MOST = 256


class Plans:
    """Prepared queries, or why DuckDB has to answer; over one snapshot. Callers with several threads take turns."""

    def __init__(self) -> None:
        self._plans: OrderedDict[Hashable, PreparedQuery | str] = OrderedDict()

    def find(self, key: Hashable | None) -> PreparedQuery | str | None:
        """What was planned for this key; None if nothing was, or there is no key."""
        if key is None or key not in self._plans:
            return None
        self._plans.move_to_end(key)
        return self._plans[key]

    def keep(self, key: Hashable | None, planned: PreparedQuery | str) -> None:
        """Has this found for the key, if there is one."""
        if key is not None:
            self._plans[key] = planned
            if len(self._plans) > _MOST:
                self._plans.popitem(last=False)

    def clear(self) -> None:
        """Forgets all of them."""
        self._plans.clear()


def key_of(sql: str, params: Parameters | None, disabled: frozenset[str]) -> Hashable | None:
    """What makes two calls the same query."""
    if params is None:
        return sql, disabled
    items = tuple(params.items()) if isinstance(params, Mapping) else tuple(enumerate(params))
    return (sql, disabled, tuple((name, type(value), repr(value)) for name, value in items))
