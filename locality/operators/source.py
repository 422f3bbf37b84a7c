"""Where a pipeline's rows come from: a stored table, prepared for once, or what other operators put out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.relation import Relation
from locality.plan.expressions import Expression

Prepared = TypeVar("Prepared")
Conjuncts = tuple[Expression, ...]


class Source(Protocol):
    """Rows for a pipeline."""

    @property
    def relation(self) -> Relation | None:
        """The rows, if they are known before the query runs."""

    @property
    def width(self) -> int:
        """How many columns they have."""

    def read(self, execution: Execution, conjuncts: Conjuncts) -> tuple[Relation, Conjuncts]:
        """The rows, and which of ``conjuncts`` are still to be tested on them."""

    def children(self) -> tuple[Explanation, ...]:
        """The operators that run for it."""


@dataclass(frozen=True, eq=False)
class TableSource:
    """A stored table."""

    relation: Relation

    @property
    def width(self) -> int:
        return len(self.relation.types)

    def read(self, execution: Execution, conjuncts: Conjuncts) -> tuple[Relation, Conjuncts]:
        return self.relation, conjuncts

    def children(self) -> tuple[Explanation, ...]:
        return ()


@dataclass(frozen=True, eq=False)
class OperatorSource:
    """The output of an operator."""

    operator: Physical
    relation = None

    @property
    def width(self) -> int:
        return len(self.operator.types)

    def read(self, execution: Execution, conjuncts: Conjuncts) -> tuple[Relation, Conjuncts]:
        return self.operator.execute(execution).as_relation(), conjuncts

    def children(self) -> tuple[Explanation, ...]:
        return (self.operator.explain(),)


class Preparation(Generic[Prepared]):
    """What is prepared from a source's rows: at once for a stored table, so that planning finds out what can't be done,
    and anew for each output of an operator.
    """

    def __init__(
        self, source: Source, conjuncts: Sequence[Expression], prepare: Callable[[Relation, Conjuncts], Prepared]
    ) -> None:
        self._prepare = prepare
        self.ready = None if source.relation is None else prepare(source.relation, tuple(conjuncts))

    def get(self, relation: Relation, conjuncts: Conjuncts) -> Prepared:
        """The preparation for the rows that the source gave and the conjuncts that it left."""
        return self._prepare(relation, conjuncts) if self.ready is None else self.ready
