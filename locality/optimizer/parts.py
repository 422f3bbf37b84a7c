"""An aggregation put together from parts: the columns that it needs of them, and how these are aggregated again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from locality.errors import Unsupported
from locality.optimizer.derive import Groups
from locality.optimizer.statistics import Statistics
from locality.plan.expressions import AggregateCall, Call, Case, Cast, ColumnRef, Constant, Expression, joined
from locality.plan.nodes import Aggregate, Node
from locality.plan.rollups import AVERAGE_OF_PARTS, COUNT_OF_PARTS, COUNT_STAR, Grouping, Rollup, partials_of
from locality.types import BIGINT, BOOLEAN

#: Columns of other tables, which are joined, are numbered from here on, those of the rollup's table by their positions.
OTHERS = 1 << 28
#: Of the same values, once or several times, these give the same.
_IDEMPOTENT = frozenset({"min", "max", "bool_and", "bool_or"})
_COUNTS = frozenset({"count", "count_star"})
#: Aggregates to which a row whose value is NULL is no row.
_LEAVES_OUT_NULL = frozenset({"count", "sum", "avg", *_IDEMPOTENT})
#: Aggregates whose DISTINCT needs the values of groups alone.
_OF_VALUES = frozenset({"count", "sum"})


@dataclass(frozen=True)
class Again:
    """An aggregation of parts.

    columns: of the parts: values that are the same for all rows of a group, and stored aggregates.
    groups, calls: over these columns.
    """

    columns: tuple[Expression | AggregateCall, ...]
    groups: tuple[Expression, ...]
    calls: tuple[AggregateCall, ...]

    def over(self, rows: Node) -> Aggregate:
        """The aggregation of ``rows``, which have the columns."""
        return Aggregate(rows, self.groups, self.calls)


def aggregated_again(query: Grouping, rollup: Rollup, statistics: Statistics, told_by: Groups) -> Again:
    """How ``query`` is made of the groups of a rollup; raises Unsupported where it can't be.

    told_by: what tells which values are the same for all rows of a group.
    """
    asked = _Asked(rollup, statistics, told_by)
    groups = tuple(asked.group(group) for group in query.groups)
    calls = tuple(asked.call(call) for call in query.aggregates)
    return Again(tuple(asked.columns), groups, calls)


@dataclass
class _Asked:
    """The columns that are asked of the parts, each once."""

    rollup: Rollup
    statistics: Statistics
    told_by: Groups
    columns: list[Expression | AggregateCall] = field(default_factory=list)

    def group(self, expression: Expression) -> Expression:
        """The value of an expression that is the same for all rows of a group."""
        if not self.tells(expression):
            raise Unsupported("a value that the groups do not tell")
        return expression if isinstance(expression, Constant) else self._column(expression)

    def tells(self, expression: Expression) -> bool:
        """Whether an expression is the same for all rows of a group."""
        return self.told_by.told(expression) is not None

    def call(self, call: AggregateCall) -> AggregateCall:
        """The aggregate as one over the columns."""
        if call.keys:
            raise Unsupported(f"{call.name} with ORDER BY")
        plain = replace(call, distinct=False, filter=None)
        stored = self.rollup.grouping.aggregates
        if any(part not in stored for part in partials_of(plain)):
            call = _filtered(call)
            plain = replace(call, distinct=False, filter=None)
        condition = None if call.filter is None else self.group(call.filter)
        told = all(map(self.tells, call.args))
        if told and (call.name in _IDEMPOTENT or (call.distinct and call.name in _OF_VALUES)):
            return replace(call, args=tuple(map(self.group, call.args)), filter=condition)
        if call.distinct and call.name not in _IDEMPOTENT:
            raise Unsupported(f"{call.name} with DISTINCT")
        if call.name in _COUNTS:
            return self._count(plain, condition)
        if told and call.name == "sum" and call.args[0].type.is_integral:
            values = Cast(self.group(call.args[0]), BIGINT), self._stored(COUNT_STAR)
            return AggregateCall("sum", (Call("*", values, BIGINT),), call.type, filter=condition)
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
        return AggregateCall(COUNT_OF_PARTS, (self._stored(call),), BIGINT, filter=condition)

    def _stored(self, call: AggregateCall) -> ColumnRef:
        if call not in self.rollup.grouping.aggregates:
            raise Unsupported("an aggregate that is not stored")
        return self._column(call)

    def _never_null(self, expression: Expression) -> bool:
        match expression:
            case ColumnRef(index) if index < OTHERS:
                return not self.statistics.has_nulls(self.rollup.grouping.table, index)
            case _:
                return isinstance(expression, Constant) and expression.value is not None

    def _column(self, asked: Expression | AggregateCall) -> ColumnRef:
        if asked not in self.columns:
            self.columns.append(asked)
        return ColumnRef(self.columns.index(asked), asked.type)


def _filtered(call: AggregateCall) -> AggregateCall:
    """An aggregate of ``CASE WHEN condition THEN value END`` as one of ``value`` with a FILTER; others as they are."""
    match call:
        case AggregateCall(name, (Case(((condition, value),), Constant(None)),)) if name in _LEAVES_OUT_NULL:
            terms = [condition] if call.filter is None else [call.filter, condition]
            return replace(call, args=(value,), filter=joined("and", terms))
        case _:
            return call
