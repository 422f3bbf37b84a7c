"""Filters: conjuncts as tests of codes or of computed values, the zones they exclude, and their loops."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, reduce

import numpy as np
import numpy.typing as npt

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.codegen.block import Block, Row
from locality.operators.codegen.held import Given, Number, placed
from locality.operators.codegen.parameters import Late
from locality.operators.filters.codesets import CodeSet, ends_of
from locality.operators.filters.zonetests import float_bounds, zones_possible, zones_reached
from locality.operators.relations.meanings import Bounds, SetKey, bounds_of, first_zones, set_key
from locality.operators.relations.relation import Relation, Segment
from locality.plan.expressions import ColumnRef, Expression
from locality.plan.functions.base import is_true
from locality.plan.structure import structure
from locality.types import DataType

Bits = npt.NDArray[np.bool_]

#: A set of more intervals than this is tested by a table of bits instead of comparisons.
_MOST_INTERVALS = 4
#: Codes between the first and the last interval up to which such a table is made.
_MOST_BITS = 1 << 22


@dataclass(frozen=True, slots=True)
class CodeForm:
    """All of a test of codes that a kernel's text depends on.

    how: ``compare`` with bounds, ``search`` among intervals or look into ``bits``. compared: which bounds of each
    interval, the lower and the upper. null: whether NULL matches.
    """

    index: int
    how: str
    compared: tuple[tuple[bool, bool], ...]
    null: bool


@dataclass(frozen=True, eq=False)
class CodeTest:
    """The rows whose code of column ``index`` lies in a set, which depends on what the codes of a segment mean.

    sets: by what codes mean and how wide they are, see :func:`set_key`. share: of the rows, expected to match, which
    ``estimate`` tells.
    """

    index: int
    type: DataType
    sets: Mapping[SetKey, CodeSet]
    estimate: Callable[[], float]

    @cached_property
    def share(self) -> float:
        return self.estimate()

    def set_of(self, segment: Segment) -> CodeSet:
        """The codes that match in a segment."""
        return self.sets[set_key(segment.column(self.index))]

    @cached_property
    def form(self) -> CodeForm:
        """All of the test that a kernel's text depends on."""
        many = max(len(codes.intervals) for codes in self.sets.values())
        null = any(codes.null for codes in self.sets.values())
        if many > _MOST_INTERVALS:
            low, high = self.ends
            return CodeForm(self.index, "search" if high - low > _MOST_BITS else "bits", (), null)
        compared = tuple((self._is_compared(i, 0), self._is_compared(i, 1)) for i in range(many))
        return CodeForm(self.index, "compare", compared, null)

    def _is_compared(self, position: int, side: int) -> bool:
        """Whether a bound has to be compared: not where it is the end of the codes' own type in every segment."""
        for (_, dtype), codes in self.sets.items():
            ends = ends_of(dtype)
            if _bound(codes, position, side) != ends[side]:
                return True
        return False

    @property
    def ends(self) -> tuple[int, int]:
        """The least and the greatest code of any set; 0 where there is none."""
        found = [codes.intervals for codes in self.sets.values() if codes.intervals]
        return min((i[0][0] for i in found), default=0), max((i[-1][1] for i in found), default=0)

    @property
    def reads(self) -> tuple[Expression, ...]:
        """Expressions whose columns the test touches."""
        return (ColumnRef(self.index, self.type),)

    def bounds(self, relation: Relation) -> list[tuple[CodeSet, Bounds]]:
        """The codes that match, and the bounds of the zones that have some of such codes."""
        return [(self.sets[bounds.meaning.key], bounds) for bounds in bounds_of(relation, self.index)]

    def possible(self, relation: Relation) -> Bits | None:
        """Which zones may hold a match; None where nothing is known."""
        return zones_reached(relation, self.bounds(relation))

    def emit(self, block: Block, place: int) -> None:
        """Narrows the block's mask; the bounds are those of the test at this place, whichever it will be."""
        column = block.column(self.index)

        def matches(row: Row) -> ir.Expr:
            code = column.code(row.index)
            if self.form.how == "compare":
                inside = self._inside_intervals(block, place, code, column.codes)
            else:
                inside = self._inside_many(block, place, code, column.codes)
            valid = column.valid(row.index)
            if valid is None:
                return inside
            return b.or_(b.and_(inside, valid), b.not_(valid)) if self.form.null else b.and_(inside, valid)

        keep = block.skip_unless if block.is_even(self.index) else block.keep
        keep((), matches)

    def _inside_intervals(self, block: Block, place: int, code: ir.Expr, codes: Scalar) -> ir.Expr:
        """Both bounds of any interval, or one of them where that is enough."""

        def bound(position: int, side: int) -> ir.Var:
            late = Late(lambda given, segment: _bound(given.tests[place].set_of(segment), position, side))
            return block.parameters.integer(("test", place, position, side), late, codes)

        inside: list[ir.Expr] = []
        for position, sides in enumerate(self.form.compared):
            tests: list[ir.Expr] = [
                compare(code, bound(position, side)) for side, compare in enumerate((b.ge, b.le)) if sides[side]
            ]
            inside.append(reduce(b.and_, tests) if tests else ir.Const(True, Scalar.BOOL))
        return reduce(b.or_, inside) if inside else ir.Const(False, Scalar.BOOL)

    def _inside_many(self, block: Block, place: int, code: ir.Expr, codes: Scalar) -> ir.Expr:
        """A search among the intervals: of bits by code where these lie close together, else by bisection."""
        if codes is Scalar.U64:
            raise Unsupported("a set of many values over unsigned 64-bit codes")
        wide, parameters = b.convert(code, Scalar.I64), block.parameters
        if self.form.how == "search":
            bounds = [
                parameters.array(("test", place, side), Array(Scalar.I64), Late(partial(_bounds, place, side)))
                for side in (0, 1)
            ]
            return b.call("in_intervals", *bounds, wide)
        table = parameters.array(("test", place, "bits"), Array(Scalar.BOOL), Late(partial(_bits, place)))
        first, last = (parameters.integer(("test", place, side), Late(partial(_outer, place, side))) for side in (0, 1))
        # codes below and above all intervals meet the table's two outer entries, which are false
        clipped = b.minimum(b.maximum(wide, first), last)
        return b.load(table, b.sub(clipped, first))


def _bound(codes: CodeSet, position: int, side: int) -> int:
    """A bound of one of the intervals; a set of fewer has an empty one."""
    return codes.intervals[position][side] if position < len(codes.intervals) else 1 - side


def _bounds(place: int, side: int, given: Given, segment: Segment) -> npt.NDArray[np.int64]:
    return np.array([pair[side] for pair in given.tests[place].set_of(segment).intervals], dtype=np.int64)


def _outer(place: int, side: int, given: Given, segment: Segment) -> int:
    """The code before the first of any set, or after the last."""
    ends: tuple[int, int] = given.tests[place].ends
    return ends[side] + 2 * side - 1


def _bits(place: int, given: Given, segment: Segment) -> npt.NDArray[np.bool_]:
    """One for each code from one below the first to one above the last of any set."""
    test = given.tests[place]
    low, high = test.ends
    table = np.zeros(high - low + 3, dtype=np.bool_)
    for first, last in test.set_of(segment).intervals:
        table[first - low + 1 : last - low + 2] = True
    return table


@dataclass(frozen=True, eq=False)
class ValueTest:
    """The rows for which a computed predicate is true.

    held: the predicate without the constants that it compares with, which are ``numbers``. share: of the rows,
    expected to match.
    """

    predicate: Expression
    held: Expression
    share: float
    numbers: Sequence[Number] = ()

    @property
    def reads(self) -> tuple[Expression, ...]:
        """Expressions whose columns the test touches."""
        return (self.predicate,)

    def bounds(self, relation: Relation) -> list[tuple[CodeSet, Bounds]]:
        """As of a test of codes; of floats alone, by their ordered keys."""
        return float_bounds(relation, self.predicate)

    def possible(self, relation: Relation) -> Bits | None:
        """Which zones may hold a match; None where nothing is known."""
        return zones_possible(relation, self.predicate)

    @cached_property
    def form(self) -> Hashable:
        """All of the test that a kernel's text depends on."""
        return structure(self.held)

    def emit(self, block: Block, place: int) -> None:
        """Narrows the block's mask."""
        # where rows are out already, those alone might have an error
        is_even = block.mask is None and block.selection is None and block.are_even(self.reads)
        keep = block.skip_unless if is_even else block.keep
        predicate = placed(self.held, place)
        keep((predicate,), lambda row: is_true(row.emit(predicate)))


Test = CodeTest | ValueTest


def zones_certain(tests: Sequence[Test], relation: Relation) -> Bits | None:
    """Which zones hold nothing but matches of all ``tests``; None for none."""
    certain = np.ones(first_zones(relation)[-1], dtype=np.bool_)
    for test in tests:
        known = test.bounds(relation)
        if not known:
            return None
        holds = np.zeros(len(certain), dtype=np.bool_)
        for codes, bounds in known:
            holds[bounds.places] = codes.zones_certain(bounds.zones)
        certain &= holds
    return certain if certain.any() else None


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
