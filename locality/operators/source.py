"""Where a pipeline's rows come from: a stored table, prepared for once, or the output of another operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.relation import Relation

Prepared = TypeVar("Prepared")


@dataclass(frozen=True)
class Source:
    """Exactly one of a stored relation and an operator."""

    relation: Relation | None = None
    operator: Physical | None = None

    def read(self, execution: Execution) -> Relation:
        """The rows; runs the operator if there is one."""
        if self.relation is not None:
            return self.relation
        assert self.operator is not None
        return self.operator.execute(execution).as_relation()

    def children(self) -> tuple[Explanation, ...]:
        return () if self.operator is None else (self.operator.explain(),)


class Preparation(Generic[Prepared]):
    """What is prepared from a source's rows: at once for a stored table, so that planning finds out what can't be done,
    and anew for each output of an operator.
    """

    def __init__(self, source: Source, prepare: Callable[[Relation], Prepared]) -> None:
        self._source = source
        self._prepare = prepare
        self.ready = None if source.relation is None else prepare(source.relation)

    def get(self, relation: Relation) -> Prepared:
        """The preparation for the rows that the source gave."""
        return self._prepare(relation) if self.ready is None else self.ready
