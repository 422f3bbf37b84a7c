"""Filters: conjuncts as tests of codes or of computed values, the zones they exclude, and their loops."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.codegen.block import Block, Row
from locality.operators.codegen.lookup import introduce_lookups
from locality.operators.filters.codesets import CodeSet, code_sets
from locality.operators.filters.zonetests import float_bounds, zones_possible
from locality.operators.relations.domain import code_key
from locality.operators.relations.relation import Relation, Segment, ZoneBounds
from locality.plan.expressions import ColumnRef, Expression, Lookup, walk
from locality.plan.functions.base import is_true
from locality.types import DataType, Domain

#: A set of more intervals than this is tested by a table of bits instead of comparisons.
_MOST_INTERVALS = 4
#: Codes between the first and the last interval up to which such a table is made.
_MOST_BITS = 1 << 22
#: The share of rows that a test is taken to pass if nothing is known.
_UNKNOWN_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class CodeTest:
    """The rows whose code of column ``index`` lies in a set, which depends on what the codes of a segment mean.

    sets: by what codes mean and how wide they are, see :func:`_set_key`. share: of the rows, expected to match.
    """

    index: int
    type: DataType
    sets: Mapping[Hashable, CodeSet]
    share: float

    def set_of(self, segment: Segment) -> CodeSet:
        """The codes that match in a segment."""
        return self.sets[_set_key(segment.column(self.index))]

    @property
    def reads(self) -> tuple[Expression, ...]:
        """Expressions whose columns the test touches."""
        return (ColumnRef(self.index, self.type),)

    def bounds(self, relation: Relation, segment: int) -> tuple[CodeSet, ZoneBounds] | None:
        """The codes that match in a segment, and what its zones have; None where nothing is known."""
        zones = relation.segments[segment].zones(self.index)
        return None if zones is None else (self.set_of(relation.segments[segment]), zones)

    def possible(self, relation: Relation, segment: int) -> npt.NDArray[np.bool_] | None:
        """Which zones of the segment may hold a match; None where nothing is known."""
        known = self.bounds(relation, segment)
        return None if known is None else known[0].zones_possible(known[1])

    def emit(self, block: Block) -> None:
        """Narrows the block's mask."""
        column = block.column(self.index)
        intervals = max(len(s.intervals) for s in self.sets.values())
        null = any(s.null for s in self.sets.values())

        def matches(row: Row) -> ir.Expr:
            code = column.code(row.index)
            if intervals <= _MOST_INTERVALS:
                inside = self._inside_intervals(block, code, column.codes, intervals)
            else:
                inside = self._inside_many(block, code, column.codes)
            valid = column.valid(row.index)
            if valid is None:
                return inside
            return b.or_(b.and_(inside, valid), b.not_(valid)) if null else b.and_(inside, valid)

        keep = block.skip_unless if block.is_even(self.index) else block.keep
        keep((), matches)

    def _inside_intervals(self, block: Block, code: ir.Expr, codes: Scalar, count: int) -> ir.Expr:
        result: ir.Expr | None = None
        for position in range(count):
            test = self._inside_interval(block, code, codes, position)
            result = test if result is None else b.or_(result, test)
        return ir.Const(False, Scalar.BOOL) if result is None else result

    def _inside_interval(self, block: Block, code: ir.Expr, codes: Scalar, position: int) -> ir.Expr:
        """Both bounds, or one of them where the other is the end of the codes' type in every segment."""
        tests: list[ir.Expr] = []
        ends = np.iinfo(codes.value)
        for side, end, compare in ((0, int(ends.min), b.ge), (1, int(ends.max), b.le)):
            bind = self._bound(position, side)
            if any(bind(segment) != end for segment in block.relation.segments):
                tests.append(compare(code, block.parameters.integer((id(self), position, side), bind, codes)))
        return reduce(b.and_, tests) if tests else ir.Const(True, Scalar.BOOL)

    def _bound(self, position: int, side: int) -> Bound:
        return Bound(self, position, side)

    def _inside_many(self, block: Block, code: ir.Expr, codes: Scalar) -> ir.Expr:
        """A search among the intervals: of bits by code where these lie close together, else by bisection."""
        low = min((s.intervals[0][0] for s in self.sets.values() if s.intervals), default=0)
        high = max((s.intervals[-1][1] for s in self.sets.values() if s.intervals), default=0)
        if codes is Scalar.U64:
            raise Unsupported("a set of many values over unsigned 64-bit codes")
        wide = b.convert(code, Scalar.I64)
        if high - low > _MOST_BITS:
            bounds = [
                block.parameters.array((id(self), side), Array(Scalar.I64), self._bounds_array(side)) for side in (0, 1)
            ]
            return b.call("in_intervals", *bounds, wide)

        def bits(segment: Segment) -> npt.NDArray[np.bool_]:
            table = np.zeros(high - low + 3, dtype=np.bool_)
            for a, z in self.set_of(segment).intervals:
                table[a - low + 1 : z - low + 2] = True
            return table

        table = block.parameters.array((id(self), "table"), Array(Scalar.BOOL), bits)
        first = block.parameters.integer((id(self), "first"), lambda segment: low - 1)
        last = block.parameters.integer((id(self), "last"), lambda segment: high + 1)
        # codes below and above all intervals meet the table's two outer entries, which are false
        clipped = b.minimum(b.maximum(wide, first), last)
        return b.load(table, b.sub(clipped, first))

    def _bounds_array(self, side: int) -> Callable[[Segment], npt.NDArray[np.int64]]:
        return lambda segment: np.array([pair[side] for pair in self.set_of(segment).intervals], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound of one of a test's intervals as a parameter; a segment with fewer intervals gets an empty one."""

    test: CodeTest
    position: int
    side: int

    def __call__(self, segment: Segment) -> int:
        intervals = self.test.set_of(segment).intervals
        return intervals[self.position][self.side] if self.position < len(intervals) else 1 - self.side


@dataclass(frozen=True, eq=False)
class ValueTest:
    """The rows for which a computed predicate is true."""

    predicate: Expression
    share = _UNKNOWN_SHARE

    @property
    def reads(self) -> tuple[Expression, ...]:
        """Expressions whose columns the test touches."""
        return (self.predicate,)

    def bounds(self, relation: Relation, segment: int) -> tuple[CodeSet, ZoneBounds] | None:
        """As of a test of codes; of floats alone, by their ordered keys."""
        return float_bounds(relation, self.predicate, segment)

    def possible(self, relation: Relation, segment: int) -> npt.NDArray[np.bool_] | None:
        """Which zones of the segment may hold a match; None where nothing is known."""
        return zones_possible(relation, self.predicate, segment)

    def emit(self, block: Block) -> None:
        """Narrows the block's mask."""
        # where rows are out already, those alone might have an error
        is_even = block.mask is None and block.selection is None and block.are_even(self.reads)
        keep = block.skip_unless if is_even else block.keep
        keep(self.reads, lambda row: is_true(row.emit(self.predicate)))


Test = CodeTest | ValueTest


def zones_certain(tests: Sequence[Test], relation: Relation, segment: int) -> npt.NDArray[np.bool_] | None:
    """Which zones of a segment hold nothing but matches of all ``tests``; None for none."""
    certain = np.ones(-(-relation.segments[segment].row_count // relation.segments[segment].zone_rows), dtype=np.bool_)
    for test in tests:
        known = test.bounds(relation, segment)
        if known is None:
            return None
        certain &= known[0].zones_certain(known[1])
    return certain


def plan_tests(relation: Relation, conjuncts: Sequence[Expression]) -> list[Test]:
    """The tests of a conjunction: codes first (one test a column), the most selective first, then computed values."""
    by_column: dict[int, list[CodeSet]] = {}
    values: list[Expression] = []
    for conjunct in conjuncts:
        found = code_sets(relation, conjunct)
        if found is None:
            values.append(introduce_lookups(conjunct, relation))
            continue
        index, sets = found
        previous = by_column.get(index)
        by_column[index] = sets if previous is None else [a & c for a, c in zip(previous, sets, strict=True)]
    codes = [_code_test(relation, index, sets) for index, sets in by_column.items()]
    codes.sort(key=lambda test: test.share)
    return [*codes, *(ValueTest(value) for value in sorted(values, key=_cost))]


def _code_test(relation: Relation, index: int, sets: Sequence[CodeSet]) -> CodeTest:
    keys = [_set_key(segment.column(index)) for segment in relation.segments]
    by_key = dict(zip(keys, sets, strict=True))
    return CodeTest(index, relation.types[index], by_key, _share(relation, index, sets))


def _set_key(column: EncodedColumn) -> Hashable:
    """Equal for columns with the same sets of codes, which end where the codes' own type does."""
    return code_key(column), None if column.codes is None else column.codes.dtype


def _share(relation: Relation, index: int, sets: Sequence[CodeSet]) -> float:
    """The share of rows in sets of codes, one a segment, if codes were spread evenly over their range."""
    shares = []
    for segment, codes in zip(relation.segments, sets, strict=True):
        zones = segment.zones(index)
        if zones is None or zones.minimum is None or zones.maximum is None or not len(zones.minimum):
            return _UNKNOWN_SHARE
        low, high = int(zones.minimum.min()), int(zones.maximum.max())
        inside = codes.clamp(low, high).intervals
        shares.append(sum(z - a + 1 for a, z in inside) / max(high - low + 1, 1))
    return float(np.mean(shares)) if shares else _UNKNOWN_SHARE


def _cost(expression: Expression) -> int:
    """A rank of how dear a computed predicate is: raw text last."""
    text = any(isinstance(e, ColumnRef | Lookup) and e.type.domain is Domain.STRING for e in walk(expression))
    return (1000 if text else 0) + sum(1 for _ in walk(expression))


def skip_empty(block: Block) -> None:
    """Goes on with the next block if no row of this one is active."""
    if block.selected is not None:
        rows = block.selected
    elif block.mask is not None:
        rows = block.survivors = block.builder.assign(b.call("count_true", block.mask, block.count), "survivors")
    else:
        return
    with block.builder.when(b.eq(rows, b.const_i64(0))):
        block.builder.skip()
