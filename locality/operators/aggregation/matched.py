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


@dataclass(frozen=True, eq=False)
class MatchedGroups:
    """number: the position of the link. columns: of its target, one for each key of the grouping."""

    number: int
    columns: tuple[int, ...]
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
        return link.target.gather(self.columns[position], rows)


def plan_matched(relation: Relation, groups: Sequence[Expression]) -> MatchedGroups | None:
    """The link whose match is what ``groups`` tell apart and nothing else: that with the fewest rows, or None."""
    found = [each for number, link in enumerate(relation.links) if (each := _by_link(relation, number, link, groups))]
    return min(found, key=lambda each: each.count(relation), default=None)


def _by_link(relation: Relation, number: int, link: Link, groups: Sequence[Expression]) -> MatchedGroups | None:
    if link.kind != "inner" or link.index is None or not link.index.is_unique:
        return None
    columns: list[int] = []
    for group in groups:
        column = _column_of_target(relation, link, group)
        if column is None or link.target.types[column] != group.type:
            return None
        columns.append(column)
    if any(key not in columns for key in link.key_columns):
        return None  # rows with other keys may be of one group
    cheap = next((column for column in columns if link.target.types[column].domain is not Domain.STRING), columns[0])
    return MatchedGroups(number, tuple(columns), (ColumnRef(link.first + cheap, link.target.types[cheap]),))


def _column_of_target(relation: Relation, link: Link, group: Expression) -> int | None:
    """The column of a link's target that ``group`` always equals, bit by bit; None if there is none."""
    if not isinstance(group, ColumnRef):
        return None
    if relation.link_of(group.index) is link:
        return group.index - link.first
    if group in link.keys and not group.type.is_float:  # 0.0 and -0.0 match, as NaNs do
        return link.key_columns[link.keys.index(group)]
    return None
