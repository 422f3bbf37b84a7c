"""From logical nodes to physical operators: scans, filters and projections fuse into the pipelines above them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from locality.errors import Unsupported
from locality.operators import collect, limit, recursive, sort, topn, union, unnest, values
from locality.operators.aggregation import aggregate
from locality.operators.aggregation.collected import CollectedAggregate
from locality.operators.aggregation.extremes import is_leading
from locality.operators.aggregation.inputs import separate_inputs
from locality.operators.aggregation.registry import AGGREGATES
from locality.operators.joins.asof import AsofJoin
from locality.operators.joins.marks import MarkedSource
from locality.operators.joins.membership import mark_of
from locality.operators.joins.source import MATCHING, JoinSource
from locality.operators.physical import Physical
from locality.operators.recursion import LastRows
from locality.operators.relations.relation import Relation
from locality.operators.relations.tables import is_live_column
from locality.operators.shared import SharedResult, SharedSource
from locality.operators.source import OperatorSource, Source, TableSource
from locality.operators.windows.window import Window
from locality.plan import nodes
from locality.plan.expressions import (
    AggregateCall,
    Call,
    ColumnRef,
    Constant,
    Expression,
    SortKey,
    conjuncts,
    rewrite,
)
from locality.types import Domain

#: Choices among operators that can be disabled by name, as passes of the optimizer can: top-n instead of a whole sort,
#: dense codes instead of hashing groups, looking matches up instead of making pairs, skipping zones by proof,
#: answering from the statistics of zones, and leaving out groups that fail HAVING while groups are gathered.
CHOICES = ("top_n", "dense_groups", "join_links", "zone_pruning", "zone_totals", "early_having")

#: ORDER BY with a limit beyond this is sorted as a whole.
_MOST_TOP_ROWS = 65536


@dataclass(frozen=True)
class _Fused:
    """A source, the conjuncts that its rows must pass, and each column of the node as an expression over the source.

    plain: whether the columns are the source's own.
    """

    source: Source
    conjuncts: tuple[Expression, ...]
    outputs: tuple[Expression, ...]
    plain: bool = False

    def over_source(self, expression: Expression) -> Expression:
        if self.plain:
            return expression
        return rewrite(expression, lambda e: self.outputs[e.index] if isinstance(e, ColumnRef) else e)


@dataclass(frozen=True)
class Builder:
    """Builds operators over one snapshot.

    relation_of: the rows of a scanned table, column by column of the scan.
    alternative: another plan for an aggregation that can't be built as it is, or the same one.
    disabled: which of ``CHOICES`` are not made; who makes ``relation_of`` leaves the zones out.
    shared: the definitions of shared results that were met so far, by their numbers.
    last: the rows that came last in the recursions around a node, by their numbers.
    """

    relation_of: Callable[[nodes.Scan], Relation]
    threads: int
    alternative: Callable[[nodes.Aggregate], nodes.Node]
    disabled: frozenset[str] = frozenset()
    shared: dict[int, SharedResult] = field(init=False, default_factory=dict)
    last: dict[int, LastRows] = field(init=False, default_factory=dict)

    def build(self, node: nodes.Node) -> Physical:
        """The operator tree of ``node``; raises Unsupported for what kernels can't do."""
        match node:
            case nodes.Aggregate():
                return self._aggregate(node)
            case nodes.Limit(nodes.Sort(child, keys), count, offset) if _is_small(count, offset):
                assert count is not None
                return self._top(child, keys, count, offset)
            case nodes.Limit(nodes.Project(nodes.Sort(child, keys), expressions), count, offset) if _is_small(
                count, offset
            ):
                return self.build(nodes.Project(nodes.Limit(nodes.Sort(child, keys), count, offset), expressions))
            case nodes.Limit(child, count, offset):
                return limit.Limit(self.build(child), count, offset)
            case nodes.ComputedLimit(child, count, share, offset):
                operator = self.build(child) if count is None else self._with(child, (count,))
                return limit.ComputedLimit(operator, share, offset)
            case nodes.Sort(child, keys):
                return self._sort(self._fuse(child), keys)
            case nodes.Shared(definition, child, number):
                self._share(definition, number)
                return self.build(child)
            case nodes.Union(inputs):
                return union.Union([self.build(each) for each in inputs])
            case nodes.Values():
                return values.ValuesList(node)
            case nodes.Window():
                return self._window(node)
            case nodes.AsofJoin():
                return self._asof(node)
            case nodes.Unnest(child, lists):
                return unnest.Unnest(self._with(child, lists), len(lists))
            case nodes.Recursive():
                return self._recursive(node)
            case nodes.SetOperation():
                raise AssertionError("the optimizer makes groupings of set operations")
            case _:
                fused = self._fuse(node)
                return collect.Collect(fused.source, fused.conjuncts, fused.outputs)

    def _fuse(self, node: nodes.Node) -> _Fused:
        match node:
            case nodes.Scan(types=types):
                columns = tuple(ColumnRef(i, dtype) for i, dtype in enumerate(types))
                return _Fused(TableSource(self.relation_of(node)), (), columns, plain=True)
            case nodes.Filter(child, predicate):
                fused = self._fuse(child)
                tests = (*fused.conjuncts, *conjuncts(fused.over_source(predicate)))
                return _Fused(self._filtered(fused.source, tests), tests, fused.outputs, fused.plain)
            case nodes.Project(child, expressions):
                fused = self._fuse(child)
                return _Fused(fused.source, fused.conjuncts, tuple(fused.over_source(e) for e in expressions))
            case nodes.Join():
                return self._join(node)
            case nodes.Shared(definition, child, number):
                self._share(definition, number)
                return self._fuse(child)
            case nodes.SharedScan(number, types):
                columns = tuple(ColumnRef(i, dtype) for i, dtype in enumerate(types))
                return _Fused(SharedSource(self.shared[number]), (), columns)
            case nodes.RecursiveScan(number, types):
                columns = tuple(ColumnRef(i, dtype) for i, dtype in enumerate(types))
                return _Fused(SharedSource(self.last[number]), (), columns)
            case _:
                return _whole(self.build(node))

    def _filtered(self, source: Source, tests: Sequence[Expression]) -> Source:
        """The source, without rows that it need not make, because some tests fail for them."""
        match source:
            case OperatorSource(Window() as operator):
                return OperatorSource(operator.filtered(tests))
            case OperatorSource(aggregate.Aggregate() as operator) if "early_having" not in self.disabled:
                return OperatorSource(operator.filtered(tests))
            case _:
                return source

    def _share(self, definition: nodes.Node, number: int) -> None:
        varies = any(
            isinstance(node, nodes.RecursiveScan)
            or (isinstance(node, nodes.SharedScan) and node.number in self.shared and self.shared[node.number].varies)
            for node in nodes.walk_nodes(definition)
        )
        self.shared[number] = SharedResult(self.build(definition), varies)

    def _recursive(self, node: nodes.Recursive) -> Physical:
        last = self.last[node.number] = LastRows(node.types)
        initial, step = self.build(node.initial), self.build(node.step)
        return recursive.Recursive(initial, step, last, distinct=node.distinct)

    def _join(self, node: nodes.Join) -> _Fused:
        """The left rows as they come, linked to the right ones, which are collected first."""
        if node.kind == "mark" and node.residual is not None:
            raise Unsupported("a mark join with other conditions than equality")
        left, right = self._fuse(node.left), self._fuse(node.right)
        if node.kind in ("right", "full"):
            left = _uncomputed(left)  # what is computed of left rows is NULL where there is none
        if node.backward:
            pairs = [(left.over_source(key.left), right.over_source(key.right)) for key in node.keys]
            nulls = [key.null_safe for key in node.keys]
            anti = node.kind == "anti"
            marked = MarkedSource(left.source, right.source, right.conjuncts, pairs, nulls, anti=anti)
            return replace(left, source=marked)
        width, outputs = left.source.width, list(right.outputs)
        positions = []
        for key in node.keys:
            expression = right.over_source(key.right)
            if expression not in outputs:
                outputs.append(expression)
            positions.append(outputs.index(expression))
        ours = tuple(ColumnRef(width + i, e.type) for i, e in enumerate(right.outputs))
        residual = None
        if node.residual is not None:
            both = (*left.outputs, *ours)
            residual = rewrite(node.residual, lambda e: both[e.index] if isinstance(e, ColumnRef) else e)
        keys = tuple(left.over_source(key.left) for key in node.keys)
        live, tests = None, right.conjuncts
        if node.kind in MATCHING and node.keys and not any(key.null_safe for key in node.keys):
            live = _only_test_of_live(right, outputs)
        if live is not None:  # deleted rows have no key: the index of the others is kept as that of whole tables is
            tests = ()
            outputs.append(live)
        source = JoinSource(
            left.source,
            collect.Collect(right.source, tests, outputs),
            node.kind,
            keys,
            tuple(positions),
            tuple(key.null_safe for key in node.keys),
            len(right.outputs),
            residual,
            links="join_links" not in self.disabled,
            live=None if live is None else len(outputs) - 1,
        )
        match node.kind:
            case "semi" | "anti":
                return _Fused(source, left.conjuncts, left.outputs)
            case "mark":
                return _Fused(source, left.conjuncts, (*left.outputs, mark_of(width, keys, source.null_safe)))
            case "right" | "full":  # a filter above must not reach the left rows before they are joined
                return _whole(collect.Collect(source, left.conjuncts, (*left.outputs, *ours)))
            case _:
                return _Fused(source, left.conjuncts, (*left.outputs, *ours))

    def _asof(self, node: nodes.AsofJoin) -> Physical:
        keys = (*node.keys, node.value)
        sides = (node.left, [key.left for key in keys]), (node.right, [key.right for key in keys])
        left, right = (self._with(side, expressions) for side, expressions in sides)
        widths = len(node.left.types), len(node.right.types)
        null_safe = [key.null_safe for key in node.keys]
        return AsofJoin((left, right), widths, null_safe, node.comparison, node.kind)

    def _with(self, node: nodes.Node, expressions: Iterable[Expression]) -> Physical:
        """The rows of ``node`` with more columns, computed of its own."""
        fused = self._fuse(node)
        computed = tuple(fused.over_source(e) for e in expressions)
        return collect.Collect(fused.source, fused.conjuncts, (*fused.outputs, *computed))

    def _aggregate(self, node: nodes.Aggregate) -> Physical:
        """By sorting where kernels lack a function; else as it is; else its alternative; else over computed inputs."""
        fused = self._fuse(node.child)
        groups = tuple(fused.over_source(group) for group in node.groups)
        calls = tuple(call.mapped(fused.over_source) for call in node.aggregates)
        if any(call.name not in AGGREGATES or call.keys for call in calls):
            inputs = separate_inputs(groups, calls)
            rows = collect.Collect(fused.source, fused.conjuncts, inputs.expressions)
            needs_order = not all(call.name in AGGREGATES or is_leading(call) for call in inputs.calls)
            return CollectedAggregate(rows, inputs.groups, inputs.calls, by_sorting=needs_order)
        is_plain = fused.source.relation is not None and not any(call.distinct for call in calls)
        other = node if is_plain else self.alternative(node)
        if fused.source.relation is None and other != node:
            return self.build(other)  # what its input's values are is known only when it runs
        try:
            return aggregate.Aggregate(
                fused.source,
                fused.conjuncts,
                groups,
                calls,
                self.threads,
                dense=self._dense,
                zone_totals="zone_totals" not in self.disabled,
            )
        except Unsupported:
            if other != node:
                return self.build(other)
            return self._aggregate_collected(fused, groups, calls)

    def _aggregate_collected(
        self, fused: _Fused, groups: tuple[Expression, ...], calls: tuple[AggregateCall, ...]
    ) -> Physical:
        """Computes what kernels can't of the rows that are left, and aggregates the results, by sorting if need be."""
        inputs = separate_inputs(groups, calls)
        child = collect.Collect(fused.source, fused.conjuncts, inputs.expressions)
        has_texts = any(e.type.domain in (Domain.STRING, Domain.NESTED) for e in inputs.expressions)
        by_slots = child.is_late or has_texts or any(call.distinct for call in calls)
        return CollectedAggregate(child, inputs.groups, inputs.calls, by_sorting=not by_slots)

    @property
    def _dense(self) -> bool:
        return "dense_groups" not in self.disabled

    def _sort(self, fused: _Fused, keys: tuple[SortKey, ...], first: int | None = None) -> Physical:
        ordering = tuple(fused.over_source(key.expression) for key in keys)
        child = collect.Collect(fused.source, fused.conjuncts, (*fused.outputs, *ordering))
        return sort.Sort(child, len(fused.outputs), keys, first)

    def _window(self, node: nodes.Window) -> Physical:
        fused = self._fuse(node.child)
        inputs = list(fused.outputs)

        def collected(expression: Expression) -> Expression:
            source = fused.over_source(expression)
            if isinstance(source, Constant):
                return source
            if source not in inputs:
                inputs.append(source)
            return ColumnRef(inputs.index(source), source.type)

        calls = [call.mapped(collected) for call in node.calls]
        return Window(collect.Collect(fused.source, fused.conjuncts, inputs), len(fused.outputs), calls)

    def _top(self, child: nodes.Node, keys: tuple[SortKey, ...], count: int, offset: int) -> Physical:
        fused = self._fuse(child)
        if fused.source.relation is not None and "top_n" not in self.disabled:
            ordering = [replace(key, expression=fused.over_source(key.expression)) for key in keys]
            try:
                return topn.Top(fused.source.relation, fused.conjuncts, ordering, count, offset, fused.outputs)
            except Unsupported:
                pass  # a key that fits no integer: sort as a whole
        return limit.Limit(self._sort(fused, keys, count + offset), count, offset)


def _whole(operator: Physical) -> _Fused:
    return _Fused(OperatorSource(operator), (), tuple(ColumnRef(i, dtype) for i, dtype in enumerate(operator.types)))


def _only_test_of_live(fused: _Fused, outputs: Sequence[Expression]) -> ColumnRef | None:
    """The column that tells which rows of a stored table are there, if that is all that is asked of them."""
    relation = fused.source.relation
    match fused.conjuncts:
        case (Call("is not null", (ColumnRef(index) as column,)),) if relation and is_live_column(relation, index):
            return column if all(isinstance(output, ColumnRef) for output in outputs) else None
        case _:
            return None


def _uncomputed(fused: _Fused) -> _Fused:
    """The same rows, with columns that are those of the source."""
    if all(isinstance(output, ColumnRef) for output in fused.outputs):
        return fused
    return _whole(collect.Collect(fused.source, fused.conjuncts, fused.outputs))


def _is_small(count: int | None, offset: int) -> bool:
    return count is not None and count + offset <= _MOST_TOP_ROWS
