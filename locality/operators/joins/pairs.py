"""Joins whose rows may have several matches: all pairs of positions first, then what the kind of join makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.kernel.loader import primitive
from locality.operators.collect import collect_rows
from locality.operators.joins.comparisons import Comparisons
from locality.operators.joins.inequalities import comparisons_of, keys_of, sorted_matches
from locality.operators.physical import Execution, Traffic
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.keyindex import KeyIndex
from locality.operators.relations.relation import Positions, Relation
from locality.plan.expressions import ColumnRef, Expression, conjunction, conjuncts
from locality.plan.nodes import JoinKind
from locality.types import BIGINT

#: Pairs that a join without keys may have.
_MOST_PAIRS = 1 << 28
#: Pairs a row of either side from which on values are compared before pairs are made.
_WORTH_COMPARING = 1
#: Pairs a row of either side from which on rows are sorted for the sake of inequalities.
_WORTH_SORTING = 128
#: Pairs that are compared in some hundredths of a second, by all conditions at once, however few rows make them.
_SOON_COMPARED = 1 << 24
#: Pairs that are made at a time where a condition leaves some of them out: they stay in the cache.
_PART = 1 << 20
_PAIRS = "the pairs of a join"


@dataclass(frozen=True, eq=False)
class Matching:
    """What makes a row of the right side match one of the left; see :class:`JoinSource`, whose fields these are.

    above: tests of an inner join's rows, of which the join may make some where that spares it pairs.
    """

    kind: JoinKind
    keys: tuple[Expression, ...]
    index: KeyIndex | None
    condition: Expression | None
    above: tuple[Expression, ...] = ()


def joined_rows(
    relation: Relation, tests: Sequence[Expression], matching: Matching, right: Relation, execution: Execution
) -> tuple[Relation, frozenset[Expression]]:
    """The rows of ``relation`` that pass, joined with ``right``: the columns of one, then of the other.

    Also the tests above the join that all of them pass.
    """
    with execution.measure("join") as traffic:
        own = [ColumnRef(i, dtype) for i, dtype in enumerate(relation.types)]
        left = collect_rows(relation, tests, (*own, *matching.keys), execution, traffic)
        keys = left.select(range(len(own), len(left.columns)))
        left = left.select(range(len(own)))
        terms = () if matching.condition is None else conjuncts(matching.condition)
        pairs, settled = _found(keys, left, matching, terms, right, execution, traffic)
        terms = tuple(term for term in terms if term not in settled)
        if terms:
            pairs = _holding(conjunction(terms), left, right, pairs, execution, traffic)
        pairs = _of_kind(matching.kind, pairs, left.row_count, right.row_count)
        joined = _batch(left, right, pairs)
        traffic.rows = joined.row_count
        return joined.as_relation(), settled


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Positions on both sides, the left ones ascending; -1 for none."""

    left: Positions
    right: Positions

    def __post_init__(self) -> None:
        memory.hold((self.left, self.right), _PAIRS)

    def at(self, kept: Positions) -> _Pairs:
        return _Pairs(self.left[kept], self.right[kept])

    @classmethod
    def together(cls, parts: Sequence[_Pairs]) -> _Pairs:
        """Those of parts that follow each other."""
        if len(parts) == 1:
            return parts[0]
        nothing = [np.empty(0, np.int64)]
        return cls(*(np.concatenate(nothing + each) for each in ([p.left for p in parts], [p.right for p in parts])))


def _found(
    keys: Batch,
    left: Batch,
    matching: Matching,
    terms: tuple[Expression, ...],
    right: Relation,
    execution: Execution,
    traffic: Traffic,
) -> tuple[_Pairs, frozenset[Expression]]:
    """Pairs among which all matches are; which of the condition's ``terms`` and of the tests above they fulfil."""
    rows, more = left.row_count, right.row_count
    equal = _Every(rows, more) if matching.index is None else _equal(keys, matching.index, execution)
    comparisons = comparisons_of((*terms, *matching.above), len(left.columns))
    if comparisons and equal.total > _WORTH_COMPARING * (rows + more):
        compared = keys_of(comparisons, left, right, execution, traffic)
        inequalities = [each for each in compared if each[0].name != "<>"]
        if inequalities and equal.total > max(_WORTH_SORTING * (rows + more), _SOON_COMPARED):
            matches = sorted_matches(inequalities, equal.groups(more))
            if matching.kind in ("semi", "anti") and matches.terms.issuperset(terms):
                return _alone(matches.matched), matches.terms
            _allow(matches.total, traffic)
            return _Pairs(*matches.pairs(rows)), matches.terms
        if compared:
            tried = Comparisons(compared, *equal.listing())
            pairs = _Pairs(*tried.pairs(equal.parts(_PART), execution))
            traffic.state += 16 * len(pairs.left)
            return pairs, tried.terms
    if not terms:
        return equal.pairs(slice(0, rows), traffic), frozenset()
    condition, parts = conjunction(terms), (equal.pairs(part, traffic) for part in equal.parts(_PART))
    holding = [_holding(condition, left, right, part, execution, traffic) for part in parts]
    return _Pairs.together(holding), frozenset(terms)


@dataclass(frozen=True, eq=False)
class _Equal:
    """Rows that agree on a join's keys: the key's number of each left row, -1 for none, and the right rows by it."""

    ranks: Positions
    order: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int32]

    @cached_property
    def total(self) -> int:
        """How many pairs there are."""
        return int(primitive("count_matches")(self.ranks, self.starts, 0))

    def listing(self) -> tuple[Positions, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """The key's number of each left row, where the right rows of each begin, and these."""
        return self.ranks, self.starts, self.order

    def groups(self, right_rows: int) -> tuple[Positions, Positions]:
        """The key's number of each row of both sides, -1 for none."""
        numbers = np.full(right_rows, -1, np.int64)
        counts = np.diff(self.starts)
        numbers[self.order] = np.repeat(np.arange(len(counts)), counts)
        return self.ranks, numbers

    def parts(self, most: int) -> Iterator[slice]:
        """Ranges of left rows with so many pairs at most, or a row that has more."""
        if self.total <= most:
            yield slice(0, len(self.ranks))
            return
        sizes = np.append(np.diff(self.starts), 0)  # which -1 for none reads
        ends = np.cumsum(sizes[self.ranks], dtype=np.int64)
        begin = done = 0
        while begin < len(ends):
            end = max(int(ends.searchsorted(done + most, "right")), begin + 1)
            yield slice(begin, end)
            begin, done = end, int(ends[end - 1])

    def pairs(self, rows: slice, traffic: Traffic) -> _Pairs:
        """Every one of some left rows with every right row that has its key."""
        ranks = self.ranks[rows]
        total = int(primitive("count_matches")(ranks, self.starts, 0))
        _allow(total, traffic)
        pairs = _Pairs(np.empty(total, np.int64), np.empty(total, np.int64))
        primitive("write_matches")(ranks, self.starts, self.order, 0, pairs.left, pairs.right)
        if rows.start:
            np.add(pairs.left, rows.start, out=pairs.left)
        return pairs


def _equal(keys: Batch, index: KeyIndex, execution: Execution) -> _Equal:
    ranks = index.ranks_of([keys.column(i) for i in range(len(keys.columns))], execution)
    order, starts = index.listing()
    return _Equal(ranks, order[: starts[-1]], starts)  # what lies behind are rows without a key


@dataclass(frozen=True, eq=False)
class _Every:
    """All rows of both sides, which no keys tell apart."""

    left: int
    right: int

    @property
    def total(self) -> int:
        return self.left * self.right

    def listing(self) -> tuple[Positions, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """The key's number of each left row, where the right rows of each begin, and these."""
        return np.zeros(self.left, np.int64), np.array([0, self.right], np.int32), np.arange(self.right, dtype=np.int32)

    def groups(self, right_rows: int) -> tuple[Positions, Positions]:
        return np.zeros(self.left, np.int64), np.zeros(right_rows, np.int64)

    def parts(self, most: int) -> Iterator[slice]:
        step = max(most // max(self.right, 1), 1)
        return (slice(begin, min(begin + step, self.left)) for begin in range(0, self.left, step))

    def pairs(self, rows: slice, traffic: Traffic) -> _Pairs:
        if self.total > _MOST_PAIRS:
            raise Unsupported(f"a join without equal keys, of {self.left:,} by {self.right:,} rows")
        count = rows.stop - rows.start
        _allow(count * self.right, traffic)
        left, right = np.arange(rows.start, rows.stop, dtype=np.int64), np.arange(self.right, dtype=np.int64)
        return _Pairs(np.repeat(left, self.right), np.tile(right, count))


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
