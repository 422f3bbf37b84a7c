"""Joins whose rows may have several matches: all pairs of positions first, then what the kind of join makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from locality import memory
from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.kernel.loader import primitive
from locality.operators.collect import collect_rows
from locality.operators.physical import Execution, Traffic
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.keyindex import KeyIndex
from locality.operators.relations.relation import Positions, Relation
from locality.plan.expressions import ColumnRef, Expression
from locality.plan.nodes import JoinKind
from locality.types import BIGINT

#: Pairs that a join without keys may have.
_MOST_PAIRS = 1 << 28
_PAIRS = "the pairs of a join"


@dataclass(frozen=True, eq=False)
class Matching:
    """What makes a row of the right side match one of the left; see :class:`JoinSource`, whose fields these are."""

    kind: JoinKind
    keys: tuple[Expression, ...]
    index: KeyIndex | None
    condition: Expression | None


def joined_rows(
    relation: Relation, conjuncts: Sequence[Expression], matching: Matching, right: Relation, execution: Execution
) -> Relation:
    """The rows of ``relation`` that pass, joined with ``right``: the columns of one, then of the other."""
    with execution.measure("join") as traffic:
        own = [ColumnRef(i, dtype) for i, dtype in enumerate(relation.types)]
        left = collect_rows(relation, conjuncts, (*own, *matching.keys), execution, traffic)
        keys = left.select(range(len(own), len(left.columns)))
        left = left.select(range(len(own)))
        pairs = _pairs(keys, left.row_count, matching, right, traffic, execution)
        if matching.condition is not None:
            pairs = _holding(matching.condition, left, right, pairs, execution, traffic)
        pairs = _of_kind(matching.kind, pairs, left.row_count, right.row_count)
        joined = _batch(left, right, pairs)
        traffic.rows = joined.row_count
        return joined.as_relation()


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Positions on both sides, the left ones ascending; -1 for none."""

    left: Positions
    right: Positions

    def __post_init__(self) -> None:
        memory.hold((self.left, self.right), _PAIRS)

    def at(self, kept: Positions) -> _Pairs:
        return _Pairs(self.left[kept], self.right[kept])


def _pairs(
    keys: Batch, rows: int, matching: Matching, right: Relation, traffic: Traffic, execution: Execution
) -> _Pairs:
    """Every left row with every right row that has its keys."""
    if matching.index is None:
        count = rows * right.row_count
        if count > _MOST_PAIRS:
            raise Unsupported(f"a join without equal keys, of {rows:,} by {right.row_count:,} rows")
        _allow(count, traffic)
        every = np.arange(right.row_count, dtype=np.int64)
        return _Pairs(np.repeat(np.arange(rows, dtype=np.int64), right.row_count), np.tile(every, rows))
    index = matching.index
    ranks = index.ranks_of([keys.column(i) for i in range(len(keys.columns))], execution)
    order, starts = index.listing()
    count = int(primitive("count_matches")(ranks, starts, 0))
    _allow(count, traffic)
    pairs = _Pairs(np.empty(count, np.int64), np.empty(count, np.int64))
    primitive("write_matches")(ranks, starts, order, 0, pairs.left, pairs.right)
    return pairs


def _allow(count: int, traffic: Traffic) -> None:
    traffic.state += 32 * count
    memory.allow(16 * count, _PAIRS)


def _holding(
    condition: Expression, left: Batch, right: Relation, pairs: _Pairs, execution: Execution, traffic: Traffic
) -> _Pairs:
    """The pairs for which a condition is true."""
    joined = _batch(left, right, pairs)
    numbers = EncodedColumn(BIGINT, "plain", joined.row_count, codes=np.arange(joined.row_count, dtype=np.int64))
    numbered = replace(joined, columns=(*joined.columns, numbers), intervals=(*joined.intervals, None))
    wanted = ColumnRef(len(joined.columns), BIGINT)
    kept = collect_rows(numbered.as_relation(), (condition,), (wanted,), execution, traffic).column(0)
    assert kept.codes is not None
    return pairs.at(kept.codes)


def _of_kind(kind: JoinKind, pairs: _Pairs, left_rows: int, right_rows: int) -> _Pairs:
    """The pairs that a kind of join puts out, given those that match."""
    match kind:
        case "inner":
            return pairs
        case "semi":
            return _alone(np.unique(pairs.left))
        case "anti":
            return _alone(_unmatched(pairs.left, left_rows))
        case "single":
            if len(pairs.left) and (pairs.left[1:] == pairs.left[:-1]).any():
                raise Unsupported("a subquery that may give more than one row for a value")
    if kind != "right":
        alone = _alone(_unmatched(pairs.left, left_rows))
        pairs = _Pairs(np.concatenate((pairs.left, alone.left)), np.concatenate((pairs.right, alone.right)))
    if kind in ("right", "full"):
        rest = _unmatched(pairs.right[pairs.right >= 0], right_rows)
        pairs = _Pairs(
            np.concatenate((pairs.left, np.full(len(rest), -1, np.int64))), np.concatenate((pairs.right, rest))
        )
    return pairs


def _alone(left: Positions) -> _Pairs:
    return _Pairs(left, np.full(len(left), -1, np.int64))


def _unmatched(matched: Positions, rows: int) -> Positions:
    missing = np.ones(rows, np.bool_)
    missing[matched] = False
    return np.flatnonzero(missing)


def _batch(left: Batch, right: Relation, pairs: _Pairs) -> Batch:
    """The rows of both sides by their positions, gathered late."""
    if len(pairs.left) and pairs.left.min() < 0:
        whole = left.as_relation()
        ours: tuple[EncodedColumn | Deferred, ...] = _deferred(whole, pairs.left)
    else:
        ours = left.take(pairs.left).columns
    columns = (*ours, *_deferred(right, pairs.right))
    return Batch(columns, len(pairs.left), (*left.intervals, *right.intervals))


def _deferred(relation: Relation, positions: Positions) -> tuple[Deferred, ...]:
    return tuple(Deferred(relation, i, positions, outer=True, coded=True) for i in range(len(relation.types)))
