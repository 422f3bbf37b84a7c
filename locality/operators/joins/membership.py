"""SQL's IN, as a mark of each row: TRUE where a match is; else NULL where a comparison was NULL; else FALSE.

Of the keys of ``(x, g) IN (...)`` one may be NULL. Whether a row without a match compares with NULL then depends on the
right rows that have its other keys: on whether there are any, and whether any of these has NULL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn, bitmaps
from locality.errors import Unsupported
from locality.operators.joins.ranks import check_keys, may_be_null
from locality.operators.physical import Execution
from locality.operators.relations.batch import Batch
from locality.operators.relations.keyindex import KeyIndex, index_rows
from locality.operators.relations.links import Link
from locality.operators.relations.relation import ColumnsSegment, Relation
from locality.plan.expressions import Call, Case, ColumnRef, Constant, Expression
from locality.plan.intervals import Interval
from locality.types import BOOLEAN

Ranks = npt.NDArray[np.int64]

#: Columns that :func:`marked` adds.
MARKS = 3


def mark_of(first: int, keys: Sequence[Expression], null_safe: Sequence[bool]) -> Expression:
    """The mark of a row, of the columns that :func:`marked` adds from ``first`` on."""
    found, present, missing = (ColumnRef(first + i, BOOLEAN) for i in range(MARKS))
    nulls = [Call("is null", (key,), BOOLEAN) for key, safe in zip(keys, null_safe, strict=True) if not safe]
    branches: list[tuple[Expression, Expression]] = [
        (Call("is not null", (found,), BOOLEAN), found),
        (Call("is null", (present,), BOOLEAN), Constant(False, BOOLEAN)),
    ]
    if nulls:
        unknown = Call("or", tuple(nulls), BOOLEAN) if len(nulls) > 1 else nulls[0]
        branches.append((unknown, Constant(None, BOOLEAN)))
    return Case(tuple(branches), missing, BOOLEAN)


def marked(
    relation: Relation,
    keys: Sequence[Expression],
    null_safe: Sequence[bool],
    index: KeyIndex | None,
    right: Relation,
    positions: Sequence[int],
    execution: Execution,
) -> Relation:
    """The rows with three more BOOLEAN columns: TRUE where a match is, else NULL; TRUE where a right row has all keys
    that are never NULL, else NULL; and NULL where such a row has NULL for the key that may be, else FALSE.

    positions: the columns of ``right`` that ``keys`` are compared with; ``index`` is of these, None for no keys. Raises
    Unsupported if several keys may be NULL.
    """
    columns = [right.gather(position, None) for position in positions]
    doubtful, rest = _split_keys(relation, keys, null_safe, columns)
    if index is not None:
        check_keys(relation, keys, index)
        index = replace(index, rows=None, starts=None)
    there = True if right.row_count else None
    match = _target(_constant(1 if index is None else max(index.ranks, 1), there))
    found = relation.linked(Link(len(relation.types), tuple(keys), index, match, "left"))
    if not doubtful or not rest:
        missing = None if any(_has_nulls(columns[i]) for i in doubtful) else False
        others = _target(_constant(1, there), _constant(1, missing))
        return found.linked(Link(len(found.types), (), None, others, "left"))
    intervals = [right.intervals[positions[i]] for i in rest]
    ours = [columns[i] for i in rest]
    groups = index_rows(ours, intervals, [null_safe[i] for i in rest], execution)
    missing_of = _missing_by_group(columns[doubtful[0]], groups, groups.ranks_of(ours, execution))
    target = _target(_constant(missing_of.length, there), missing_of)
    groups = replace(groups, rows=None, starts=None)
    return found.linked(Link(len(found.types), tuple(keys[i] for i in rest), groups, target, "left"))


def marked_rows(
    rows: Batch,
    null_safe: Sequence[bool],
    index: KeyIndex,
    right: Relation,
    positions: Sequence[int],
    execution: Execution,
) -> Batch:
    """As :func:`marked`, of rows that are collected with their keys as the last columns, which kernels do not read."""
    width = len(rows.columns) - len(positions)
    keys = [rows.column(width + i) for i in range(len(positions))]
    columns = [right.gather(position, None) for position in positions]
    doubtful = [i for i, safe in enumerate(null_safe) if not safe and (_has_nulls(columns[i]) or _has_nulls(keys[i]))]
    if len(doubtful) > 1:
        raise Unsupported("a mark join on several keys with NULLs")
    rest = [i for i in range(len(keys)) if i not in doubtful]
    found = index.ranks_of(keys, execution) >= 0
    there = np.full(rows.row_count, right.row_count > 0)
    known = np.full(rows.row_count, not any(_has_nulls(columns[i]) for i in doubtful))
    if doubtful and rest:
        intervals = [right.intervals[positions[i]] for i in rest]
        ours = [columns[i] for i in rest]
        groups = index_rows(ours, intervals, [null_safe[i] for i in rest], execution)
        missing = _missing_by_group(columns[doubtful[0]], groups, groups.ranks_of(ours, execution))
        ranks = groups.ranks_of([keys[i] for i in rest], execution)
        there = ranks >= 0
        if missing.validity is not None:
            known = bitmaps.to_mask(missing.validity, missing.length)[np.maximum(ranks, 0)]
    added = (_flags(found, True), _flags(there, True), _flags(known, False))
    own = rows.select(range(width))
    return Batch((*own.columns, *added), rows.row_count, (*own.intervals, *(Interval(0, 1) for _ in added)))


def _flags(valid: npt.NDArray[np.bool_], value: bool) -> EncodedColumn:
    """``value`` where ``valid``, else NULL."""
    if not valid.any():
        return EncodedColumn(BOOLEAN, "constant", len(valid), all_null=True)
    return EncodedColumn(BOOLEAN, "constant", len(valid), validity=bitmaps.from_mask(valid), base=value)


def _split_keys(
    relation: Relation, keys: Sequence[Expression], null_safe: Sequence[bool], columns: Sequence[EncodedColumn]
) -> tuple[list[int], list[int]]:
    """The key by which a comparison may be NULL, if there is one, and the others."""
    doubtful = [
        i for i, key in enumerate(keys) if not null_safe[i] and (_has_nulls(columns[i]) or may_be_null(relation, key))
    ]
    if len(doubtful) > 1:
        raise Unsupported("a mark join on several keys with NULLs")
    return doubtful, [i for i in range(len(keys)) if i not in doubtful]


def _missing_by_group(column: EncodedColumn, groups: KeyIndex, ranks: Ranks) -> EncodedColumn:
    """NULL for each group that has a NULL in ``column``, else FALSE."""
    known = np.ones(max(groups.ranks, 1), np.bool_)
    if column.all_null:
        known[:] = False
    elif column.validity is not None:
        nulls = ranks[~bitmaps.to_mask(column.validity, column.length)]
        known[nulls[nulls >= 0]] = False
    return EncodedColumn(BOOLEAN, "constant", len(known), validity=bitmaps.from_mask(known))


def _has_nulls(column: EncodedColumn) -> bool:
    return column.length > 0 and (column.validity is not None or column.all_null)


def _constant(rows: int, value: bool | None) -> EncodedColumn:
    return EncodedColumn(BOOLEAN, "constant", rows, base=bool(value), all_null=value is None)


def _target(*columns: EncodedColumn) -> Relation:
    """BOOLEAN columns as the target of a link."""
    width = len(columns)
    segment = ColumnsSegment(columns, columns[0].length)
    return Relation("", (BOOLEAN,) * width, (Interval(0, 1),) * width, (segment,), 0.0)
