"""The rows of the step before, for the steps of a recursion, and what is kept from step to step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, cast, runtime_checkable

from locality.operators.physical import Answer, Delegate, Execution, Explanation
from locality.operators.relations.relation import Relation
from locality.types import DataType


@runtime_checkable
class Varying(Protocol):
    """What an execution keeps under this key may depend on the step."""

    varies: bool


@dataclass(eq=False)
class LastRows:
    """The rows that came last, of a recursion with columns of these ``types``; read within a :class:`Step` alone."""

    types: tuple[DataType, ...]

    def read(self, execution: Execution) -> Relation:
        """The rows of the step before."""
        return execution.once(self, _outside)

    @cached_property
    def explanation(self) -> Explanation:
        """One object for all readers."""
        return Explanation("rows of the step before")


def _outside() -> Relation:
    raise AssertionError("the rows of the step before are read by steps of a recursion alone")


class Step(Delegate):
    """An execution of one step: what depends on ``rows``, those that came last, is kept for this step alone."""

    def __init__(self, base: Execution, last: LastRows, rows: Relation) -> None:
        super().__init__(base)
        self._last, self._rows = last, rows
        self._kept: dict[object, Any] = {}

    def once(self, key: object, compute: Callable[[], Answer]) -> Answer:
        if key is self._last:
            return cast("Answer", self._rows)
        if not (isinstance(key, Varying) and key.varies):
            return super().once(key, compute)
        if key not in self._kept:
            self._kept[key] = compute()
        return cast("Answer", self._kept[key])
