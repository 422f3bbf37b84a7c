"""Logical plan nodes: frozen, positional (columns are numbered), typed. Children come first in every node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from locality.plan.expressions import AggregateCall, Expression, PhysicalValue, SortKey
from locality.plan.windows import WindowCall
from locality.types import BOOLEAN, DataType, element_of

#: The name of the layout with all columns that every table has.
PRIMARY = "primary"


@dataclass(frozen=True, slots=True)
class Scan:
    """A stored table. Output: the table's columns ``columns`` (by position in the table), in that order.

    layout: the name of the table's layout that is read; it decides about the order of the rows alone.
    """

    table: str
    columns: tuple[int, ...]
    types: tuple[DataType, ...]
    layout: str = PRIMARY


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


@dataclass(frozen=True, slots=True)
class ComputedLimit:
    """The child's rows from ``offset`` on, up to a limit that its rows decide about.

    share: of all rows, in percent, those before the offset included. limit: a number of rows, in the first row; NULL
    means all. One of both is given.
    """

    child: Node
    limit: Expression | None
    share: float | None
    offset: int

    @property
    def types(self) -> tuple[DataType, ...]:
        return self.child.types


#: ``single`` is a scalar subquery: a left join in which a second match of a row is an error. ``mark`` is SQL's IN: TRUE
#: where a match is; else NULL where the comparison with some row was NULL; else FALSE.
JoinKind = Literal["inner", "left", "right", "full", "semi", "anti", "mark", "single"]


@dataclass(frozen=True, slots=True)
class JoinKey:
    """An equality that a match fulfils: ``left`` is over the left child, ``right``, of the same type, over the right.

    null_safe: NULL equals NULL (``IS NOT DISTINCT FROM``).
    """

    left: Expression
    right: Expression
    null_safe: bool = False

    def mapped(self, change: Callable[[Expression], Expression]) -> JoinKey:
        """The key with both sides changed."""
        return replace(self, left=change(self.left), right=change(self.right))


@dataclass(frozen=True, slots=True)
class Join:
    """The pairs of rows that agree on all ``keys`` and for which ``residual`` is true, by the rules of ``kind``.

    ``residual`` reads the left columns, then the right ones; it is part of the match (SQL's ON), not a filter above. An
    inner join without keys and residual is a cross product. Output: left columns, then right columns; for semi and anti
    the left columns alone; for mark the left columns, then one BOOLEAN. backward: of a semi or anti join without
    residual, that the left rows are to be indexed and the right ones looked up, because those are fewer.
    """

    left: Node
    right: Node
    kind: JoinKind
    keys: tuple[JoinKey, ...]
    residual: Expression | None = None
    backward: bool = False

    @property
    def types(self) -> tuple[DataType, ...]:
        match self.kind:
            case "semi" | "anti":
                return self.left.types
            case "mark":
                return (*self.left.types, BOOLEAN)
            case _:
                return (*self.left.types, *self.right.types)


@dataclass(frozen=True, slots=True)
class AsofJoin:
    """Each left row with the one right row that is nearest: of those that agree on ``keys`` and for whose ``value``
    the left row's value is at least it (``>=``; ``>``, ``<=`` and ``<`` likewise), the one whose value is closest.

    kind: which rows without a match are there, beside NULLs: none, the left ones, the right ones, all. Output: left
    columns, then right columns.
    """

    left: Node
    right: Node
    kind: Literal["inner", "left", "right", "full"]
    keys: tuple[JoinKey, ...]
    comparison: Literal[">", ">=", "<", "<="]
    value: JoinKey

    @property
    def types(self) -> tuple[DataType, ...]:
        return (*self.left.types, *self.right.types)


@dataclass(frozen=True, slots=True)
class Shared:
    """``definition`` is computed once; each ``SharedScan(number)`` in ``child`` reads it. Output: the child's columns.

    Numbers are unique in a plan.
    """

    definition: Node
    child: Node
    number: int

    @property
    def types(self) -> tuple[DataType, ...]:
        return self.child.types


@dataclass(frozen=True, slots=True)
class SharedScan:
    """The rows of the :class:`Shared` node above it that has this number; all its columns."""

    number: int
    types: tuple[DataType, ...]


@dataclass(frozen=True, slots=True)
class Recursive:
    """The rows of ``initial``, then those of ``step`` again and again, each time over the rows that came last.

    ``step`` reads these as ``RecursiveScan(number)``; it ends with the first time that gives no rows. distinct: a row
    that was there before, NULL being equal to NULL, is left out (SQL's UNION). Both parts stand for themselves: they
    are no inputs of the node, and read no shared result of the plan around them.
    """

    initial: Node
    step: Node
    number: int
    distinct: bool

    @property
    def types(self) -> tuple[DataType, ...]:
        return self.initial.types


@dataclass(frozen=True, slots=True)
class RecursiveScan:
    """In the step of the :class:`Recursive` of this number: the rows that came last; all their columns."""

    number: int
    types: tuple[DataType, ...]


@dataclass(frozen=True, slots=True)
class Unnest:
    """Each row as often as its longest list has elements, NULL having none; behind a shorter list's end is NULL.

    Output: the child's columns, then one column a list, of its elements.
    """

    child: Node
    lists: tuple[Expression, ...]

    @property
    def types(self) -> tuple[DataType, ...]:
        elements = (element_of(each.type) for each in self.lists)
        return (*self.child.types, *(element for element in elements if element is not None))


@dataclass(frozen=True, slots=True)
class Union:
    """The rows of all inputs, one after another, repeated rows too (UNION ALL). All have the same column types."""

    inputs: tuple[Node, ...]

    @property
    def types(self) -> tuple[DataType, ...]:
        return self.inputs[0].types


@dataclass(frozen=True, slots=True)
class SetOperation:
    """Rows of ``left`` that ``right`` has too, or has not; NULL equals NULL.

    all: rows count as often as they occur (m and n times: the lesser of both for intersect, m - n or none for except);
    else the rows of the result are distinct.
    """

    left: Node
    right: Node
    kind: Literal["intersect", "except"]
    all: bool

    @property
    def types(self) -> tuple[DataType, ...]:
        return self.left.types


@dataclass(frozen=True, slots=True)
class Values:
    """The rows of a VALUES list, in the physical domain of their types; a SELECT without FROM reads one empty row."""

    rows: tuple[tuple[PhysicalValue, ...], ...]
    types: tuple[DataType, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Output: the child's columns, then one column a call. The rows keep no particular order."""

    child: Node
    calls: tuple[WindowCall, ...]

    @property
    def types(self) -> tuple[DataType, ...]:
        return (*self.child.types, *(call.type for call in self.calls))


Node = (
    Scan
    | Filter
    | Project
    | Aggregate
    | Sort
    | Limit
    | ComputedLimit
    | Join
    | AsofJoin
    | Shared
    | SharedScan
    | Recursive
    | RecursiveScan
    | Unnest
    | Union
    | SetOperation
    | Values
    | Window
)


def inputs_of(node: Node) -> tuple[Node, ...]:
    """The nodes whose rows ``node`` reads, in order; none for a leaf."""
    match node:
        case Scan() | SharedScan() | Values() | Recursive() | RecursiveScan():
            return ()
        case Join(left, right) | AsofJoin(left, right) | SetOperation(left, right):
            return left, right
        case Shared(definition, child):
            return definition, child
        case Union(inputs):
            return inputs
        case _:
            return (node.child,)


def with_inputs(node: Node, inputs: Sequence[Node]) -> Node:
    """``node`` over other inputs, as many as :func:`inputs_of` gives, with columns of the same types."""
    match node:
        case Scan() | SharedScan() | Values() | Recursive() | RecursiveScan():
            return node
        case Join() | AsofJoin() | SetOperation():
            left, right = inputs
            return replace(node, left=left, right=right)
        case Shared():
            definition, child = inputs
            return replace(node, definition=definition, child=child)
        case Union():
            return Union(tuple(inputs))
        case _:
            (child,) = inputs
            return replace(node, child=child)


def walk_nodes(root: Node) -> Iterator[Node]:
    """The node and all below it, parents first."""
    yield root
    for node in inputs_of(root):
        yield from walk_nodes(node)


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query: its plan, and the names and types of the result as DuckDB gives them.

    ``cacheable`` is False where the plan holds a value of the moment it was made at (``current_date``, ``now()``).
    ``time_zone`` is what the session has set, None if nothing: timestamps with a zone are shown in it.
    """

    root: Node
    names: tuple[str, ...]
    types: tuple[DataType, ...]
    cacheable: bool = True
    time_zone: str | None = None
