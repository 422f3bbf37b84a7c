"""SQL by the book: plans evaluated row by row over Python values, as a reference for the operators."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from locality.plan import rollups
from locality.plan.expressions import AggregateCall, Call, Case, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import (
    Aggregate,
    Filter,
    Join,
    Limit,
    Node,
    Project,
    Scan,
    SetOperation,
    Shared,
    SharedScan,
    Sort,
    Union,
    Values,
    Window,
)
from locality.plan.virtual import ROW_ID
from tests.operators import naive_joins
from tests.operators.naive_joins import Row, Rows
from tests.operators.naive_windows import Windows

#: Rows by the name of their table, with all its columns; those of a shared result by its number.
Tables = Mapping[str | int, Sequence[Row]]


def evaluate(node: Node, rows: Sequence[Row] | Tables) -> Rows:
    """The rows of ``node``. ``rows`` is what its only scan gives, or the tables that its scans read."""
    match node:
        case Scan() if not isinstance(rows, Mapping):
            return list(rows)
        case Scan(table, columns):
            return [tuple(n if i == ROW_ID else row[i] for i in columns) for n, row in enumerate(rows[table])]
        case SharedScan(number):
            return list(rows[number])
        case Shared(definition, child, number):
            return evaluate(child, {**rows, number: evaluate(definition, rows)})
        case Values(given):
            return list(given)
        case Union(inputs):
            return [row for each in inputs for row in evaluate(each, rows)]
        case Join(left, right):
            return naive_joins.join(node, evaluate(left, rows), evaluate(right, rows), value, _call)
        case SetOperation(left, right):
            return naive_joins.set_operation(node, evaluate(left, rows), evaluate(right, rows))
        case Window(child, calls):
            given = evaluate(child, rows)
            windows = [Windows(call, given, value, _compare_rows, _total) for call in calls]
            return [(*row, *(window.at(i) for window in windows)) for i, row in enumerate(given)]
        case Filter(child, predicate):
            return [row for row in evaluate(child, rows) if value(predicate, row) is True]
        case Project(child, expressions):
            return [tuple(value(e, row) for e in expressions) for row in evaluate(child, rows)]
        case Aggregate(child, groups, aggregates):
            return _aggregate(evaluate(child, rows), groups, aggregates)
        case Sort(child, keys):
            return sorted(evaluate(child, rows), key=_order_key(keys))
        case Limit(child, limit, offset):
            return evaluate(child, rows)[offset : None if limit is None else offset + limit]


# --- values


def value(expression: Expression, row: Row) -> Any:
    """One expression at one row; None is NULL."""
    match expression:
        case ColumnRef(index):
            return row[index]
        case Constant(constant):
            return constant
        case Case(branches, otherwise):
            chosen = next((v for condition, v in branches if value(condition, row) is True), otherwise)
            return value(chosen, row)
        case Call(name, args):
            return _call(name, [value(arg, row) for arg in args])
    raise NotImplementedError(str(expression))


def _call(name: str, args: list[Any]) -> Any:
    match name:
        case "and":
            return False if False in args else None if None in args else True
        case "or":
            return True if True in args else None if None in args else False
        case "is null":
            return args[0] is None
        case "is not null":
            return args[0] is not None
        case "coalesce":
            return next((arg for arg in args if arg is not None), None)
        case "in":
            return _call("or", [_call("=", [args[0], candidate]) for candidate in args[1:]])
        case "is distinct from" if None in args:
            return (args[0] is None) != (args[1] is None)
        case "is distinct from":
            return compare(*args) != 0
        case "is not distinct from":
            return not _call("is distinct from", args)
    if None in args:
        return None
    match name, args:
        case "not", [arg]:
            return not arg
        case "+", [left, right]:
            return left + right
        case "-", [left, right]:
            return left - right
        case "*", [left, right]:
            return left * right
        case (("=" | "<>" | "<" | "<=" | ">" | ">="), [left, right]):
            order = compare(left, right)
            holds = {"=": order == 0, "<": order < 0, "<=": order <= 0}
            return holds[name] if name in holds else not holds[{"<>": "=", ">": "<=", ">=": "<"}[name]]
    raise NotImplementedError(name)


def compare(left: Any, right: Any) -> int:
    """Negative, 0 or positive; NaN equals itself and exceeds all numbers, strings compare by their bytes."""
    if isinstance(left, str):
        left, right = left.encode(), right.encode()
    if isinstance(left, float) and isinstance(right, float) and (math.isnan(left) or math.isnan(right)):
        return math.isnan(left) - math.isnan(right)
    return int(left > right) - int(left < right)


def _order_key(keys: Sequence[SortKey]) -> Callable[[Row], Any]:
    def order(left: Row, right: Row) -> int:
        return _compare_rows(keys, left, right)

    return functools.cmp_to_key(order)


def _compare_rows(keys: Sequence[SortKey], left: Row, right: Row) -> int:
    for key in keys:
        a, b = value(key.expression, left), value(key.expression, right)
        if a is None or b is None:
            order = ((b is None) - (a is None)) * (1 if key.nulls_first else -1) if (a is None) != (b is None) else 0
        else:
            order = compare(a, b) * (-1 if key.descending else 1)
        if order:
            return order
    return 0


# --- aggregates


def _aggregate(rows: Rows, groups: Sequence[Expression], calls: Sequence[AggregateCall]) -> Rows:
    members: dict[Row, Rows] = {} if groups else {(): []}
    for row in rows:
        key = tuple(_canonical(value(group, row)) for group in groups)
        members.setdefault(key, []).append(row)
    return [(*map(_plain, key), *(_total(call, inside) for call in calls)) for key, inside in members.items()]


def _canonical(item: Any) -> Any:
    """What is equal for values of one group: NaN is a group of its own."""
    return "NaN" if isinstance(item, float) and math.isnan(item) else item


def _plain(item: Any) -> Any:
    return math.nan if item == "NaN" else item


def _total(call: AggregateCall, rows: Rows) -> Any:
    chosen = [row for row in rows if call.filter is None or value(call.filter, row) is True]
    if call.name == "count_star":
        return len(chosen)
    items = [item for row in chosen if (item := value(call.args[0], row)) is not None]
    if call.name == "count":
        return len(items)
    if call.name == rollups.COUNT_OF_PARTS:
        return sum(items)
    if not items:
        return None
    match call.name:
        case "count of parts":
            return sum(items)
        case "sum":
            return math.fsum(items) if isinstance(items[0], float) else sum(items)
        case rollups.AVERAGE_OF_PARTS:
            return float(Fraction(sum(items)) / sum(value(call.args[1], row) for row in chosen))
        case "avg":
            return float(sum(map(Fraction, items)) / len(items))
        case "min":
            return functools.reduce(lambda a, b: a if compare(a, b) <= 0 else b, items)
        case "max":
            return functools.reduce(lambda a, b: a if compare(a, b) >= 0 else b, items)
    raise NotImplementedError(call.name)
