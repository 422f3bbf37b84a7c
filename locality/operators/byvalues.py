"""What is prepared for conditions of a stored table, by the values of their parameters."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from locality.plan.expressions import Expression, Parameter, PhysicalValue, walk
from locality.plan.parameters import bound_expression

Prepared = TypeVar("Prepared")
Conjuncts = tuple[Expression, ...]
#: By the number of a parameter.
Values = Sequence[PhysicalValue]

#: Values whose preparations are kept; those that were asked for longest ago go first.
_MOST = 8


class ByValues(Generic[Prepared]):
    """Preparations for the last values; threads may share them."""

    def __init__(self, conjuncts: Conjuncts, first: Prepared, under: Callable[[Values], Prepared]) -> None:
        """first: what is prepared for the conjuncts' own values; ``under`` prepares for others when they come."""
        self.first, self._under = first, under
        self._values = values_of(conjuncts)
        self._latest: OrderedDict[Hashable, Prepared] = OrderedDict({value_key(self._values, ()): self.first})
        self._lock = threading.Lock()

    def get(self, values: Values) -> Prepared:
        """The preparation for values by parameter; for the first ones if there are none."""
        if not values or not self._values:
            return self.first
        key = value_key(self._values, values)
        with self._lock:
            found = self._latest.get(key)
            if found is not None:
                self._latest.move_to_end(key)
                return found
        found = self._under(values)
        with self._lock:
            self._latest[key] = found
            if len(self._latest) > _MOST:
                self._latest.popitem(last=False)
        return found


def values_of(conjuncts: Conjuncts) -> dict[int, PhysicalValue]:
    """The values of the parameters in conjuncts, by number."""
    found = (e for conjunct in conjuncts for e in walk(conjunct) if isinstance(e, Parameter))
    return {parameter.index: parameter.value for parameter in found}


def bound_all(conjuncts: Conjuncts, values: Values | Mapping[int, PhysicalValue]) -> Conjuncts:
    """The conjuncts with ``values``, by parameter, in the place of those that they have."""
    return tuple([bound_expression(conjunct, values) for conjunct in conjuncts])


def value_key(first: Mapping[int, PhysicalValue], values: Values) -> Hashable:
    """Equal for the same ``values`` of the parameters that ``first`` has, whose values count where there are none.

    -0.0 is not 0.0.
    """
    found = [values[index] for index in first] if values else first.values()
    return tuple([value.hex() if isinstance(value, float) else value for value in found])
