"""Logical plan nodes: frozen, positional (columns are numbered), typed. Children come first in every node."""

from __future__ import annotations

from dataclasses import dataclass

from locality.plan.expressions import AggregateCall, Expression, SortKey
from locality.types import DataType


@dataclass(frozen=True, slots=True)
class Scan:
    """A stored table. Output: the table's columns ``columns`` (by position in the table), in that order."""

    table: str
    columns: tuple[int, ...]
    types: tuple[DataType, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """The rows for which ``predicate`` is true (not NULL). Output: the child's columns."""

    child: Node
    predicate: Expression

    @property
    def types(self) -> tuple[DataType, ...]:
        return self.child.types


@dataclass(frozen=True, slots=True)
class Project:
    """One output column an expression over the child's columns."""

    child: Node
    expressions: tuple[Expression, ...]

    @property
    def types(self) -> tuple[DataType, ...]:
        return tuple(e.type for e in self.expressions)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Output: the group keys, then the aggregates. Without groups there is one row; DISTINCT has no aggregates."""

    child: Node
    groups: tuple[Expression, ...]
    aggregates: tuple[AggregateCall, ...]

    @property
    def types(self) -> tuple[DataType, ...]:
        return tuple(g.type for g in self.groups) + tuple(a.type for a in self.aggregates)


@dataclass(frozen=True, slots=True)
class Sort:
    """The child's rows in order of ``keys``; rows with equal keys keep their order."""

    child: Node
    keys: tuple[SortKey, ...]

    @property
    def types(self) -> tuple[DataType, ...]:
        return self.child.types


@dataclass(frozen=True, slots=True)
class Limit:
    """Rows ``offset`` up to ``offset + limit`` of the child; ``limit`` None means all the rest."""

    child: Node
    limit: int | None
    offset: int = 0

    @property
    def types(self) -> tuple[DataType, ...]:
        return self.child.types


Node = Scan | Filter | Project | Aggregate | Sort | Limit


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query: its plan, and the names and types of the result as DuckDB gives them.

    ``cacheable`` is False where the plan holds a value of the moment it was made at (``current_date``, ``now()``).
    """

    root: Node
    names: tuple[str, ...]
    types: tuple[DataType, ...]
    cacheable: bool = True
