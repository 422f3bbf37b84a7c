"""Links: for each row of a relation at most one row of another, found by key while a pipeline runs.

A join whose right side has a unique key adds no rows, so it needs no result of its own: the pipeline over the left side
looks up the right row's position, and loads its columns from where they lie, only where they are needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from locality.operators.relations.keyindex import KeyIndex
from locality.plan.expressions import Expression

if TYPE_CHECKING:
    from locality.operators.relations.relation import Relation
    from locality.operators.relations.runs import RunIndex
    from locality.storage.table import Segment

LinkKind = Literal["inner", "left", "anti"]


@dataclass(frozen=True, eq=False)
class Link:
    """The row of ``target``, an intermediate result of at least one row, that matches a row.

    first: the number of the link's first column. keys: over the columns before that. index: of the target's rows; None
    if its one row goes with every row. kind: whether rows without a match are dropped, kept with NULLs, or all that
    is kept. condition: what else must hold of a row and its match, over the columns up to the link's last.
    key_columns: for each key the column of the target that it is compared with; None where that is no column of it.
    ranked: where matches are not rows but ranks, because all that matters is that there is one: the index that lists
    the rows of each. whole: whether the index is of all rows of a stored table. runs: where the rows of each key begin
    in each stored segment of the left rows, if these lie in the order of the one key, and few have a match.
    """

    first: int
    keys: tuple[Expression, ...]
    index: KeyIndex | None
    target: Relation
    kind: LinkKind
    condition: Expression | None = None
    key_columns: tuple[int | None, ...] = ()
    ranked: KeyIndex | None = None
    whole: bool = False
    runs: Mapping[Segment, RunIndex] | None = None

    @property
    def is_outer(self) -> bool:
        """Whether rows without a match are kept."""
        return self.kind != "inner"

    @property
    def finds_nothing(self) -> bool:
        """Whether no row can go on, because nothing is there to match."""
        return self.kind == "inner" and self.index is not None and self.index.ranks == 0
