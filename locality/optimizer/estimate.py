"""How many rows a plan gives, about: the textbook's formulas over exact counts of stored tables.

Selinger et al., "Access path selection in a relational database management system" (SIGMOD 1979): keys are taken to be
spread evenly, and the side with fewer of them to be contained in the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from locality.optimizer.statistics import Statistics
from locality.plan.expressions import Call, ColumnRef, Expression, columns_of, conjuncts
from locality.plan.nodes import (
    Aggregate,
    AsofJoin,
    ComputedLimit,
    Filter,
    Join,
    Limit,
    Node,
    Project,
    Recursive,
    RecursiveScan,
    Scan,
    SetOperation,
    Shared,
    SharedScan,
    Sort,
    Union,
    Unnest,
    Values,
    Window,
)

#: Shares of rows that pass a predicate of which nothing is known.
_EQUAL, _RANGE, _OTHER = 0.1, 0.3, 0.5
#: Elements of a list, of which nothing is known.
_ELEMENTS = 4.0
#: Rows of a recursion, of which nothing is known.
_RECURSIVE = 1000.0
#: The least share of rows that is taken to have no match.
_LEAST_UNMATCHED = 0.1
_COMPARISONS = {"=": _EQUAL, "<": _RANGE, "<=": _RANGE, ">": _RANGE, ">=": _RANGE}


@dataclass(frozen=True)
class Estimate:
    """rows: of the node. domains: for each column from how many values it is drawn, before any rows were filtered.

    base: how many rows there were then. scanned: the tables that they are of.
    told: of tables, by columns of theirs that a layout of another one has, the share that such copies let through.
    """

    rows: float
    domains: tuple[float, ...]
    base: float
    scanned: frozenset[str] = frozenset()
    told: Mapping[str, float] = field(default_factory=dict)

    def distinct(self, columns: Iterable[int]) -> float:
        """How many combinations of values ``columns`` have, about; at least one."""
        return max(min(math.prod(self.domains[i] for i in columns), self.rows), 1.0)


@dataclass(frozen=True)
class Estimator:
    """Estimates of plans over one snapshot; ``shared`` are those of the shared results, by number."""

    statistics: Statistics
    shared: Mapping[int, Estimate] = field(default_factory=dict)
    _known: dict[int, tuple[Node, Estimate]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def estimate(self, node: Node) -> Estimate:
        """How many rows ``node`` gives, and from how many values its columns are drawn."""
        # by identity: comparing plans takes as long as estimating; the node is held, so that no other one has its id
        found = self._known.get(id(node))
        if found is None:
            found = self._known[id(node)] = node, self._estimated(node)
        return found[1]

    def _estimated(self, node: Node) -> Estimate:
        match node:
            case Scan(table, columns):
                domains = tuple(float(max(self.statistics.distinct(table, column), 1)) for column in columns)
                return replace(_unfiltered(float(self.statistics.rows(table)), domains), scanned=frozenset((table,)))
            case SharedScan(number, types):
                return self.shared.get(number, _unfiltered(1.0, (1.0,) * len(types)))
            case Shared(definition, child, number):
                return Estimator(self.statistics, {**self.shared, number: self.estimate(definition)}).estimate(child)
            case Values(given, types):
                distinct = (len({row[i] for row in given}) for i in range(len(types)))
                return _unfiltered(float(len(given)), tuple(float(max(count, 1)) for count in distinct))
            case Recursive(types=types) | RecursiveScan(types=types):
                return _unfiltered(_RECURSIVE, (_RECURSIVE,) * len(types))
            case Filter(child, predicate):
                below, terms = self.estimate(child), conjuncts(predicate)
                told = self._told(child, terms) if isinstance(child, Scan) else below.told
                return replace(below, rows=below.rows * self._share(child, below, terms), told=told)
            case Project(child, expressions):
                below = self.estimate(child)
                return replace(below, domains=tuple(domain_of(e, below) for e in expressions))
            case Aggregate(child, groups, aggregates):
                below = self.estimate(child)
                keys = [domain_of(group, below) for group in groups]
                rows = grouped(below.rows, math.prod(keys)) if groups else 1.0
                return _unfiltered(rows, (*keys, *(max(rows, 1.0) for _ in aggregates)))
            case Limit(child, limit):
                below = self.estimate(child)
                return below if limit is None else replace(below, rows=min(below.rows, limit))
            case Sort(child) | ComputedLimit(child):
                return self.estimate(child)
            case Window(child, calls):
                below = self.estimate(child)
                return replace(below, domains=(*below.domains, *(max(below.rows, 1.0) for _ in calls)))
            case Unnest(child, lists):
                below = self.estimate(child)
                rows = _ELEMENTS * below.rows
                return _unfiltered(rows, (*below.domains, *(max(rows, 1.0) for _ in lists)))
            case Union(inputs):
                parts = [self.estimate(each) for each in inputs]
                domains = tuple(map(max, zip(*(part.domains for part in parts), strict=True)))
                return _unfiltered(sum(part.rows for part in parts), domains)
            case SetOperation(left):
                below = self.estimate(left)
                return replace(below, rows=below.rows * _OTHER)
            case Join():
                return self._of_join(node)
            case AsofJoin(left, right):
                below, theirs = self.estimate(left), self.estimate(right)
                rows = below.rows if node.kind in ("inner", "left") else below.rows + theirs.rows
                return replace(below, rows=rows, domains=(*below.domains, *theirs.domains))

    def _share(self, child: Node, below: Estimate, terms: Sequence[Expression]) -> float:
        """The share of the child's rows for which all ``terms`` are true."""
        if isinstance(child, Scan):
            return self.statistics.selectivity(child, terms)
        return math.prod(guess(term, below) for term in terms)

    def _told(self, scan: Scan, terms: Sequence[Expression]) -> dict[str, float]:
        """The shares of rows that pass what tests columns of other tables, by these tables."""
        holders = {each.number: each.path[-1].table for each in self.statistics.derived(scan.table, scan.layout)}
        by_table: dict[str, list[Expression]] = {}
        for term in terms if holders else ():
            tested = {holders.get(scan.columns[index]) for index in columns_of(term)}
            if len(tested) == 1 and (table := next(iter(tested))) is not None:
                by_table.setdefault(table, []).append(term)
        return {table: self.statistics.selectivity(scan, tests) for table, tests in by_table.items()}

    def _of_join(self, node: Join) -> Estimate:
        left, right = self.estimate(node.left), self.estimate(node.right)
        both = Estimate(
            left.rows * right.rows,
            (*left.domains, *right.domains),
            max(left.base, right.base),
            left.scanned | right.scanned,
            {**left.told, **right.told},
        )
        keys = [(domain_of(key.left, left), domain_of(key.right, right)) for key in node.keys]
        pairs = both.rows * key_share(keys, left.base, right.base)
        # what copies of a parent's columns let through, the parent's own tests let through as well
        for one, other in ((left, right), (right, left)):
            shares = (share for table, share in one.told.items() if table in other.scanned)
            pairs = min(pairs / max(math.prod(shares), 1 / max(one.base, 1.0)), max(left.rows, right.rows, pairs))
        if node.residual is not None:
            pairs *= math.prod(guess(term, both) for term in conjuncts(node.residual))
        matched = min(left.rows, pairs)
        match node.kind:
            case "semi":
                return replace(left, rows=matched)
            case "anti":
                return replace(left, rows=max(left.rows - matched, _LEAST_UNMATCHED * left.rows))
            case "mark":
                return replace(left, domains=(*left.domains, 2.0))
            case "single":
                return replace(both, rows=left.rows)
            case "inner":
                return replace(both, rows=pairs)
            case "left":
                return replace(both, rows=max(pairs, left.rows))
            case "right":
                return replace(both, rows=max(pairs, right.rows))
            case _:
                return replace(both, rows=max(pairs, left.rows, right.rows))


def _unfiltered(rows: float, domains: tuple[float, ...]) -> Estimate:
    return Estimate(rows, domains, max(rows, 1.0))


def domain_of(expression: Expression, below: Estimate) -> float:
    """From how many values the expression is drawn: those of its columns together, if it reads any."""
    if isinstance(expression, ColumnRef):
        return below.domains[expression.index]
    return max(min(math.prod(below.domains[i] for i in columns_of(expression)), below.base), 1.0)


def grouped(rows: float, domain: float) -> float:
    """Different values among ``rows`` drawn evenly from ``domain`` values (Cardenas, 1975)."""
    if rows <= 0:
        return 0.0
    return domain * -math.expm1(rows * math.log1p(-1 / domain)) if domain > 1 else 1.0


def key_share(keys: Sequence[tuple[float, float]], left_base: float, right_base: float) -> float:
    """The share of all pairs of rows that agree on ``keys``, given by the domains of their left and right side.

    A side has no more combinations of keys than it had rows, and one side's are contained in the other's.
    """
    if not keys:
        return 1.0
    left = min(math.prod(domain for domain, _ in keys), left_base)
    right = min(math.prod(domain for _, domain in keys), right_base)
    return 1.0 / max(min(left, right), max(map(max, keys)))


def guess(term: Expression, below: Estimate) -> float:
    """The share of rows for which ``term`` is true, by its shape."""
    match term:
        case Call("=", (ColumnRef(index), _) | (_, ColumnRef(index))):
            return 1.0 / below.domains[index]
        case Call("or", args):
            return min(sum(guess(arg, below) for arg in args), 1.0)
        case Call("and", args):
            return math.prod(guess(arg, below) for arg in args)
        case Call(name):
            return _COMPARISONS.get(name, _OTHER)
        case _:
            return _OTHER
