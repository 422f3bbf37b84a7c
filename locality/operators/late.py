"""Functions that kernels lack, computed by DuckDB over the rows that are left where these are few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, decode, from_arrow
from locality.errors import Unsupported
from locality.operators.codegen.lookup import introduce_lookups
from locality.operators.codegen.probe import probe
from locality.operators.filters.codesets import code_sets
from locality.operators.filters.filter import Test, plan_tests
from locality.operators.relations.batch import Batch, Deferred, interval_of
from locality.operators.relations.relation import Relation
from locality.plan.expressions import ColumnRef, Expression, columns_of, rewrite
from locality.plan.functions.base import Value
from locality.sql.evaluate import evaluate

#: Rows up to which DuckDB's functions are called on what a scan leaves: beyond, DuckDB is better at the whole query.
LATE_ROWS = 262_144

#: Rows of an intermediate result up to which expressions are computed by DuckDB's functions: a new kernel costs more.
FEW_ROWS = 4096


def computed_value(relation: Relation, expression: Expression) -> Value | None:
    """The value of an expression that kernels compute; None if DuckDB's functions have to."""
    try:
        return probe(relation, expression)
    except Unsupported:
        return None


def evaluate_over(relation: Relation, expression: Expression, positions: Any) -> EncodedColumn:
    """An expression over some rows of a relation, by DuckDB's scalar functions; raises Unsupported where it can't."""
    columns = sorted(columns_of(expression))
    if not columns:
        rows = relation.row_count if positions is None else len(positions)
        constant = evaluate(expression, [])
        return from_arrow(constant.take(np.zeros(rows, dtype=np.int64)), expression.type)
    inputs = [decode(relation.gather(index, positions)) for index in columns]
    local = rewrite(expression, lambda e: ColumnRef(columns.index(e.index), e.type) if isinstance(e, ColumnRef) else e)
    return from_arrow(evaluate(local, inputs), expression.type)


def rows_at(relation: Relation, outputs: Sequence[Expression], positions: npt.NDArray[np.int64]) -> Batch:
    """Expressions over few chosen rows of a relation, in the order of ``positions``."""
    columns = tuple(
        Deferred(relation, output.index, positions)
        if isinstance(output, ColumnRef)
        else evaluate_over(relation, output, positions)
        for output in outputs
    )
    return Batch(columns, len(positions), tuple(interval_of(column) for column in columns))


def split_tests(relation: Relation, conjuncts: Sequence[Expression]) -> tuple[list[Test], list[Expression]]:
    """The tests that kernels make, and the conjuncts that are left for DuckDB's functions."""
    late = [
        c
        for c in conjuncts
        if code_sets(relation, c) is None and computed_value(relation, introduce_lookups(c, relation)) is None
    ]
    return plan_tests(relation, [c for c in conjuncts if c not in late]), late


def passing(
    relation: Relation, conjuncts: Sequence[Expression], positions: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.int64]:
    """Which of the rows at ``positions`` (all rows for None) pass, as indices of these, by DuckDB's functions."""
    kept = np.arange(relation.row_count if positions is None else len(positions), dtype=np.int64)
    for conjunct in conjuncts:
        rows = kept if positions is None else positions[kept]
        keep = decode(evaluate_over(relation, conjunct, rows)).fill_null(False)
        kept = kept[keep.to_numpy(zero_copy_only=False)]
    return kept


def evaluate_rows(relation: Relation, conjuncts: Sequence[Expression], outputs: Sequence[Expression]) -> Batch:
    """The rows that pass, all by DuckDB's functions."""
    positions = np.arange(relation.row_count, dtype=np.int64)
    if conjuncts:
        positions = passing(relation, conjuncts, None)
    return rows_at(relation, outputs, positions)
