"""Optimized plans of statements with parameters, kept and run again with other values.

Choices of the optimizer rest on estimates for the values that it met. Where an estimate turns out to be far off for the
values of a later run, the statement gets another plan for such values: how many rows a filter lets through is what
choices depend on, so statements whose selective and unselective values take turns have a plan of each kind.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from locality.errors import Unsupported
from locality.optimizer import optimize
from locality.plan.expressions import Constant, Expression, Parameter, PhysicalValue, walk
from locality.plan.nodes import Filter, Node, Scan, Window, walk_nodes
from locality.plan.parameters import bound, has_parameter, pinned, unified
from locality.plan.reads import expressions_of
from locality.runtime.query import Pace, PreparedQuery, build, prepare
from locality.runtime.statistics import Asked, StoredStatistics
from locality.settings import Settings
from locality.sql.generic import Generic
from locality.sql.given import Parameters
from locality.sql.planner import Planner
from locality.storage.table import Table

#: How many times more, or fewer, rows or bytes an estimate may be off before the plan is made anew.
_TOLERANCE = 4
#: Plans that are kept for one statement.
_MOST_PLANS = 4
#: Statements, with the values that shape their plans, whose plans are kept.
_MOST_STATEMENTS = 256

Values = tuple[PhysicalValue, ...]


@dataclass(frozen=True)
class _Estimate:
    """What statistics said of a scan under conditions with parameters; least: what is as good as nothing.

    asked: the question, to be asked again; None where there is one answer for all values.
    """

    scan: Scan
    conjuncts: tuple[Expression, ...]
    in_bytes: bool
    answer: float
    least: float
    asked: Asked | None = field(compare=False)

    def holds(self, values: Values) -> bool:
        """Whether it is about the same for other values."""
        if self.asked is None:
            return True
        asked = self.asked.under(values)
        now = asked.bytes_read() if self.in_bytes else asked.share()
        low, high = sorted((max(now, self.least), max(self.answer, self.least)))
        return high <= low * _TOLERANCE


@dataclass(frozen=True)
class _Test:
    """What was found of a parameter's value."""

    index: int
    test: Callable[[PhysicalValue], bool]
    answer: bool

    def holds(self, values: Values) -> bool:
        """Whether it is the same for other values."""
        return self.test(values[self.index]) == self.answer


@dataclass(frozen=True)
class _Peeked(StoredStatistics):
    """Statistics that note what they told because of the values that parameters happen to have."""

    told: list[_Estimate | _Test] = field(default_factory=list)

    def peek(self, constant: Constant, test: Callable[[PhysicalValue], bool]) -> bool:
        answer = super().peek(constant, test)
        if isinstance(constant, Parameter):
            self.told.append(_Test(constant.index, test, answer))
        return answer

    def scan_bytes(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        asked = self.asked(scan, conjuncts)
        answer = math.inf if asked is None else asked.bytes_read()
        if any(map(has_parameter, conjuncts)):
            self.told.append(_Estimate(scan, tuple(conjuncts), True, answer, 1.0, asked))
        return answer

    def selectivity(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        asked = self.asked_of_any(scan, conjuncts)
        answer = 1.0 if asked is None else asked.share()
        if any(map(has_parameter, conjuncts)):
            least = 1 / max(self.rows(scan.table), 1)
            self.told.append(_Estimate(scan, tuple(conjuncts), False, answer, least, asked))
        return answer


@dataclass(eq=False)
class GenericPlan:
    """An optimized plan, with parameters, and the estimates that it rests on.

    prepared: the first query that was prepared from it, if its operators serve other values too.
    """

    root: Node
    estimates: tuple[_Estimate | _Test, ...]
    pace: Pace = field(default_factory=Pace)
    prepared: PreparedQuery | None = None


class GenericPlans:
    """The plans over one snapshot; callers with several threads take turns."""

    def __init__(self) -> None:
        self._plans: OrderedDict[tuple[Generic, str, frozenset[str]], list[GenericPlan]] = OrderedDict()
        self._refused: set[Generic] = set()

    def clear(self) -> None:
        """Forget all plans: those that follow are over another snapshot."""
        self._plans.clear()
        self._refused.clear()

    def prepare(
        self, planner: Planner, sql: str, params: Parameters | None, tables: Mapping[str, Table], settings: Settings
    ) -> tuple[PreparedQuery, bool]:
        """A query's operators, from a plan for all values if there can be one; and whether they may be kept.

        Raises as :meth:`~locality.sql.planner.Planner.plan` and :func:`~locality.runtime.query.prepare` do.
        """
        found = planner.generic(sql, params)
        if found is not None and found[0] not in self._refused:
            try:
                return self._of_generic(*found, tables, settings), True
            except Unsupported:
                self._refused.add(found[0])
        query = planner.plan(sql, params)
        limits = settings.threads, settings.memory_bytes, settings.disabled_optimizers
        return prepare(query, tables, *limits), query.cacheable

    def _of_generic(
        self, generic: Generic, values: Values, tables: Mapping[str, Table], settings: Settings
    ) -> PreparedQuery:
        disabled = settings.disabled_optimizers
        twins = _twins(values) if generic.repeats else range(len(values))
        plans = self._kept((generic, repr(([values[index] for index in sorted(generic.pinned)], twins)), disabled))
        known = _fitting(plans, values)
        plan = known or _optimized(
            unified(pinned(bound(generic.query.root, values), generic.pinned), twins), tables, disabled, plans
        )

        def made() -> PreparedQuery:
            limits = settings.threads, settings.memory_bytes, disabled
            return build(generic.query, bound(plan.root, values), tables, *limits)

        if plan.prepared is not None:
            return replace(plan.prepared, values=values, reused=True, runs=0, own=lambda: made().operator)
        prepared = made()
        prepared.values, prepared.reused, prepared.pace = values, known is not None, plan.pace
        if values_are_late(plan.root):
            plan.prepared = prepared
        return prepared

    def _kept(self, key: tuple[Generic, str, frozenset[str]]) -> list[GenericPlan]:
        plans = self._plans.setdefault(key, [])
        self._plans.move_to_end(key)
        if len(self._plans) > _MOST_STATEMENTS:
            self._plans.popitem(last=False)
        return plans


def _twins(values: Values) -> tuple[int, ...]:
    """For each value the first that is the same: what a query says twice is then the same in its plan."""
    first: dict[str, int] = {}
    return tuple(first.setdefault(repr(value), index) for index, value in enumerate(values))


def _fitting(plans: Sequence[GenericPlan], values: Values) -> GenericPlan | None:
    """The first plan whose estimates hold for the values."""
    return next((plan for plan in plans if all(each.holds(values) for each in plan.estimates)), None)


def _optimized(
    root: Node, tables: Mapping[str, Table], disabled: frozenset[str], plans: list[GenericPlan]
) -> GenericPlan:
    """The plan for the values that its parameters have, put before the other ``plans`` of the statement."""
    statistics = _Peeked(tables)
    found = optimize(root, statistics, disabled)
    if repr(found).count(f"{Parameter.__name__}(value=") != sum(map(_parameters, walk_nodes(found))):
        raise Unsupported("parameter where no value can be put")
    plans.insert(0, GenericPlan(found, tuple(dict.fromkeys(statistics.told))))
    del plans[_MOST_PLANS:]
    return plans[0]


def values_are_late(root: Node) -> bool:
    """Whether operators find all values of parameters when they run: in conditions, which they ask for then."""
    return all(
        not any(map(has_parameter, expressions_of(node)))
        or (isinstance(node, Filter) and not any(isinstance(below, Window) for below in walk_nodes(node)))
        for node in walk_nodes(root)
    )


def _parameters(node: Node) -> int:
    """How often parameters stand in the expressions of a node itself."""
    return sum(isinstance(part, Parameter) for each in expressions_of(node) for part in walk(each))
