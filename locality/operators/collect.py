"""Filter and projection: the physical operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from locality.errors import Unsupported
from locality.operators.collection import Collection
from locality.operators.late import FEW_ROWS, evaluate_rows, split_conditions
from locality.operators.physical import Execution, Explanation, Traffic
from locality.operators.relations.batch import Batch
from locality.operators.relations.relation import Relation
from locality.operators.source import Preparation, Source
from locality.plan.expressions import ColumnRef, Expression, columns_of, rewrite
from locality.types import DataType

AnyArray = npt.NDArray[Any]

#: Runs of a query after which a kernel is made even for few rows, which DuckDB's functions compute until then.
_RUNS = 2


def collect_rows(
    relation: Relation,
    conjuncts: Sequence[Expression],
    outputs: Sequence[Expression],
    execution: Execution,
    traffic: Traffic,
    enough: int | None = None,
    prepared: Preparation[Collection] | None = None,
    *,
    recurs: bool = False,
) -> Batch:
    """Expressions over the rows of what other operators put out that pass, in order; ``prepared``, where it is kept.

    recurs: whether the same was asked so often that a kernel pays even for few rows.
    """
    bare = not conjuncts and all(isinstance(output, ColumnRef) for output in outputs)
    if not bare and not recurs and not relation.links and relation.row_count <= FEW_ROWS:
        return evaluate_rows(relation, conjuncts, outputs, execution)
    try:
        if prepared is None:
            collection = Collection(relation, conjuncts, outputs)
        else:
            collection = prepared.get(relation, tuple(conjuncts), execution)
        if not (collection.is_late and relation.links):
            return collection.execute(execution, traffic, enough)
    except Unsupported:
        if relation.links:
            raise
        # functions that kernels lack, over rows that are already few against the source's
        return evaluate_rows(relation, conjuncts, outputs, execution)
    return _collect_first(relation, conjuncts, outputs, execution, traffic)


def _collect_first(
    relation: Relation,
    conjuncts: Sequence[Expression],
    outputs: Sequence[Expression],
    execution: Execution,
    traffic: Traffic,
) -> Batch:
    """Brings the rows and their matches together, for functions that kernels lack."""
    late = split_conditions(relation, conjuncts).others
    read = sorted(frozenset().union(*(columns_of(e) for e in (*late, *outputs))))
    columns = [ColumnRef(index, relation.types[index]) for index in read]
    early = [conjunct for conjunct in conjuncts if conjunct not in late]
    batch = Collection(relation, early, columns).execute(execution, traffic)

    def local(expression: Expression) -> Expression:
        return rewrite(expression, lambda e: ColumnRef(read.index(e.index), e.type) if isinstance(e, ColumnRef) else e)

    relation = batch.as_relation()
    return evaluate_rows(relation, [local(c) for c in late], [local(output) for output in outputs], execution)


class Collect:
    """Filter and projection: the physical operator."""

    def __init__(self, source: Source, conjuncts: Sequence[Expression], outputs: Sequence[Expression]) -> None:
        self._source, self._outputs = source, tuple(outputs)
        self._runs = 0
        computed = [output for output in outputs if not isinstance(output, ColumnRef)]
        self._prepared = Preparation(
            source.relation, conjuncts, computed, lambda relation, left: Collection(relation, left, outputs)
        )

    @property
    def types(self) -> tuple[DataType, ...]:
        return tuple(output.type for output in self._outputs)

    def execute(self, execution: Execution, enough: int | None = None) -> Batch:
        """The rows that pass, in order; at least ``enough`` of them, if given and there are so many."""
        relation, conjuncts = self._source.read(execution, self._prepared.conjuncts_in(execution))
        with execution.measure("collect") as traffic:
            if self._source.relation is None:
                self._runs += 1
                recurs = self._runs > _RUNS
                return collect_rows(
                    relation, conjuncts, self._outputs, execution, traffic, enough, self._prepared, recurs=recurs
                )
            return self._prepared.get(relation, conjuncts, execution).execute(execution, traffic, enough)

    @property
    def is_late(self) -> bool:
        """Whether DuckDB's functions have to compute something; False over an intermediate result."""
        return self._prepared.ready is not None and self._prepared.ready.is_late

    def explain(self) -> Explanation:
        ready = self._prepared.ready
        details = ("over the rows of its input",) if ready is None else ready.details()
        return Explanation("collect", details, self._source.children())
