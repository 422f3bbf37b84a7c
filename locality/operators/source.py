"""Where a pipeline's rows come from: a stored table, prepared for once, or what other operators put out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from locality.errors import Unsupported
from locality.operators.byvalues import ByValues, Conjuncts, Values, bound_all, value_key, values_of
from locality.operators.physical import Execution, Explanation, Physical
from locality.operators.relations.relation import NOTHING, Relation
from locality.operators.relations.signature import signature
from locality.plan.expressions import Expression, columns_of

Prepared = TypeVar("Prepared", bound="Reusable")


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


def explain_source(source: Source) -> tuple[Explanation, ...]:
    """The operators that run for a source, or the scan that it is."""
    if source.relation is None:
        return source.children()
    return (Explanation("scan", (f"over {source.relation.name}: {source.relation.row_count:,} rows",)),)


class Reusable(Protocol):
    """What is prepared for rows and conjuncts, and can be turned to others of the same form."""

    def over(self: Prepared, relation: Relation) -> Prepared:
        """The same preparation for other rows whose signature is equal."""

    def under(self: Prepared, relation: Relation, values: Values) -> Prepared:
        """The same preparation for such rows, and for other values of the parameters in its conjuncts."""


class Preparation(Generic[Prepared]):
    """What is prepared for rows: at once for a stored table, so that planning finds out what can't be done,
    else when an operator's output is there. The last one is kept, for the next output of the same form.
    """

    def __init__(
        self,
        known: Relation | None,
        conjuncts: Sequence[Expression],
        reads: Iterable[Expression],
        prepare: Callable[[Relation, Conjuncts], Prepared],
    ) -> None:
        """``known``: the rows, if they are there before a query runs; reads: what is computed, beside ``conjuncts``."""
        self._prepare = prepare
        self._conjuncts = tuple(conjuncts)
        self._columns = frozenset().union(*(columns_of(e) for e in (*conjuncts, *reads)))
        self._last: tuple[Hashable, Hashable, Prepared] | None = None
        self._refused: tuple[Hashable, Unsupported] | None = None
        self._values = values_of(self._conjuncts)
        self.ready = None if known is None else prepare(known, self._conjuncts)
        self._ready: ByValues[Prepared] | None = None
        if known is not None and self.ready is not None:
            self._ready = ByValues(self._conjuncts, self.ready, partial(self.ready.under, known))

    def conjuncts_in(self, execution: Execution) -> Conjuncts:
        """The conjuncts with the values that an execution has for their parameters."""
        if not execution.values or not self._values or self._ready is not None:  # which asks for the values itself
            return self._conjuncts
        return bound_all(self._conjuncts, execution.values)

    def get(self, relation: Relation, conjuncts: Conjuncts, execution: Execution) -> Prepared:
        """The preparation for the rows that the source gave and the conjuncts that it left.

        Raises Unsupported if there is none, at once where the last rows were of this form and there was none for them.
        """
        if self._ready is not None:
            return self._ready.get(execution.values)
        form = bound_all(conjuncts, self._values) if self._values else conjuncts
        key, values = (signature(relation, self._columns), form), value_key(self._values, execution.values)
        last = self._last
        if last is not None and last[0] == key:
            prepared = last[2]
            return prepared.over(relation) if last[1] == values else prepared.under(relation, execution.values)
        if self._refused is not None and self._refused[0] == (key, values):
            raise Unsupported(str(self._refused[1]))
        try:
            prepared = self._prepare(relation, conjuncts)
        except Unsupported as reason:
            self._refused = (key, values), reason.with_traceback(None)
            raise
        self._last = key, values, prepared.over(NOTHING)
        return prepared
