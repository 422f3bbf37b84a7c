"""Shared results: a definition that runs once in an execution, however many operators read its rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from locality.operators.byvalues import Conjuncts
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.recursion import LastRows
from locality.operators.relations.relation import Relation
from locality.types import DataType


@dataclass(eq=False)
class SharedResult:
    """What a materialised common table expression, or the outer side of a correlated subquery, is made by.

    varies: whether it depends on the rows that came last in a recursion, so that each step makes it anew.
    """

    definition: Physical
    varies: bool = False

    @property
    def types(self) -> tuple[DataType, ...]:
        return self.definition.types

    def read(self, execution: Execution) -> Relation:
        """Its rows; columns that were left for later are gathered once for all readers."""
        return execution.once(self, lambda: self.definition.execute(execution).as_relation())

    @cached_property
    def explanation(self) -> Explanation:
        """One object, so that a plan shows the definition with its first reader only."""
        return Explanation("shared result", ("computed once",), (self.definition.explain(),))


@dataclass(frozen=True, eq=False)
class SharedSource:
    """One reader of a shared result, or of the rows that came last in a recursion."""

    result: SharedResult | LastRows
    relation = None

    @property
    def width(self) -> int:
        return len(self.result.types)

    def read(self, execution: Execution, conjuncts: Conjuncts) -> tuple[Relation, Conjuncts]:
        return self.result.read(execution), conjuncts

    def children(self) -> tuple[Explanation, ...]:
        return (self.result.explanation,)
