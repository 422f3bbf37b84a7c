"""An aggregation put together from parts: the columns that it needs of them, and how these are aggregated again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from locality.errors import Unsupported
from locality.optimizer.derive import Groups
from locality.optimizer.statistics import Statistics
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression, joined
from locality.plan.nodes import Aggregate, Node, Project
from locality.plan.rollups import AVERAGE_OF_PARTS, COUNT_STAR, Grouping, Rollup, partials_of
from locality.types import BIGINT, BOOLEAN

#: Of the same values, once or several times, these give the same.
_IDEMPOTENT = frozenset({"min", "max", "bool_and", "bool_or"})
_COUNTS = frozenset({"count", "count_star"})


@dataclass(frozen=True)
class Again:
    """An aggregation of parts.

    columns: of the parts: values that are the same for all rows of a group, and stored aggregates.
    groups, calls: over these columns.
    """

    columns: tuple[Expression | AggregateCall, ...]
    groups: tuple[Expression, ...]
    calls: tuple[AggregateCall, ...]

    def over(self, rows: Node, wanted: Sequence[AggregateCall]) -> Node:
        """The aggregation of ``rows``, which have the columns, as the one whose aggregates are ``wanted``."""
        result = Aggregate(rows, self.groups, self.calls)
        outputs: list[Expression] = [ColumnRef(i, group.type) for i, group in enumerate(self.groups)]
        for place, (call, again) in enumerate(zip(wanted, self.calls, strict=True), len(self.groups)):
            column = ColumnRef(place, call.type)
            may_lack_rows = call.name in _COUNTS and again.name not in _COUNTS and (again.filter or not self.groups)
            nothing = Constant(0, call.type)
            outputs.append(Call("coalesce", (column, nothing), call.type) if may_lack_rows else column)
        return result if all(isinstance(e, ColumnRef) for e in outputs) else Project(result, tuple(outputs))


def aggregated_again(query: Grouping, rollup: Rollup, statistics: Statistics) -> Again:
    """How ``query`` is made of the groups of a rollup; raises Unsupported where it can't be."""
    asked = _Asked(rollup, statistics)
    groups = tuple(asked.group(group) for group in query.groups)
    calls = tuple(asked.call(call) for call in query.aggregates)
    return Again(tuple(asked.columns), groups, calls)


@dataclass
class _Asked:
    """The columns that are asked of the parts, each once."""

    rollup: Rollup
    statistics: Statistics
    columns: list[Expression | AggregateCall] = field(default_factory=list)

    def group(self, expression: Expression) -> Expression:
        """The value of an expression that is the same for all rows of a group."""
        if not self.tells(expression):
            raise Unsupported("a value that the groups do not tell")
        return expression if isinstance(expression, Constant) else self._column(expression)

    def tells(self, expression: Expression) -> bool:
        """Whether an expression is the same for all rows of a group."""
        return Groups(self.rollup.grouping.groups, self.statistics.peek).told(expression) is not None

    def call(self, call: AggregateCall) -> AggregateCall:
        """The aggregate as one over the columns."""
        if call.keys:
            raise Unsupported(f"{call.name} with ORDER BY")
        condition = None if call.filter is None else self.group(call.filter)
        plain = replace(call, distinct=False, filter=None)
        once = call.distinct or call.name in _IDEMPOTENT
        if once and all(map(self.tells, call.args)) and (call.name in _COUNTS or partials_of(plain)):
            return replace(call, args=tuple(map(self.group, call.args)), filter=condition)
        if call.distinct and call.name not in _IDEMPOTENT:
            raise Unsupported(f"{call.name} with DISTINCT")
        if call.name in _COUNTS:
            return self._count(plain, condition)
        columns = tuple(map(self._stored, partials_of(plain)))
        name = AVERAGE_OF_PARTS if len(columns) > 1 else call.name
        return AggregateCall(name, columns, call.type, filter=condition)

    def _count(self, call: AggregateCall, condition: Expression | None) -> AggregateCall:
        """A sum of counts: of those of the same argument, or of all rows where its values are known to be there."""
        stored = self.rollup.grouping.aggregates
        if call not in stored:
            present = (arg for arg in call.args if not self._never_null(arg))
            conditions: list[Expression] = [Call("is not null", (self.group(arg),), BOOLEAN) for arg in present]
            conditions += [] if condition is None else [condition]
            condition = joined("and", conditions) if conditions else None
            call = COUNT_STAR
        return AggregateCall("sum", (self._stored(call),), BIGINT, filter=condition)

    def _stored(self, call: AggregateCall) -> ColumnRef:
        if call not in self.rollup.grouping.aggregates:
            raise Unsupported("an aggregate that is not stored")
        return self._column(call)

    def _never_null(self, expression: Expression) -> bool:
        table = self.rollup.grouping.table
        return isinstance(expression, ColumnRef) and not self.statistics.has_nulls(table, expression.index)

    def _column(self, asked: Expression | AggregateCall) -> ColumnRef:
        if asked not in self.columns:
            self.columns.append(asked)
        return ColumnRef(self.columns.index(asked), asked.type)
