"""Matches by one or two inequalities, found by sorting instead of by trying all pairs.

What Khayyat et al. ("Lightning Fast and Space Efficient Inequality Joins", VLDB 2015) find by scanning a bitmap in the
order of one inequality is a list in the order of the other here, of which rows are taken away: time goes with the
number of pairs that match. Values of a type that is no integer or float are not compared so.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.encodings import EncodedColumn, expand
from locality.encodings.bitmaps import to_mask
from locality.kernel.loader import primitive
from locality.operators.collect import collect_rows
from locality.operators.filters.uncast import MIRRORED
from locality.operators.ordering.keys import sort_keys
from locality.operators.physical import Execution, Traffic
from locality.operators.relations.batch import Batch
from locality.operators.relations.relation import Relation
from locality.plan.columns import shifted
from locality.plan.expressions import Call, Expression, columns_of
from locality.types import Domain

Ints64 = npt.NDArray[np.int64]
_WHAT = "the orders of a join"
#: Inequalities that are tried two by two, for the fewest pairs.
_MOST_TRIED = 3


@dataclass(frozen=True)
class Comparison:
    """``mine name theirs``, what reads left columns with what reads right ones; ``term`` is what the condition says."""

    term: Expression
    name: str
    mine: Expression
    theirs: Expression


def comparisons_of(terms: Sequence[Expression], width: int) -> list[Comparison]:
    """The terms of a join's condition, over ``width`` left columns and then the right ones, that compare both sides."""
    found = (_comparison(term, width) for term in terms)
    return [each for each in found if each is not None]


def _comparison(term: Expression, width: int) -> Comparison | None:
    match term:
        case Call("<" | "<=" | ">" | ">=" | "<>" as name, (one, other)) if one.type == other.type:
            if one.type.domain not in (Domain.INTEGER, Domain.FLOAT) and name != "<>":
                return None
            for mine, theirs, says in ((one, other, name), (other, one, MIRRORED.get(name, name))):
                own, others = columns_of(mine), columns_of(theirs)
                if own and others and max(own) < width <= min(others):
                    return Comparison(term, says, mine, shifted(theirs, -width))
    return None


@dataclass(frozen=True, eq=False)
class Matches:
    """The pairs of rows for which ``terms`` are true.

    left: the rows that may match, in the order that ``ends`` and ``lows`` are in: see the primitives' module. rows: the
    right rows by their place in the second order. counts: how many of them each left row goes with.
    """

    terms: frozenset[Expression]
    left: Ints64
    ends: Ints64
    lows: Ints64
    places: Ints64
    rows: Ints64
    counts: Ints64

    @cached_property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def matched(self) -> Ints64:
        """The left rows that match any, ascending."""
        return np.sort(self.left[self.counts > 0])

    def pairs(self, rows: int) -> tuple[Ints64, Ints64]:
        """Both sides' positions, those of the ``rows`` left rows ascending."""
        counts = np.zeros(rows, np.int64)
        counts[self.left] = self.counts
        starts = (np.cumsum(counts) - counts)[self.left]
        found, (before, after) = np.empty(self.total, np.int64), np.empty((2, len(self.rows) + 1), np.int64)
        primitive("write_late")(self.ends, self.lows, self.places, before, after, starts, self.rows, found)
        return np.repeat(np.arange(rows), counts), found


@dataclass(frozen=True, eq=False)
class Keys:
    """The values of a comparison's sides as integers in their order, and which rows have one."""

    left: Ints64
    right: Ints64
    has_left: npt.NDArray[np.bool_]
    has_right: npt.NDArray[np.bool_]


#: What is compared; None where all pass.
_Compared = tuple[Comparison | None, Keys]


def keys_of(
    comparisons: Sequence[Comparison], left: Batch, right: Relation, execution: Execution, traffic: Traffic
) -> list[tuple[Comparison, Keys]]:
    """The comparisons whose values integers stand for, and these."""
    mine = collect_rows(left.as_relation(), (), [each.mine for each in comparisons], execution, traffic)
    theirs = collect_rows(right, (), [each.theirs for each in comparisons], execution, traffic)
    keys = [(each, _keys(mine.column(i), theirs.column(i))) for i, each in enumerate(comparisons)]
    return [(comparison, known) for comparison, known in keys if known is not None]


def sorted_matches(keys: Sequence[tuple[Comparison, Keys]], groups: tuple[Ints64, Ints64]) -> Matches:
    """What matches by those two of some inequalities that few pairs fulfil, or by the one there is.

    groups: numbers of what has to be equal, of the left rows and of the right ones; -1 for no match.
    """
    memory.allow(64 * (len(groups[0]) + len(groups[1])), _WHAT)
    known: list[_Compared] = [*keys[:_MOST_TRIED]]
    if len(known) == 1:
        known.append((None, _always(*groups)))
    return min((_matches(*pair, *groups) for pair in itertools.combinations(known, 2)), key=lambda each: each.total)


def _always(left: Ints64, right: Ints64) -> Keys:
    has_left, has_right = (np.ones(len(side), np.bool_) for side in (left, right))
    return Keys(np.zeros_like(left), np.zeros_like(right), has_left, has_right)


def _keys(mine: EncodedColumn, theirs: EncodedColumn) -> Keys | None:
    sides = [expand(side) for side in (mine, theirs)]
    if any(side.codes is None or side.codes.ndim > 1 for side in sides):
        return None
    if len({None if side.dictionary is None else side.dictionary.key for side in sides}) > 1:
        return None
    left, right = (sort_keys(side, descending=False, nulls_first=False)[-1] for side in sides)
    has_left, has_right = (_mask(side) for side in sides)
    return Keys(left, right, has_left, has_right)


def _mask(column: EncodedColumn) -> npt.NDArray[np.bool_]:
    """Which rows have a value."""
    return np.ones(column.length, np.bool_) if column.validity is None else to_mask(column.validity, column.length)


def _matches(
    one: tuple[Comparison | None, Keys],
    other: tuple[Comparison | None, Keys],
    left_groups: Ints64,
    right_groups: Ints64,
) -> Matches:
    (by_first, first), (by_second, second) = one, other
    left = np.flatnonzero(first.has_left & second.has_left & (left_groups >= 0))
    right = np.flatnonzero(first.has_right & second.has_right & (right_groups >= 0))
    groups = left_groups[left], right_groups[right]
    ends, order = _ends(first, _name(by_first), left, right, groups, early=True)
    lows, places_order = _ends(second, _name(by_second), left, right, groups, early=False)
    place_of = np.empty(len(right), np.int64)
    place_of[places_order] = np.arange(len(right))
    by_end = np.argsort(ends.astype(np.min_scalar_type(len(right))), kind="stable")  # by digits, if they are short
    ends, lows, places = ends[by_end], lows[by_end], place_of[order]
    counts = np.empty(len(left), np.int64)
    primitive("count_late")(ends, lows, places, np.zeros(len(right) + 1, np.int64), counts)
    terms = frozenset(each.term for each in (by_first, by_second) if each is not None)
    return Matches(terms, left[by_end], ends, lows, places, right[places_order], counts)


def _name(comparison: Comparison | None) -> str:
    """How a left value is to compare; what always holds is said by equal values."""
    return ">=" if comparison is None else comparison.name


def _ends(
    keys: Keys, name: str, left: Ints64, right: Ints64, groups: tuple[Ints64, Ints64], *, early: bool
) -> tuple[Ints64, Ints64]:
    """The place, for each left row, where those right rows of its group end that fulfil the inequality, in their order.

    If not ``early``, where they begin: then they are the group's last ones.
    """
    mine, theirs = keys.left[left], keys.right[right]
    if (name in (">", ">=")) is not early:  # theirs are the lesser ones where mine is the greater
        mine, theirs = ~mine, ~theirs
    order = np.argsort(theirs, kind="stable")
    is_strict = name in ("<", ">")
    bounds = np.searchsorted(theirs[order], mine, "left" if is_strict is early else "right")
    if not groups[1].any():
        return bounds, order
    places = np.argsort(groups[1][order], kind="stable")
    order, stride = order[places], len(theirs) + 1
    return np.searchsorted(groups[1][order] * stride + places, groups[0] * stride + bounds), order
