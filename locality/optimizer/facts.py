"""What is proven of a plan's rows: which columns identify a row, and which are never NULL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from locality.optimizer.deleted import leaves_out_deleted
from locality.optimizer.statistics import Statistics
from locality.plan.expressions import Call, Cast, ColumnRef, Constant, Expression, conjuncts
from locality.plan.nodes import (
    Aggregate,
    AsofJoin,
    ComputedLimit,
    Filter,
    Join,
    JoinKey,
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
from locality.plan.virtual import ROW_ID

#: Unique keys that are followed through a plan at most: few are ever used.
_MOST_KEYS = 8
#: Calls that are not true unless all their arguments are values.
_REJECT_NULL = frozenset({"=", "<>", "<", "<=", ">", ">=", "~~", "!~~", "is not null"})
#: Calls that are values wherever all their arguments are.
_KEEP_VALUES = frozenset({"=", "<>", "<", "<=", ">", ">=", "and", "or", "not", "+", "-", "*"})
_NEVER_NULL = frozenset({"is null", "is not null", "is distinct from", "is not distinct from"})
_COUNTS = frozenset({"count", "count_star"})


@dataclass(frozen=True)
class Facts:
    """Of the rows of one node, columns by position.

    unique: sets of columns in all of which no two rows agree (NULL agreeing with NULL); the empty set means that there
        is one row at most.
    never_null: columns without NULL.
    """

    unique: tuple[frozenset[int], ...] = ()
    never_null: frozenset[int] = frozenset()

    def is_unique(self, columns: Iterable[int]) -> bool:
        """Whether no two rows agree in all of ``columns``."""
        given = frozenset(columns)
        return any(key <= given for key in self.unique)


@dataclass(frozen=True)
class Prover:
    """Facts of plans over one snapshot; ``shared`` are those of the shared results, by number."""

    statistics: Statistics
    shared: Mapping[int, Facts] = field(default_factory=dict)

    def facts(self, node: Node) -> Facts:
        """What is proven of the rows of ``node``."""
        match node:
            case Scan(table):
                return self._of_scan(node, has_keys=not self.statistics.has_deletions(table))
            case SharedScan(number):
                return self.shared.get(number, Facts())
            case Recursive() | RecursiveScan():
                return Facts()
            case Shared(definition, child, number):
                return Prover(self.statistics, {**self.shared, number: self.facts(definition)}).facts(child)
            case Values(rows, types):
                full = (i for i in range(len(types)) if all(row[i] is not None for row in rows))
                return Facts((frozenset(),) if len(rows) < 2 else (), frozenset(full))
            case Filter(child, predicate):
                facts, terms = self._below_filter(node), conjuncts(predicate)
                unique = dict.fromkeys(key - _fixed_by(terms) for key in facts.unique)
                return Facts(tuple(unique), facts.never_null | not_null_by(terms))
            case Project(child, expressions):
                return _projected(self.facts(child), expressions)
            case Aggregate():
                return self._of_aggregate(node)
            case Limit(child, 1):
                return Facts((frozenset(),), self.facts(child).never_null)
            case Sort(child) | Limit(child) | ComputedLimit(child) | Window(child):
                return self.facts(child)
            case Unnest(child):
                return Facts((), self.facts(child).never_null)
            case Union(inputs):
                return Facts((), frozenset.intersection(*(self.facts(each).never_null for each in inputs)))
            case SetOperation():
                return self._of_set_operation(node)
            case Join():
                return self._of_join(node)
            case AsofJoin(left, kind=kind):
                return self.facts(left) if kind in ("inner", "left") else Facts()

    def _below_filter(self, node: Filter) -> Facts:
        """What is proven of the rows that a filter lets through before its terms are looked at."""
        if isinstance(node.child, Scan):
            has_keys = not self.statistics.has_deletions(node.child.table) or leaves_out_deleted(node)
            return self._of_scan(node.child, has_keys=has_keys)
        return self.facts(node.child)

    def _of_scan(self, scan: Scan, *, has_keys: bool) -> Facts:
        """has_keys: whether the rows are such as the table's keys hold for."""
        positions = {column: position for position, column in enumerate(scan.columns)}
        known = self.statistics.unique_keys(scan.table) if has_keys else ()
        keys = [key for key in (*known, frozenset({ROW_ID})) if key <= positions.keys()]
        full = (position for column, position in positions.items() if not self.statistics.has_nulls(scan.table, column))
        one = (frozenset[int](),) if self.statistics.rows(scan.table) < 2 else ()
        return Facts((*one, *(frozenset(positions[c] for c in key) for key in keys)), frozenset(full))

    def _of_aggregate(self, node: Aggregate) -> Facts:
        below = _projected(self.facts(node.child), node.groups)
        everything = frozenset(range(len(node.groups)))
        width = len(node.groups)
        counts = (width + i for i, call in enumerate(node.aggregates) if call.name in _COUNTS)
        smaller = (key for key in below.unique if key < everything)
        return Facts((*smaller, everything), below.never_null.union(counts))

    def _of_set_operation(self, node: SetOperation) -> Facts:
        left, right = self.facts(node.left), self.facts(node.right)
        unique = left.unique if node.all else (*left.unique, frozenset(range(len(node.types))))
        return Facts(unique, left.never_null | right.never_null if node.kind == "intersect" else left.never_null)

    def _of_join(self, node: Join) -> Facts:
        left, right = self.facts(node.left), self.facts(node.right)
        width = len(node.left.types)
        match node.kind:
            case "semi":
                return Facts(left.unique, left.never_null | _key_columns(key.left for key in plain(node)))
            case "anti" | "single":
                return left
            case "mark":
                mark = frozenset({width}) if is_two_valued(node, left, right) else frozenset[int]()
                return Facts(left.unique, left.never_null | mark)
            case _:
                return _of_pairs(node, left, right)


def plain(node: Join) -> list[JoinKey]:
    """The keys of a join that NULL never fulfils."""
    return [key for key in node.keys if not key.null_safe]


def is_two_valued(node: Join, left: Facts, right: Facts) -> bool:
    """Whether a mark join's condition is never NULL."""
    sides = [(key.left, left) for key in plain(node)] + [(key.right, right) for key in plain(node)]
    return node.residual is None and all(never_null(expression, facts.never_null) for expression, facts in sides)


def not_null_by(terms: Iterable[Expression]) -> frozenset[int]:
    """The columns that are not NULL wherever all ``terms`` are true."""
    found: set[int] = set()
    for term in terms:
        match term:
            case ColumnRef(index):
                found.add(index)
            case Call(name, args) if name in _REJECT_NULL:
                found.update(arg.index for arg in args if isinstance(arg, ColumnRef))
            case Call("in", (ColumnRef(index), *_)):
                found.add(index)
            case Call("or", args):
                found |= frozenset.intersection(*(not_null_by(conjuncts(arg)) for arg in args))
            case _:
                pass
    return frozenset(found)


def never_null(expression: Expression, columns: frozenset[int]) -> bool:
    """Whether ``expression`` is a value in every row, given the columns that are."""
    match expression:
        case ColumnRef(index):
            return index in columns
        case Constant(value):
            return value is not None
        case Cast(arg, lenient=False):
            return never_null(arg, columns)
        case Call(name, args):
            return name in _NEVER_NULL or (name in _KEEP_VALUES and all(never_null(arg, columns) for arg in args))
        case _:
            return False


def _fixed_by(terms: Iterable[Expression]) -> frozenset[int]:
    """The columns that are equal to one value in all rows for which the terms are true."""
    found = set[int]()
    for term in terms:
        match term:
            case Call("=", (ColumnRef(index), Constant()) | (Constant(), ColumnRef(index))):
                found.add(index)
    return frozenset(found)


def _projected(facts: Facts, expressions: Sequence[Expression]) -> Facts:
    places: dict[int, int] = {}
    for position, expression in enumerate(expressions):
        if isinstance(expression, ColumnRef):
            places.setdefault(expression.index, position)
    unique = tuple(frozenset(places[i] for i in key) for key in facts.unique if key <= places.keys())
    full = (i for i, expression in enumerate(expressions) if never_null(expression, facts.never_null))
    return Facts(unique, frozenset(full))


def _of_pairs(node: Join, left: Facts, right: Facts) -> Facts:
    """Inner and outer joins: a side's keys still identify rows where the other has one match at most."""
    width = len(node.left.types)
    moved = Facts(
        tuple(frozenset(i + width for i in key) for key in right.unique), frozenset(i + width for i in right.never_null)
    )
    matched_left = _key_columns(key.left for key in plain(node))
    matched_right = frozenset(i + width for i in _key_columns(key.right for key in plain(node)))
    unique = [left_key | right_key for left_key, right_key in product(left.unique, moved.unique)]
    if right.is_unique(_key_columns(key.right for key in node.keys)) and node.kind in ("inner", "left"):
        unique = [*left.unique, *unique]
    if left.is_unique(_key_columns(key.left for key in node.keys)) and node.kind in ("inner", "right"):
        unique = [*moved.unique, *unique]
    kept = tuple(islice(dict.fromkeys(unique), _MOST_KEYS))
    match node.kind:
        case "inner":
            return Facts(kept, left.never_null | moved.never_null | matched_left | matched_right)
        case "left":
            return Facts(kept, left.never_null)
        case "right":
            return Facts(kept, moved.never_null)
        case _:
            return Facts()


def _key_columns(expressions: Iterable[Expression]) -> frozenset[int]:
    return frozenset(e.index for e in expressions if isinstance(e, ColumnRef))
