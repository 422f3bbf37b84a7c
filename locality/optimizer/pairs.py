"""Pairs of joins that are only aggregated, of which none is made: each side's rows are aggregated by the keys first.

``select a.g, count(*), sum(b.x) from a join b on a.k = b.k group by a.g`` where rows have many matches on both sides:
``b`` is grouped by ``k`` with its number of rows and the sum of ``x``. Each row of ``a`` then has one match, which says
how many pairs there are and what they add up to. Where both sides have groups of their own, both are aggregated, and
what is left of them is joined (Yan and Larson, "Eager aggregation and lazy aggregation", VLDB 1995: eager count).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from locality.errors import Unsupported
from locality.optimizer.eager import over_join
from locality.optimizer.estimate import Estimator
from locality.optimizer.facts import Prover
from locality.optimizer.late import origin_of
from locality.optimizer.statistics import Statistics
from locality.plan.columns import shifted
from locality.plan.expressions import AggregateCall, Call, Case, ColumnRef, Constant, Expression, columns_of
from locality.plan.intervals import INT64_MAX
from locality.plan.nodes import Aggregate, Join, JoinKey, Node, Project, inputs_of, with_inputs
from locality.plan.rollups import AVERAGE_OF_PARTS, COUNT_OF_PARTS, COUNT_STAR, partials_of
from locality.types import BIGINT, BOOLEAN, DataType, decimal

#: What a pair that is made costs, in rows that are read, and what a row that is grouped does.
_PAIR, _GROUPED = 8, 2
#: How many times as many pairs as estimated there may be for sums to fit.
_MORE = 64


def aggregate_pairs(root: Node, statistics: Statistics) -> Node:
    """The plan in which no such pairs are made; its output columns stay as they are."""
    node = root
    over = over_join(root) if isinstance(root, Aggregate) else None
    if over is not None and _has_pairs(over[1], Prover(statistics)):
        node = _without_pairs(*over, statistics) or root
    return with_inputs(node, [aggregate_pairs(child, statistics) for child in inputs_of(node)])


def _has_pairs(node: Node, prover: Prover) -> bool:
    """Whether a node is such a join, or columns of one, of which rows of either side may have several matches."""
    while isinstance(node, Project):
        node = node.child
    if not isinstance(node, Join) or node.kind != "inner" or not node.keys or node.residual is not None:
        return False
    sides = (node.left, [key.left for key in node.keys]), (node.right, [key.right for key in node.keys])
    return not any(
        prover.facts(side).is_unique(key.index for key in keys if isinstance(key, ColumnRef)) for side, keys in sides
    )


@dataclass(frozen=True)
class _Side:
    """One side of a join: its keys, and the groups and what is aggregated of it alone, over its own columns."""

    node: Node
    keys: tuple[Expression, ...]
    groups: tuple[Expression, ...]
    partials: tuple[AggregateCall, ...]

    @property
    def has_groups(self) -> bool:
        """Whether its groups are more than its keys."""
        return not set(self.groups) <= set(self.keys)

    @property
    def made(self) -> tuple[Expression, ...]:
        """The keys and the groups."""
        return tuple(dict.fromkeys((*self.keys, *self.groups)))

    @property
    def aggregated(self) -> Aggregate:
        """Its rows by keys and groups, with what is aggregated of them; the last column is their number."""
        return Aggregate(self.node, self.made, (*self.partials, COUNT_STAR))


@dataclass(frozen=True)
class _Given:
    """A side as it stands in the new join, its first column being ``first``; by itself or aggregated."""

    side: _Side
    first: int
    is_aggregated: bool

    @property
    def node(self) -> Node:
        return self.side.aggregated if self.is_aggregated else self.side.node

    @property
    def keys(self) -> tuple[Expression, ...]:
        """Its keys over its own columns."""
        return tuple(self._value(key) for key in self.side.keys)

    def group(self, expression: Expression) -> Expression:
        return shifted(self._value(expression), self.first)

    def _value(self, expression: Expression) -> Expression:
        return ColumnRef(self.side.made.index(expression), expression.type) if self.is_aggregated else expression

    @property
    def weight(self) -> Expression | None:
        """How many rows each row stands for; None for one."""
        return ColumnRef(self.first + len(self.node.types) - 1, BIGINT) if self.is_aggregated else None

    def part(self, call: AggregateCall) -> Expression:
        """The value of one of its aggregates for what a row stands for."""
        if self.is_aggregated:
            place = len(self.side.made) + self.side.partials.index(call)
            return ColumnRef(self.first + place, call.type)
        (argument,) = (shifted(arg, self.first) for arg in call.args)
        if call.name != "count":
            return argument
        known = Call("is not null", (argument,), BOOLEAN)
        return Case(((known, Constant(1, BIGINT)),), Constant(0, BIGINT), BIGINT)


def _without_pairs(node: Aggregate, join: Join, statistics: Statistics) -> Node | None:
    """The aggregation over the join of aggregated sides; None if that can't be, or does not pay."""
    try:
        left, right = _sides(node, join)
    except Unsupported:
        return None
    estimator = Estimator(statistics)
    if not all(_fits(call, join, estimator) for call in node.aggregates):
        return None
    first, second = (left, right) if left.has_groups or not right.has_groups else (right, left)
    # the first side's rows stay, unless each may have several matches still, or is a pair itself
    is_alone = not second.has_groups and not _has_pairs(first.node, Prover(statistics))
    ours = _Given(first, 0, not is_alone)
    theirs = _Given(second, len(ours.node.types), True)
    keys = (
        JoinKey(mine, other, key.null_safe) for mine, other, key in zip(ours.keys, theirs.keys, join.keys, strict=True)
    )
    joined = Join(ours.node, theirs.node, "inner", tuple(keys))
    if not _pays(join, joined, estimator):
        return None
    given = (ours, theirs) if ours.side is left else (theirs, ours)
    width = len(join.left.types)
    groups = (_of(given, width, group).group(_own(group, width)) for group in node.groups)
    calls = (_weighted(call, given, width) for call in node.aggregates)
    return Aggregate(joined, tuple(groups), tuple(calls))


def _sides(node: Aggregate, join: Join) -> tuple[_Side, _Side]:
    """What is read of each side; raises Unsupported for what is not made of parts, or no column.

    What is computed of rows without a match may be an error that there is not among the pairs; and a constant is the
    same for all of them.
    """
    read = (*node.groups, *(arg for call in node.aggregates for arg in call.args))
    if not all(isinstance(expression, ColumnRef) for expression in read):
        raise Unsupported("what is computed of the pairs")
    width = len(join.left.types)
    groups: tuple[list[Expression], list[Expression]] = ([], [])
    partials: tuple[list[AggregateCall], list[AggregateCall]] = ([], [])
    for group in node.groups:
        groups[_number(group, width)].append(_own(group, width))
    for call in node.aggregates:
        if call.args:
            partials[_number(call.args[0], width)].extend(_partials(call, width))
        else:
            partials_of(call)
    keys = tuple(key.left for key in join.keys), tuple(key.right for key in join.keys)
    nodes = join.left, join.right
    left, right = (_Side(nodes[i], keys[i], tuple(groups[i]), tuple(dict.fromkeys(partials[i]))) for i in (0, 1))
    return left, right


def _partials(call: AggregateCall, width: int) -> Iterable[AggregateCall]:
    """What is aggregated of its side for a call, over the side's columns."""
    return partials_of(call.mapped(lambda e: _own(e, width)))


def _fits(call: AggregateCall, join: Join, estimator: Estimator) -> bool:
    """Whether sums of a call are known to stay, likely, within the 64 bits that kernels multiply."""
    if not any(part.name == "sum" for part in partials_of(call)):
        return True
    origin = origin_of(join, call.args[0])
    greatest = None if origin is None else estimator.statistics.magnitude(origin.scan.table, origin.column)
    return greatest is not None and greatest * _MORE * estimator.estimate(join).rows < INT64_MAX


def _number(expression: Expression, width: int) -> int:
    """Which side a column of both is of, 0 or 1."""
    (index,) = columns_of(expression)
    return int(index >= width)


def _own(expression: Expression, width: int) -> Expression:
    """A column of both sides as one of its own side."""
    return shifted(expression, -width) if _number(expression, width) else expression


def _pays(join: Join, joined: Join, estimator: Estimator) -> bool:
    """Whether aggregating sides and joining what is left is less work than making the pairs."""
    grouped = sum(estimator.estimate(side.child).rows for side in inputs_of(joined) if isinstance(side, Aggregate))
    rest = estimator.estimate(joined.left).rows
    if isinstance(joined.left, Aggregate):
        rest += _PAIR * estimator.estimate(joined).rows
    return _GROUPED * grouped + rest < _PAIR * estimator.estimate(join).rows


def _of(given: tuple[_Given, _Given], width: int, expression: Expression) -> _Given:
    return given[_number(expression, width)]


def _weighted(call: AggregateCall, given: tuple[_Given, _Given], width: int) -> AggregateCall:
    """The aggregate of all pairs as one over the rows that stand for them."""
    weights = tuple(each.weight for each in given)
    if not call.args:
        return AggregateCall(COUNT_OF_PARTS, (_product([w for w in weights if w is not None], BIGINT),), call.type)
    number = _number(call.args[0], width)
    parts = [(given[number].part(part), part) for part in _partials(call, width)]
    weight = weights[1 - number]
    totals = tuple(_of_pairs(value, part, weight) for value, part in parts)
    match call.name:
        case "count":
            return AggregateCall(COUNT_OF_PARTS, totals, call.type)
        case "avg" | "mean":
            return AggregateCall(AVERAGE_OF_PARTS, totals, call.type)
        case _:
            return AggregateCall(call.name, totals, call.type)


def _of_pairs(value: Expression, part: AggregateCall, weight: Expression | None) -> Expression:
    """What the pairs of a row add up to; a minimum stays as it is."""
    if weight is None or part.name not in ("sum", "count"):
        return value
    return _product((value, weight), BIGINT if part.name == "count" else decimal(38, value.type.scale))


def _product(factors: Sequence[Expression], dtype: DataType) -> Expression:
    return factors[0] if len(factors) == 1 else Call("*", tuple(factors), dtype)
