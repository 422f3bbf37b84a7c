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
class Inequality:
    """``mine name theirs``, what reads left columns with what reads right ones; ``term`` is what the condition says."""

    term: Expression
    name: str
    mine: Expression
    theirs: Expression


def inequalities_of(terms: Sequence[Expression], width: int) -> list[Inequality]:
    """The terms of a join's condition, over ``width`` left columns and then the right ones, that rows are sorted by."""
    found = (_inequality(term, width) for term in terms)
    return [each for each in found if each is not None][:_MOST_TRIED]


def _inequality(term: Expression, width: int) -> Inequality | None:
    match term:
        case Call("<" | "<=" | ">" | ">=" as name, (one, other)) if one.type == other.type:
            if one.type.domain not in (Domain.INTEGER, Domain.FLOAT):
                return None
            for mine, theirs, says in ((one, other, name), (other, one, MIRRORED[name])):
                own, others = columns_of(mine), columns_of(theirs)
                if own and others and max(own) < width <= min(others):
                    return Inequality(term, says, mine, shifted(theirs, -width))
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
class _Keys:
    """The values of an inequality's sides as integers in their order, and which rows have one."""

    inequality: Inequality | None
    left: Ints64
    right: Ints64
    has_left: npt.NDArray[np.bool_]
    has_right: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Inequalities:
    """The inequalities of a join of ``left`` and ``right``; ``groups`` number what has to be equal, -1 for no match."""

    terms: Sequence[Inequality]
    left: Batch
    right: Relation
    groups: tuple[Ints64, Ints64]

    def matches(self, execution: Execution, traffic: Traffic) -> Matches | None:
        """What matches by those two that few pairs fulfil, or by the one; None if the values are too wide to sort."""
        mine = collect_rows(self.left.as_relation(), (), [each.mine for each in self.terms], execution, traffic)
        theirs = collect_rows(self.right, (), [each.theirs for each in self.terms], execution, traffic)
        keys = [_keys(each, mine.column(i), theirs.column(i)) for i, each in enumerate(self.terms)]
        known = [each for each in keys if each is not None]
        if len(known) < len(keys):
            return None
        memory.allow(64 * (self.left.row_count + self.right.row_count), _WHAT)
        pairs = itertools.combinations(known, 2) if len(known) > 1 else ((known[0], self._always()),)
        return min((_matches(*pair, *self.groups) for pair in pairs), key=lambda each: each.total)

    def _always(self) -> _Keys:
        left, right = self.left.row_count, self.right.row_count
        return _Keys(
            None, np.zeros(left, np.int64), np.zeros(right, np.int64), np.ones(left, np.bool_), np.ones(right, np.bool_)
        )


def _keys(inequality: Inequality, mine: EncodedColumn, theirs: EncodedColumn) -> _Keys | None:
    sides = [expand(side) for side in (mine, theirs)]
    if any(side.codes is None or side.codes.ndim > 1 for side in sides):
        return None
    left, right = (sort_keys(side, descending=False, nulls_first=False)[-1] for side in sides)
    has_left, has_right = (_mask(side) for side in sides)
    return _Keys(inequality, left, right, has_left, has_right)


def _mask(column: EncodedColumn) -> npt.NDArray[np.bool_]:
    """Which rows have a value."""
    return np.ones(column.length, np.bool_) if column.validity is None else to_mask(column.validity, column.length)


def _matches(first: _Keys, second: _Keys, left_groups: Ints64, right_groups: Ints64) -> Matches:
    left = np.flatnonzero(first.has_left & second.has_left & (left_groups >= 0))
    right = np.flatnonzero(first.has_right & second.has_right & (right_groups >= 0))
    groups = left_groups[left], right_groups[right]
    ends, order = _ends(first, left, right, groups, early=True)
    lows, places_order = _ends(second, left, right, groups, early=False)
    place_of = np.empty(len(right), np.int64)
    place_of[places_order] = np.arange(len(right))
    by_end = np.argsort(ends, kind="stable")
    ends, lows, places = ends[by_end], lows[by_end], place_of[order]
    counts = np.empty(len(left), np.int64)
    primitive("count_late")(ends, lows, places, np.zeros(len(right) + 1, np.int64), counts)
    terms = frozenset(each.inequality.term for each in (first, second) if each.inequality is not None)
    return Matches(terms, left[by_end], ends, lows, places, right[places_order], counts)


def _ends(
    keys: _Keys, left: Ints64, right: Ints64, groups: tuple[Ints64, Ints64], *, early: bool
) -> tuple[Ints64, Ints64]:
    """The place, for each left row, where those right rows of its group end that fulfil the inequality, in their order.

    If not ``early``, where they begin: then they are the group's last ones.
    """
    mine, theirs = keys.left[left], keys.right[right]
    name = ">=" if keys.inequality is None else keys.inequality.name
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
