"""Random Arrow tables of flat and nested types, and what a store should answer for them."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from locality import types
from locality.storage.store import Store

_EPOCH = dt.datetime(1970, 1, 1)
_TEXTS = st.one_of(st.sampled_from(["", "a", "b", "é", "z" * 40]), st.text(max_size=6))


def _integers(bits: int, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    near = st.integers(max(low, -3), 300 if high > 300 else high)
    return st.one_of(near, st.integers(low, high), st.sampled_from([low, high]))


def _decimals(width: int, scale: int) -> st.SearchStrategy[decimal.Decimal]:
    limit = 10**width - 1
    unscaled = st.one_of(st.integers(-100, 100).map(lambda v: v * 100), st.integers(-limit, limit))
    context = decimal.Context(prec=60)
    return unscaled.map(lambda v: decimal.Decimal(v).scaleb(-scale, context))


TYPES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.bool_(), st.booleans()),
    *((getattr(pa, f"int{bits}")(), _integers(bits, True)) for bits in (8, 16, 32, 64)),
    *((getattr(pa, f"uint{bits}")(), _integers(bits, False)) for bits in (8, 16, 32, 64)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.one_of(st.sampled_from([0.0, -0.0, 1.5]), st.floats())),
    (pa.decimal128(15, 2), _decimals(15, 2)),
    (pa.decimal128(38, 10), _decimals(38, 10)),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.timestamp("us"), st.datetimes()),
    (pa.timestamp("ns"), st.integers(-(2**63) + 1, 2**63 - 1)),
    (pa.timestamp("s"), st.integers(-(10**10), 10**10)),
    (pa.timestamp("us", tz="UTC"), st.datetimes(timezones=st.just(dt.UTC))),
    (pa.string(), _TEXTS),
    (pa.large_string(), _TEXTS),
    (pa.string_view(), _TEXTS),
    (pa.dictionary(pa.int32(), pa.string()), _TEXTS),
    (pa.binary(), st.binary(max_size=6)),
    (pa.list_(pa.int32()), st.lists(st.integers(0, 9), max_size=3)),
    (pa.struct([("x", pa.int64()), ("y", pa.string())]), st.fixed_dictionaries({"x": st.integers(0, 9), "y": _TEXTS})),
]


@st.composite
def arrow_tables(draw: st.DrawFn, most_rows: int = 50) -> pa.Table:
    """Tables of one to four columns, in one or more chunks, whose rows repeat so that all encodings are met."""
    kinds = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=4))
    rows = draw(st.integers(0, most_rows))
    arrays, names = [], []
    for index, (arrow, values) in enumerate(kinds):
        element = st.one_of(values, st.none()) if draw(st.booleans()) else values
        pool = draw(st.lists(element, min_size=1, max_size=rows + 1))
        column = [pool[i % len(pool)] for i in range(rows)]
        if draw(st.booleans()):
            column.sort(key=lambda value: (value is None, repr(value)))
        arrays.append(pa.array(column, arrow))
        names.append(f"c{index}")
    table = pa.table(arrays, names)
    cut = draw(st.integers(0, rows))
    return pa.concat_tables([table.slice(0, cut), table.slice(cut)]) if draw(st.booleans()) else table


def expected(table: pa.Table) -> pa.Table:
    """The table in the Arrow types in which a store returns it, by pyarrow's own casts."""
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        dtype = types.from_arrow(field.type)
        if dtype.domain is not types.Domain.NESTED:
            column = column.cast(types.to_arrow(dtype))
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def stored(store: Store, name: str) -> pa.Table:
    """All rows of a table of the store, decoded."""
    table = store.snapshot().tables[name]
    batches = list(table.to_batches(range(len(table.columns))))
    return pa.Table.from_batches(batches, table.arrow_schema)


def same(left: pa.Table, right: pa.Table) -> bool:
    """Whether two tables hold the same values bit for bit: NaN equals NaN, and -0.0 does not equal 0.0."""
    return left.column_names == right.column_names and repr(left.to_pydict()) == repr(right.to_pydict())
