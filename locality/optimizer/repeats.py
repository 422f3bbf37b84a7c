"""Inner joins as semi joins where nobody minds how often a row comes.

``select min(a.x) from a join b on a.k = b.k`` needs to know which rows of ``a`` have a match, not how many: where keys
are frequent, the pairs are many times the rows. The same goes for DISTINCT, and for what a semi or anti join looks its
rows up in. DISTINCT has nothing to do where a key is among the columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from locality.optimizer.facts import Prover
from locality.optimizer.statistics import Statistics
from locality.plan.expressions import AggregateCall, ColumnRef, Constant, Expression, columns_of
from locality.plan.nodes import Aggregate, Filter, Join, JoinKey, Node, Project, inputs_of, with_inputs
from locality.types import DataType

#: Aggregates that come out the same however often each row comes.
_OF_SETS = frozenset({"min", "max", "bool_and", "bool_or", "bit_and", "bit_or", "approx_count_distinct"})


def forget_repeats(root: Node, statistics: Statistics) -> Node:
    """The plan with semi joins for inner ones of whose one side nobody reads a column or counts the rows."""
    node = with_inputs(root, [forget_repeats(child, statistics) for child in inputs_of(root)])
    once = _Once(Prover(statistics))
    match node:
        case Aggregate(child, groups, ()) if groups and once.is_distinct(child, groups):
            return Project(child, groups)
        case Aggregate(child, groups, calls) if all(map(_ignores_repeats, calls)):
            read = (*groups, *(part for call in calls for part in call.expressions()))
            return replace(node, child=once.rows(child, _columns(read)))
        case Join(_, right, "semi" | "anti" | "mark", keys, None):
            return replace(node, right=once.rows(right, _columns(key.right for key in keys)))
        case _:
            return node


def _ignores_repeats(call: AggregateCall) -> bool:
    return not call.keys and (call.distinct or call.name in _OF_SETS)


def _columns(expressions: Iterable[Expression]) -> frozenset[int]:
    return frozenset().union(*(columns_of(e) for e in expressions))


@dataclass(frozen=True)
class _Once:
    """Changes plans of whose rows only the set of their values in some columns matters."""

    prover: Prover

    def rows(self, node: Node, wanted: frozenset[int]) -> Node:
        """A plan with the same set of values in the columns ``wanted``, and columns of the same types."""
        match node:
            case Project(child, expressions):
                return replace(node, child=self.rows(child, _columns(expressions[i] for i in wanted)))
            case Filter(child, predicate):
                return replace(node, child=self.rows(child, wanted | columns_of(predicate)))
            case Join(kind="inner", keys=keys, residual=None) if keys:
                return self._joined(node, wanted)
            case _:
                return node

    def is_distinct(self, node: Node, values: Iterable[Expression]) -> bool:
        """Whether no two rows agree in all ``values``; floats that differ in storage may be equal."""
        own = (value.index for value in values if isinstance(value, ColumnRef) and not value.type.is_float)
        return self.prover.facts(node).is_unique(own)

    def _joined(self, join: Join, wanted: frozenset[int]) -> Node:
        width = len(join.left.types)
        ours, theirs = frozenset(i for i in wanted if i < width), frozenset(i - width for i in wanted if i >= width)
        left = self.rows(join.left, ours | _columns(key.left for key in join.keys))
        right = self.rows(join.right, theirs | _columns(key.right for key in join.keys))
        if not theirs and not self._has_one_match(join.right, [key.right for key in join.keys]):
            return Project(Join(left, right, "semi", join.keys), (*_own(left), *_nulls(right.types)))
        if not ours and not self._has_one_match(join.left, [key.left for key in join.keys]):
            turned = tuple(JoinKey(key.right, key.left, key.null_safe) for key in join.keys)
            return Project(Join(right, left, "semi", turned), (*_nulls(left.types), *_own(right)))
        return replace(join, left=left, right=right)

    def _has_one_match(self, side: Node, keys: Iterable[Expression]) -> bool:
        """Whether a side certainly has one row at most for each value of its keys: a join with it repeats nothing."""
        return self.prover.facts(side).is_unique(key.index for key in keys if isinstance(key, ColumnRef))


def _own(node: Node) -> tuple[Expression, ...]:
    return tuple(ColumnRef(i, dtype) for i, dtype in enumerate(node.types))


def _nulls(types: Iterable[DataType]) -> tuple[Expression, ...]:
    """In place of columns that nobody reads."""
    return tuple(Constant(None, dtype) for dtype in types)
