"""Grouping by the match of a link: the rows that were joined with one row are a group, numbered by that row.

Where the keys of a grouping are those of a join, or columns of what was joined by them, the join has told the group
already: there is nothing to hash, and state is made for the groups that there can be, not for all values of the keys
(a groupjoin: Moerkotte and Neumann, "Accelerating queries with group-by and join by groupjoin", VLDB 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from locality.encodings import EncodedColumn
from locality.kernel import ir
from locality.operators.aggregation.grouping import GroupIds
from locality.operators.codegen.block import Row
from locality.operators.relations.links import Link
from locality.operators.relations.relation import Relation
from locality.plan.expressions import ColumnRef, Expression
from locality.types import Domain

#: A link's position among the relation's links, and a column of its target.
Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class MatchedGroups:
    """number: the position of the link. columns: for each key of the grouping, where its value lies: in the target of
    the link, or of one whose match is told by columns of that target, and so on.
    """

    number: int
    columns: tuple[Place, ...]
    reads: tuple[ColumnRef, ...]

    def count(self, relation: Relation) -> int:
        """How many groups there may be."""
        link = relation.links[self.number]
        return link.target.row_count if link.ranked is None else link.ranked.ranks

    def emit(self, row: Row) -> ir.Expr:
        """The group's number at a row that has a match, I64."""
        return row.match(self.number)

    def decode(self, relation: Relation, numbers: GroupIds, position: int) -> EncodedColumn:
        """One key of groups by their numbers."""
        link = relation.links[self.number]
        rows = numbers
        if link.ranked is not None:
            listed, starts = link.ranked.listing()
            rows = listed[starts[numbers]].astype(np.int64)
        return self._gather(relation, rows, self.columns[position])

    def _gather(self, relation: Relation, rows: GroupIds, place: Place) -> EncodedColumn:
        """A column of what goes with rows of the link's target."""
        number, column = place
        link = relation.links[number]
        if number != self.number:
            assert link.index is not None
            keys = [_place_of(relation, self.number, key) for key in link.keys]
            rows = link.index.ranks_of([self._gather(relation, rows, key) for key in keys if key is not None])
            rows = rows if link.index.rows is None else link.index.rows[rows].astype(np.int64)
        return link.target.gather(column, rows)


def plan_matched(relation: Relation, groups: Sequence[Expression]) -> MatchedGroups | None:
    """The link whose match is what ``groups`` tell apart and nothing else: that with the fewest rows, or None."""
    found = [each for number in range(len(relation.links)) if (each := _by_link(relation, number, groups))]
    return min(found, key=lambda each: each.count(relation), default=None)


def _by_link(relation: Relation, number: int, groups: Sequence[Expression]) -> MatchedGroups | None:
    link = relation.links[number]
    if not _finds_one(link):
        return None
    places: list[Place] = []
    for group in groups:
        place = _place_of(relation, number, group)
        if place is None or relation.links[place[0]].target.types[place[1]] != group.type:
            return None
        places.append(place)
    columns = [column for owner, column in places if owner == number]
    if any(key not in columns for key in link.key_columns):
        return None  # rows with other keys may be of one group
    cheap = next((column for column in columns if link.target.types[column].domain is not Domain.STRING), columns[0])
    return MatchedGroups(number, tuple(places), (ColumnRef(link.first + cheap, link.target.types[cheap]),))


def _finds_one(link: Link) -> bool:
    """Whether all rows that go on have one match by it."""
    return link.kind == "inner" and link.index is not None and link.index.is_unique


def _place_of(relation: Relation, number: int, group: Expression) -> Place | None:
    """Where the value lies that ``group`` always equals, bit by bit, of a row's match by link ``number``, or None."""
    if not isinstance(group, ColumnRef):
        return None
    first, owner = relation.links[number], relation.link_of(group.index)
    if owner is first:
        return number, group.index - first.first
    if group in first.keys and not group.type.is_float:  # 0.0 and -0.0 match, as NaNs do
        column = first.key_columns[first.keys.index(group)]
        return None if column is None else (number, column)
    if owner is None or not _finds_one(owner) or owner.condition is not None or owner.ranked is not None:
        return None
    if not owner.keys or any(_place_of(relation, number, key) is None for key in owner.keys):
        return None
    return relation.links.index(owner), group.index - owner.first
