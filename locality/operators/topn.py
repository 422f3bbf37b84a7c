"""Top-n: the first rows in an order, kept in a buffer whose worst key filters the rows that follow."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar, Var
from locality.operators.byvalues import ByValues, Values, bound_all
from locality.operators.codegen.block import Block, Row
from locality.operators.codegen.lookup import introduce_lookups
from locality.operators.codegen.probe import probe
from locality.operators.filters.conditions import Conditions
from locality.operators.late import rows_at
from locality.operators.morsels import Morsel
from locality.operators.ordering.fields import fields_of
from locality.operators.ordering.least import LeastDigits, leading_values, least_digits
from locality.operators.ordering.order import order_of
from locality.operators.physical import Execution, Explanation, Traffic
from locality.operators.pipeline import MORSEL_ROWS, Pipeline
from locality.operators.relations.batch import Batch
from locality.operators.relations.relation import Relation
from locality.operators.scan import count_scan, describe_scan, run_morsels
from locality.plan.expressions import Expression, SortKey
from locality.plan.functions.base import Value, as_integer
from locality.plan.intervals import INT64_MAX, INT64_MIN
from locality.plan.structure import structure_of_sort_key
from locality.storage.zones import ZONE_ROWS
from locality.types import DataType

AnyArray = npt.NDArray[Any]
Positions = npt.NDArray[np.int64]

#: Rows of the first morsels: a small start gives a bound before the large ones run.
_FIRST_ROWS = 16384


@dataclass(frozen=True, eq=False)
class PackedKey:
    """One ORDER BY term as digits of a single integer: ascending digits are SQL's order, NULL included.

    size: how many digits; 0 for a float, whose ordered key takes all 64 bits.
    """

    key: SortKey
    value: Value
    size: int
    stride: int

    def emit(self, row: Row) -> ir.Expr:
        """The term's share of the packed key."""
        value = row.emit(self.key.expression)
        if self.size == 0:
            ordered = value.expr if value.packed else b.call("ordered_key", b.convert(value.expr, Scalar.F64))
            if self.key.descending:
                ordered = b.xor(ordered, b.const_i64(-1))
            null = INT64_MIN if self.key.nulls_first else INT64_MAX
            return ordered if value.valid is None else b.select(value.valid, ordered, b.const_i64(null))
        low, high = self.value.range.low, self.value.range.high
        number = value.expr if value.dictionary is not None else as_integer(value).expr
        digit: ir.Expr = b.sub(row.integer(high), number) if self.key.descending else b.sub(number, row.integer(low))
        first = self.key.nulls_first
        if self.value.valid is not None and first:  # also where this segment has no NULL: another one has
            digit = b.add(digit, b.const_i64(1))
        if value.valid is not None:
            digit = b.select(value.valid, digit, row.integer(0 if first else self.size - 1))
        return digit if self.stride == 1 else b.mul(digit, row.integer(self.stride))


def pack_keys(keys: Sequence[SortKey], relation: Relation) -> tuple[PackedKey, ...]:
    """As many leading terms as fit one integer; none if not even the first does. Raises Unsupported as probing does."""
    packed: list[PackedKey] = []
    room = 2**62
    for key in keys:
        value = probe(relation, key.expression)
        if value.is_float or value.packed:
            if not packed:
                packed.append(PackedKey(key, value, 0, 1))
            break
        size = value.range.size + (value.valid is not None)
        if size > room:
            break
        room //= size
        packed.append(PackedKey(key, value, size, 1))
    strided: list[PackedKey] = []
    stride = 1
    for term in reversed(packed):
        strided.append(replace(term, stride=stride))
        stride *= max(term.size, 1)
    return tuple(reversed(strided))


def _terms(keys: Sequence[SortKey], relation: Relation) -> tuple[PackedKey, ...]:
    looked_up = [replace(key, expression=introduce_lookups(key.expression, relation)) for key in keys]
    return pack_keys(looked_up, relation)


@dataclass(frozen=True, eq=False)
class TopSink:
    """Writes key and position of every active row whose key is at most the bound."""

    terms: tuple[PackedKey, ...]

    @property
    def reads(self) -> Sequence[Expression]:
        return [term.key.expression for term in self.terms]

    @property
    def state(self) -> Sequence[Array]:
        return (Array(Scalar.I64), Array(Scalar.I64), Array(Scalar.I64))

    @property
    def morsel_rows(self) -> int:
        return MORSEL_ROWS

    def prefers_selection(self, selectivity: float) -> bool:
        return False

    def emit(self, block: Block, state: Sequence[Var]) -> None:
        """``state``: (bound, rows written), keys, positions.

        The leading term alone excludes nearly all rows once there is a bound, so only it is computed for all.
        """
        header, keys_out, positions_out = state
        builder = block.builder
        bound = builder.hoist(b.load(header, b.const_i64(0)), "bound")
        lead = self.terms[0]

        def may_be_near(row: Row) -> ir.Expr:
            return b.le(lead.emit(row), bound)

        block.keep([lead.key.expression], may_be_near)
        block.compact()
        assert block.selected is not None
        done = builder.assign(b.load(header, b.const_i64(1)), "done")
        after = builder.assign(b.add(done, block.selected))
        keys, positions = (builder.slice(out, done, after) for out in (keys_out, positions_out))
        with block.rows(self.reads) as row:
            key = lead.emit(row)
            for term in self.terms[1:]:
                key = b.add(key, term.emit(row))
            builder.store(keys, row.ordinal, key)
            builder.store(positions, row.ordinal, b.add(block.first_row, row.index))
        builder.store(header, b.const_i64(1), after)


class TopN:
    """The ``limit`` first rows of a relation in the order of ``terms``, prepared to run.

    Where not all of the order's terms fit the packed key, rows that tie with the last one are kept too, so that the
    caller can order what is left exactly.
    """

    def __init__(
        self, relation: Relation, conjuncts: Sequence[Expression], keys: Sequence[SortKey], limit: int
    ) -> None:
        self.relation = relation
        self.limit = limit
        key = "top-n", tuple(map(structure_of_sort_key, keys))
        self.terms = relation.memo.once(key, lambda: _terms(keys, relation))
        self.exact = len(self.terms) == len(keys)
        if not self.terms:
            raise Unsupported("top-n by a key that does not fit an integer")
        self._conditions = Conditions(relation, conjuncts)
        self.pipeline = Pipeline(relation, self._conditions.tests, TopSink(self.terms), None, key)
        lead = self.terms[0]
        self._least = least_digits(relation, lead.key, lead.value) if lead.size else None
        self._arrange()

    def under(self, values: Values) -> TopN:
        """The same of rows that pass other values' tests."""
        other = copy(self)
        other._conditions = self._conditions.under(self.relation, values)
        other.pipeline = self.pipeline.under(self.relation, other._conditions.tests)
        other._arrange()
        return other

    def near(self, conjuncts: Sequence[Expression], keys: Sequence[SortKey]) -> TopN:
        """The same of fewer rows, which are expected to be enough, where it is known which come first; else itself."""
        last = leading_values(self.relation, keys[0], self.terms[0].value, self.pipeline.tests, max(self.limit, 1))
        return self if last is None else TopN(self.relation, (*conjuncts, last), keys, self.limit)

    def _arrange(self) -> None:
        """Has those morsels run first that may have the first rows."""
        if self._least is None:
            self.pipeline.morsels = _small_first(self.pipeline.morsels)
        else:
            self.pipeline.morsels = _least_first(self.pipeline.morsels, self._least)

    def execute(self, execution: Execution, traffic: Traffic) -> Positions:
        """Positions of the rows in the relation, ordered by the packed key, then by position."""
        bound = INT64_MAX
        kept: dict[int, tuple[AnyArray, AnyArray]] = {}
        left_out: list[Morsel] = []

        def work(worker: int, morsel: Morsel) -> int:
            nonlocal bound
            if self._least is not None and self._least.of(morsel) * self.terms[0].stride > bound:
                left_out.append(morsel)
                return 0
            header = np.array([bound, 0], dtype=np.int64)
            keys, positions = (np.empty(morsel.rows, dtype=np.int64) for _ in range(2))
            faults = self.pipeline.call(morsel, (header, keys, positions))
            count = int(header[1])
            start = self.relation.starts[morsel.segment]
            old_keys, old_positions = kept.get(worker, (keys[:0], positions[:0]))
            kept[worker], worst = self._keep(
                np.concatenate((old_keys, keys[:count])), np.concatenate((old_positions, positions[:count] + start))
            )
            bound = min(bound, worst)
            return faults

        run_morsels(self.pipeline, execution, self.pipeline.morsels, work)
        self._count(left_out, traffic)
        keys = np.concatenate([k for k, _ in kept.values()] or [np.empty(0, np.int64)])
        positions = np.concatenate([p for _, p in kept.values()] or [np.empty(0, np.int64)])
        (keys, positions), _ = self._keep(keys, positions)
        order = np.lexsort((positions, keys))
        chosen: Positions = positions[order]
        return chosen[: self.limit] if self.exact else chosen

    def _count(self, left_out: Sequence[Morsel], traffic: Traffic) -> None:
        """Counts what the scan of the other morsels read."""
        pipeline = self.pipeline
        if self._least is not None and left_out:
            pipeline, late = copy(pipeline), set(left_out)
            pipeline.morsels, pipeline.scan_reads = [m for m in pipeline.morsels if m not in late], []
            pipeline.zones_total, pipeline.zones_read = len(self._least.digits), self._least.zones(pipeline.morsels)
        count_scan(pipeline, traffic)

    def _keep(self, keys: AnyArray, positions: AnyArray) -> tuple[tuple[AnyArray, AnyArray], int]:
        """What may be among the first rows, and the greatest key that a further row may have to join them."""
        if self.limit == 0:
            return (keys[:0], positions[:0]), INT64_MIN
        if len(keys) <= self.limit:
            return (keys, positions), INT64_MAX
        worst = int(np.partition(keys, self.limit - 1)[self.limit - 1])
        inside = keys <= worst
        keys, positions = keys[inside], positions[inside]
        if not self.exact:
            return (keys, positions), worst
        order = np.lexsort((positions, keys))[: self.limit]
        return (keys[order], positions[order]), max(worst - 1, INT64_MIN)

    def details(self) -> tuple[str, ...]:
        """What EXPLAIN says of it."""
        return (f"first {self.limit:,} rows by {len(self.terms)} packed keys", *describe_scan(self.pipeline))


def _small_first(morsels: list[Morsel]) -> list[Morsel]:
    """The same rows, the first ones in a morsel of their own."""
    if not morsels or morsels[0].rows <= 2 * _FIRST_ROWS:
        return morsels
    first, *rest = morsels
    return [first.cut(0, _FIRST_ROWS), first.cut(_FIRST_ROWS, first.rows), *rest]


def _least_first(morsels: list[Morsel], least: LeastDigits) -> list[Morsel]:
    """The same rows, those first that may have the least digits; the first ones zone by zone."""
    ordered = sorted(morsels, key=least.of)
    if not ordered:
        return ordered
    first, *rest = ordered
    zones = [first.cut(start, min(start + ZONE_ROWS, first.rows)) for start in range(0, first.rows, ZONE_ROWS)]
    return [*sorted(zones, key=least.of), *rest]


class Top:
    """ORDER BY with LIMIT over a stored table: the physical operator."""

    def __init__(
        self,
        relation: Relation,
        conjuncts: Sequence[Expression],
        keys: Sequence[SortKey],
        limit: int,
        offset: int,
        outputs: Sequence[Expression],
    ) -> None:
        """Raises Unsupported if not even the first key fits an integer."""
        first = TopN(relation, conjuncts, keys, limit + offset)
        self._tops = ByValues(tuple(conjuncts), first, first.under)
        self._near: ByValues[TopN] | None = None
        few = first.near(conjuncts, keys)
        if few is not first:
            self._near = ByValues(
                tuple(conjuncts),
                few,
                lambda values: self._tops.get(values).near(bound_all(tuple(conjuncts), values), keys),
            )
        self._keys, self._limit, self._offset = tuple(keys), limit, offset
        self._outputs = tuple(outputs)
        self._relation = relation

    @property
    def types(self) -> tuple[DataType, ...]:
        return tuple(output.type for output in self._outputs)

    def execute(self, execution: Execution) -> Batch:
        with execution.measure("top-n") as traffic:
            top = (self._near or self._tops).get(execution.values)
            positions = top.execute(execution, traffic)
            if self._near is not None and len(positions) < top.limit:  # fewer pass than was expected
                top = self._tops.get(execution.values)
                positions = top.execute(execution, traffic)
            if not top.exact:
                positions = self._order_ties(positions, execution)
            positions = positions[self._offset : self._offset + self._limit]
            traffic.rows = len(positions)
            return rows_at(self._relation, self._outputs, positions, execution)

    def _order_ties(self, positions: Positions, execution: Execution) -> Positions:
        batch = rows_at(self._relation, [key.expression for key in self._keys], positions, execution)
        fields = [
            field
            for i, key in enumerate(self._keys)
            for field in fields_of(batch.column(i), key.descending, key.nulls_first)
        ]
        return positions[order_of(fields, len(positions)).rows]

    def explain(self) -> Explanation:
        return Explanation("top-n", (self._near or self._tops).first.details())
