"""What every physical operator offers: a tree that is prepared once for a plan, then executed any number of times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from locality.operators.relations.batch import Batch
from locality.plan.expressions import PhysicalValue
from locality.types import DataType

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass
class Traffic:
    """Bytes that one operator moved in one execution, counted from what its plan touched.

    read: from layouts or from its input. state: written to and read from intermediate state. written: its output.
    minimum: what any plan over these layouts must read for it. rows: rows that it put out.
    zones_read, zones_total, zones_answered: of a scan; those answered were not read, because their statistics told all.
    touched: what of ``read`` came from stored columns, by ``table.column``.
    """

    operator: str
    detail: str = ""
    read: int = 0
    state: int = 0
    written: int = 0
    minimum: int = 0
    rows: int = 0
    seconds: float = 0.0
    zones_read: int = 0
    zones_total: int = 0
    zones_answered: int = 0
    touched: dict[str, int] = field(default_factory=dict)

    @property
    def moved(self) -> int:
        return self.read + self.state + self.written

    def add_reads(self, reads: Mapping[str, int]) -> None:
        """Counts bytes read by the column that they are of; those of intermediate results have the name ''."""
        for column, nbytes in reads.items():
            self.read += nbytes
            if column:
                self.touched[column] = self.touched.get(column, 0) + nbytes


class Execution(Protocol):
    """What an operator may use while it runs.

    values: of the parameters of the operators' conditions, by number; none where these have the values of this run.
    """

    threads: int
    memory_limit: int
    values: Sequence[PhysicalValue]

    def measure(self, operator: str) -> AbstractContextManager[Traffic]:
        """An entry in the ledger for the time that the body takes and the bytes that it counts."""

    def run(self, items: Sequence[Item], work: Callable[[int, Item], Any]) -> None:
        """Calls ``work(worker, item)`` for every item on the worker threads, items in order of their start."""

    def reserve(self, nbytes: int, what: str) -> None:
        """Raises MemoryLimitError if ``nbytes`` of intermediate state would pass the limit."""

    def once(self, key: object, compute: Callable[[], Answer]) -> Answer:
        """What ``compute()`` gave at the first call with this very ``key`` in the execution."""

    def release(self, nbytes: int) -> None:
        """Gives back ``nbytes`` of what was reserved."""


class Delegate(Execution):
    """An execution on behalf of another one, which does whatever a subclass does not do itself."""

    def __init__(self, base: Execution) -> None:
        self.threads, self.memory_limit, self.values = base.threads, base.memory_limit, base.values
        self._base = base

    def measure(self, operator: str) -> AbstractContextManager[Traffic]:
        return self._base.measure(operator)

    def run(self, items: Sequence[Item], work: Callable[[int, Item], Any]) -> None:
        self._base.run(items, work)

    def reserve(self, nbytes: int, what: str) -> None:
        self._base.reserve(nbytes, what)

    def once(self, key: object, compute: Callable[[], Answer]) -> Answer:
        return self._base.once(key, compute)

    def release(self, nbytes: int) -> None:
        self._base.release(nbytes)


class Physical(Protocol):
    """An operator that is ready to run."""

    @property
    def types(self) -> tuple[DataType, ...]:
        """The types of its output."""

    def execute(self, execution: Execution) -> Batch:
        """Its output; raises Unsupported if DuckDB has to answer after all (a possible overflow, say)."""

    def explain(self) -> Explanation:
        """What it will do, for people."""


@dataclass(frozen=True)
class Explanation:
    """A node of an explained plan."""

    operator: str
    details: tuple[str, ...] = ()
    children: tuple[Explanation, ...] = field(default=())

    def lines(self) -> list[str]:
        """The tree as indented text, the operator that runs last on top; what is below a node is shown once."""
        return self._lines(0, set())

    def _lines(self, depth: int, shown: set[int]) -> list[str]:
        indent = "  " * depth
        if id(self) in shown:
            return [f"{indent}{self.operator}, see above"]
        shown.add(id(self))
        own = [f"{indent}{self.operator}", *(f"{indent}    {detail}" for detail in self.details)]
        return own + [line for child in self.children for line in child._lines(depth + 1, shown)]
