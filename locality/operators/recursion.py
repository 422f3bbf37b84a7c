"""The rows of the step before, for the steps of a recursion, and what is kept from step to step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, cast, runtime_checkable

from locality.operators.physical import Answer, Execution, Explanation, Item, Traffic
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


@dataclass
class Step:
    """An execution of one step: what depends on ``rows``, those that came last, is kept for this step alone."""

    base: Execution
    last: LastRows
    rows: Relation
    threads: int = field(init=False)
    memory_limit: int = field(init=False)
    _kept: dict[object, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.threads, self.memory_limit = self.base.threads, self.base.memory_limit

    def measure(self, operator: str) -> AbstractContextManager[Traffic]:
        return self.base.measure(operator)

    def run(self, items: Sequence[Item], work: Callable[[int, Item], Any]) -> None:
        self.base.run(items, work)

    def reserve(self, nbytes: int, what: str) -> None:
        self.base.reserve(nbytes, what)

    def release(self, nbytes: int) -> None:
        self.base.release(nbytes)

    def once(self, key: object, compute: Callable[[], Answer]) -> Answer:
        if key is self.last:
            return cast("Answer", self.rows)
        if not (isinstance(key, Varying) and key.varies):
            return self.base.once(key, compute)
        if key not in self._kept:
            self._kept[key] = compute()
        return cast("Answer", self._kept[key])
