"""Filters of a stored table that few rows are joined with by its key: they are tested of the rows that were met.

The index of a whole table is kept from query to query, that of a filtered one is made anew, from rows that must be
found and collected first. That is worth it where many rows ask.
"""

from __future__ import annotations

from dataclasses import replace

from locality.optimizer.deleted import split_live
from locality.optimizer.estimate import Estimator
from locality.optimizer.facts import Prover
from locality.optimizer.statistics import Statistics
from locality.plan.columns import renumbered, replaced
from locality.plan.expressions import ColumnRef, Expression, columns_of, conjunction
from locality.plan.nodes import Filter, Join, Node, Project, Scan, Shared, inputs_of, with_inputs

#: How many times as many rows the filtered table must have.
_TIMES = 4


def defer_filters(root: Node, statistics: Statistics) -> Node:
    """The plan with such filters above their joins; its output columns stay as they are."""
    return _deferred(root, Estimator(statistics))


def _deferred(node: Node, estimator: Estimator) -> Node:
    if isinstance(node, Shared):
        definition = _deferred(node.definition, estimator)
        known = replace(estimator, shared={**estimator.shared, node.number: estimator.estimate(definition)})
        return Shared(definition, _deferred(node.child, known), node.number)
    node = with_inputs(node, [_deferred(child, estimator) for child in inputs_of(node)])
    if not isinstance(node, Join) or node.kind != "inner" or node.residual is not None:
        return node
    filtered, outputs = _filtered_scan(node.right)
    if filtered is None or not isinstance(filtered.child, Scan):
        return node
    scan, statistics = filtered.child, estimator.statistics
    rows, tests = split_live(filtered)
    keys = [replaced(key.right, lambda e: outputs[e.index]) for key in node.keys]
    if not tests or not Prover(statistics).facts(rows).is_unique(e.index for e in keys if isinstance(e, ColumnRef)):
        return node
    if any(statistics.is_raw(scan.table, scan.columns[index]) for test in tests for index in columns_of(test)):
        return node  # kernels do not read such strings by position
    if _TIMES * estimator.estimate(node.left).rows > statistics.rows(scan.table):
        return node
    return _tested_above(node, rows, conjunction(tests), outputs, keys)


def _filtered_scan(node: Node) -> tuple[Filter | None, tuple[ColumnRef, ...]]:
    """The filter of a stored table, and the columns of ``node`` as those of the table's scan; None if it is not one."""
    match node:
        case Filter(Scan(types=types)):
            return node, tuple(ColumnRef(i, dtype) for i, dtype in enumerate(types))
        case Project(Filter(Scan()) as filtered, expressions):
            columns = tuple(e for e in expressions if isinstance(e, ColumnRef))
            return (filtered if len(columns) == len(expressions) else None), columns
        case _:
            return None, ()


def _tested_above(
    node: Join, rows: Scan | Filter, predicate: Expression, outputs: tuple[ColumnRef, ...], keys: list[Expression]
) -> Node:
    """The join with all rows of the table, then the filter, then the columns that there were."""
    width = len(node.left.types)
    pairs = tuple(replace(key, right=right) for key, right in zip(node.keys, keys, strict=True))
    joined = replace(node, right=rows, keys=pairs)
    places = {index: width + index for index in range(len(rows.types))}
    tested = Filter(joined, renumbered(predicate, places))
    own = (ColumnRef(i, dtype) for i, dtype in enumerate(node.left.types))
    return Project(tested, (*own, *(renumbered(output, places) for output in outputs)))
