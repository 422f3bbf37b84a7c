"""Rows across segments and batches: gathered, sliced, ordered, limited; parameters that are bound to segments."""

from __future__ import annotations

import functools
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.encodings import decode, from_arrow
from locality.kernel import builder as b
from locality.kernel.builder import Builder
from locality.kernel.ir import Array, Scalar
from locality.kernel.loader import load
from locality.operators.codegen.held import Given
from locality.operators.codegen.lookup import as_lookup, introduce_lookups, tables_of
from locality.operators.codegen.parameters import Parameters
from locality.operators.ordering.fields import fields_of
from locality.operators.ordering.order import order_of
from locality.operators.relations.batch import Batch, Deferred
from locality.operators.relations.domain import MOST_CODES, domain_of, domains_of
from locality.operators.relations.traffic import gathered_reads
from locality.plan.expressions import Call, ColumnRef, Constant, Lookup
from locality.plan.intervals import Interval
from locality.types import BIGINT, DOUBLE, VARCHAR, DataType
from locality.types import from_arrow as type_of
from tests.encodings import cases
from tests.encodings.oracle import columns
from tests.operators import naive
from tests.operators.relations import relation, rows_of

PARTS = [
    pa.table({"n": [5, None, 7], "s": ["b", "a", None], "x": [0.5, 1.5, None]}),
    pa.table({"n": pa.array([], pa.int64()), "s": pa.array([], pa.string()), "x": pa.array([], pa.float64())}),
    pa.table({"n": [10**12], "s": ["zebra"], "x": [-1.0]}),
    pa.table({"n": pa.nulls(2, pa.int64()), "s": ["a", "é"], "x": [2.5, 3.5]}),
]
ROWS = [row for part in PARTS for row in zip(*(column.to_pylist() for column in part.columns), strict=True)]


# --- gathering


@given(st.lists(st.integers(0, len(ROWS) - 1), max_size=20))
def test_gathered_rows_come_in_the_order_asked_for(positions: list[int]) -> None:
    source = relation(PARTS)
    wanted = np.array(positions, dtype=np.int64)
    for index in range(3):
        assert decode(source.gather(index, wanted)).to_pylist() == [ROWS[k][index] for k in positions]
        assert decode(source.gather(index, None)).to_pylist() == [row[index] for row in ROWS]


@pytest.mark.parametrize("step", [1, 20, 64, 4000])
@pytest.mark.parametrize("count", [1, 5, 300])
def test_gathered_bytes_are_those_of_the_lines_that_hold_a_row(count: int, step: int) -> None:
    source = relation([pa.table({"n": pa.array(np.arange(2_000_000) % 200)})])
    width = int(source.segments[0].width(0))
    positions = np.arange(count, dtype=np.int64) * step
    lines = {row * step * width // 64 for row in range(count)}
    assert gathered_reads([(source, 0, positions)])[""] == 64 * len(lines)


def _batch(positions: list[int] | None) -> Batch:
    source = relation(PARTS)
    chosen = list(range(len(ROWS))) if positions is None else positions
    computed = from_arrow(pa.array([10 * k for k in chosen], pa.int64()), BIGINT)
    at = None if positions is None else np.array(positions, dtype=np.int64)
    deferred = tuple(Deferred(source, i, at) for i in range(3))
    return Batch((*deferred, computed), len(chosen), (None,) * 4)


@pytest.mark.parametrize("positions", [None, [3, 1, 1, 5, 0]])
def test_batches_take_slice_and_select(positions: list[int] | None) -> None:
    batch = _batch(positions)
    rows = rows_of(batch)
    assert rows == [(*ROWS[k], 10 * k) for k in (positions or range(len(ROWS)))]
    picks = np.array([2, 0, 2], dtype=np.int64)
    assert rows_of(batch.take(picks)) == [rows[k] for k in picks]
    assert rows_of(batch.take(picks).take(picks)) == [rows[2], rows[2], rows[2]]
    for start, stop in ((0, 2), (1, 4), (3, 99), (99, 100), (2, 2), (0, len(rows))):
        assert rows_of(batch.slice(start, stop)) == rows[start:stop]
    assert rows_of(batch.select(range(1, 3))) == [row[1:3] for row in rows]


def test_a_batch_is_the_source_of_the_next_pipeline() -> None:
    batch = _batch([4, 0])
    source = batch.as_relation()
    assert source.types == (BIGINT, VARCHAR, DOUBLE, BIGINT)
    assert [decode(source.gather(i, None)).to_pylist() for i in range(4)] == [
        list(column) for column in zip(*rows_of(batch), strict=True)
    ]


# --- ordering


@pytest.mark.parametrize("dtype", [t for t in cases.FLAT if t.name != "INTERVAL"], ids=str)
@pytest.mark.parametrize(("descending", "nulls_first"), [(False, False), (True, False), (False, True), (True, True)])
def test_sort_keys_order_rows_as_sql_does(dtype: DataType, descending: bool, nulls_first: bool) -> None:
    for array in cases.fixed(dtype).values():
        values = _comparable(array)
        wanted = sorted(range(len(values)), key=functools.cmp_to_key(_comparison(values, descending, nulls_first)))
        for column in columns(array, dtype):
            fields = fields_of(column, descending, nulls_first)
            assert order_of(fields, len(values)).rows.tolist() == wanted, column.encoding


def _comparable(array: pa.Array) -> list[Any]:
    if pa.types.is_timestamp(array.type) or pa.types.is_time(array.type):
        array = array.cast(pa.int64())
    if pa.types.is_date(array.type):
        array = array.cast(pa.int32())
    return list(array.to_pylist())


def _comparison(values: list[Any], descending: bool, nulls_first: bool) -> Any:
    def order(left: int, right: int) -> int:
        a, b = values[left], values[right]
        if a is None or b is None:
            return ((a is not None) - (b is not None)) * (1 if nulls_first else -1)
        return naive.compare(a, b) * (-1 if descending else 1)

    return order


@pytest.mark.parametrize("step", [1, 2**40, 2**57, 2**61])
@pytest.mark.parametrize("count", [2, 200, 2000])
def test_several_keys_order_by_the_first_that_differs(count: int, step: int) -> None:
    """Rows are ordered in one way where they are few and in others where they are many, and by how wide keys are."""
    source = random.Random(5)
    rows = [(source.randint(0, 3), source.randint(-3, 3) * step, k) for k in range(count)]
    keys = [fields_of(from_arrow(pa.array([row[i] for row in rows]), BIGINT)) for i in range(2)]
    assert order_of([*keys[0], *keys[1]], count).rows.tolist() == [row[2] for row in sorted(rows)]
    assert order_of(keys[1], count).rows.tolist() == [row[2] for row in sorted(rows, key=lambda row: row[1])]


# --- domains and lookups


def test_domains_are_the_values_that_codes_stand_for() -> None:
    for dtype in (BIGINT, VARCHAR, DataType("DATE"), DataType("BOOLEAN")):
        for array in cases.fixed(dtype).values():
            known = [v for v in array.to_pylist() if v is not None]
            for column in columns(array, dtype):
                domain = domain_of(column, _interval(array, dtype))
                if domain is None:
                    assert column.encoding == "text" or _width(array, dtype) > MOST_CODES
                    continue
                values = domain.values().to_pylist()
                assert len(values) == domain.size + 1
                assert values[-1] is None
                assert set(known) <= set(values[:-1])


def _width(array: pa.Array, dtype: DataType) -> int:
    interval = _interval(array, dtype)
    return 0 if interval is None else interval.size


def _interval(array: pa.Array, dtype: DataType) -> Interval | None:
    if dtype == VARCHAR:
        return None
    values = [int(v) for v in _comparable(array) if v is not None]
    return Interval(min(values), max(values)) if values else Interval(0, 0)


def test_segments_whose_codes_differ_have_domains_of_their_own() -> None:
    """A plain segment and one of offsets from the same least value have other codes for the same values."""
    part = pa.table({"n": [3, 4, 9, 4]})
    source = relation([part, part, part], lambda number, found: found[number % len(found)])
    domains = domains_of(source, 0)
    assert domains is not None
    assert {"plain", "frame"} <= {segment.column(0).encoding for segment in source.segments}
    assert len({(domain.key, domain.first_code) for domain in domains}) == len({domain.key for domain in domains}) == 2


def test_lookups_hold_the_result_of_every_code_and_of_null() -> None:
    source = relation([pa.table({"s": ["b", "a", None]}), pa.table({"s": ["éé", "a"]})])
    column = ColumnRef(0, VARCHAR)
    length = Call("length", (column,), BIGINT)
    tables = tables_of(source, as_lookup(length, 0))
    for segment in source.segments:
        coded = segment.column(0)
        domain = domain_of(coded, None)
        assert domain is not None
        table = tables.by_domain[domain.key]
        found = [None if table.valid is not None and not table.valid[k] else int(v) for k, v in enumerate(table.values)]
        assert found == [None if v is None else len(v) for v in domain.values().to_pylist()]
    assert tables.bounds == Interval(1, 2)


def test_lookups_replace_what_costs_more_than_a_load() -> None:
    source = relation([pa.table({"s": ["b", "a"], "n": [1, 2]})])
    text, number = ColumnRef(0, VARCHAR), ColumnRef(1, BIGINT)
    upper = Call("upper", (text,), VARCHAR)
    assert introduce_lookups(upper, source) == Lookup(0, upper, VARCHAR)
    cheap = Call("+", (number, Constant(1, BIGINT)), BIGINT)
    assert introduce_lookups(cheap, source) == cheap
    both = Call("+", (Call("length", (text,), BIGINT), number), BIGINT)
    mixed = introduce_lookups(both, source)
    assert isinstance(mixed, Call)
    assert isinstance(mixed.args[0], Lookup)
    assert mixed.args[1] == number


# --- parameters


def test_parameters_are_bound_to_each_segment_and_shared_by_key() -> None:
    builder = Builder()
    parameters = Parameters(builder)
    out = builder.parameter(Array(Scalar.I64), "out")
    reals = builder.parameter(Array(Scalar.F64), "reals")
    rows = parameters.integer("rows", lambda segment: segment.row_count)
    assert parameters.integer("rows", lambda segment: -1) is rows
    wide = parameters.integer("wide", lambda segment: 2**64 - 1, Scalar.U64)
    half = parameters.float("half", lambda segment: segment.row_count / 2)
    codes = parameters.array("codes", Array(Scalar.I64), lambda segment: np.arange(segment.row_count) * 10)
    builder.store(out, b.const_i64(0), rows)
    builder.store(out, b.const_i64(1), b.convert(b.gt(wide, b.const(5, Scalar.U64)), Scalar.I64))
    builder.store(out, b.const_i64(2), b.load(codes, b.const_i64(2)))
    builder.store(reals, b.const_i64(0), half)
    kernel = load(builder.build(b.const_i64(0)))
    source = relation([PARTS[0], pa.concat_tables([PARTS[0], PARTS[2]])])
    for segment in source.segments:
        integers, floats, *arrays = parameters.bind(segment, Given(()))
        found, real = np.zeros(3, np.int64), np.zeros(1)
        kernel.interpreted(integers, floats, found, real, *arrays)
        assert found.tolist() == [segment.row_count, 1, 20]
        assert real.tolist() == [segment.row_count / 2]


def test_types_of_relations_are_those_of_their_columns() -> None:
    source = relation(PARTS)
    assert source.types == tuple(type_of(arrow) for arrow in PARTS[0].schema.types)
    assert source.row_count == len(ROWS)
    assert source.starts.tolist() == [0, 3, 3, 4, 6]
