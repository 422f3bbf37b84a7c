"""Window functions: what is computed for a row over the rows around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from locality.plan.expressions import Expression, SortKey
from locality.types import DataType

BoundKind = Literal["unbounded preceding", "preceding", "current row", "following", "unbounded following"]


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a frame.

    ``offset`` is given for ``preceding`` and ``following``: a number of rows or groups; for a range the very value of
    the key at which the frame ends, computed for each row (the row's key less the distance, say).
    """

    kind: BoundKind
    offset: Expression | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """The rows of the partition that a call sees from its row: by counting rows or peer groups, or by distance."""

    unit: Literal["rows", "range", "groups"]
    start: Bound
    end: Bound


@dataclass(frozen=True, slots=True)
class WindowCall:
    """A window function or aggregate by DuckDB's name, over the columns of the node's child.

    ``args`` of ``lag`` and ``lead`` are the value, the offset and the default. ``distinct`` and ``filter`` are an
    aggregate's. ``exclude`` is SQL's EXCLUDE clause.
    """

    name: str
    args: tuple[Expression, ...]
    type: DataType
    partitions: tuple[Expression, ...]
    keys: tuple[SortKey, ...]
    frame: Frame
    filter: Expression | None = None
    distinct: bool = False
    ignore_nulls: bool = False
    exclude: Literal["no others", "current row", "group", "ties"] = "no others"

    def expressions(self) -> Iterator[Expression]:
        """All that the call reads."""
        yield from self.args
        yield from self.partitions
        yield from (key.expression for key in self.keys)
        others = (self.frame.start.offset, self.frame.end.offset, self.filter)
        yield from (expression for expression in others if expression is not None)

    def mapped(self, change: Callable[[Expression], Expression]) -> WindowCall:
        """The call with every expression that it reads changed."""

        def bound(end: Bound) -> Bound:
            return end if end.offset is None else replace(end, offset=change(end.offset))

        return replace(
            self,
            args=tuple(change(arg) for arg in self.args),
            partitions=tuple(change(partition) for partition in self.partitions),
            keys=tuple(replace(key, expression=change(key.expression)) for key in self.keys),
            frame=replace(self.frame, start=bound(self.frame.start), end=bound(self.frame.end)),
            filter=None if self.filter is None else change(self.filter),
        )
