"""Functions over columns that Hypothesis draws: whatever the values, the outcome is DuckDB's, be it an error."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import locality
from locality.errors import QueryError
from tests.plan.sides import Sides, assert_same, kernels_alone

INTEGERS = [
    "i + j, i - j",
    "i * j",
    "case when j > 0 then i // j end, case when j > 0 then i % j end, greatest(i, j), sign(j), xor(i, j), i >> 5",
    "try_cast(i as integer), i::double, coalesce(i, j), i is distinct from j, i < j",
]
FLOATS = [
    "x = y, x < y, x >= y, x is not distinct from y, x in (y, 1.0), x + y, x * y, x / y, -x, greatest(x, y)",
    "round(x), round(y, 3), abs(y), sign(x), try_cast(x as integer), try_cast(y as decimal(9, 3))",
    "x::bigint",
]
MOMENTS = [
    "year(t), month(t), week(t), hour(t), microsecond(t), t::date, date_trunc('quarter', t), date_trunc('minute', t)",
    "t + interval '5 months 40 days 3 hours', last_day(t)",
    "year(d), yearweek(d), d + 40, d - d",
    "epoch_ms(t), epoch(t)",
]
#: Columns lie plain, whatever is drawn, so that kernels compile once.
SPREAD = [-(2**63), 2**63 - 2]
Wide = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
Float = st.none() | st.floats() | st.integers(-100, 100).map(lambda n: n / 4)
Moment = st.none() | st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(-(2**56), 2**56)
Day = st.none() | st.integers(-(2**31) + 1, 2**31 - 1) | st.integers(-800_000, 800_000)

#: Examples cost an ingest and, at first, kernels: few are drawn, and failures are not made smaller.
quick = settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate])


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    store = tmp_path_factory.mktemp("store") / "store"
    with locality.connect(store, threads=1) as ours, duckdb.connect() as theirs, kernels_alone():
        yield Sides(ours, theirs)


def compare(sides: Sides, table: pa.Table, expressions: list[str]) -> None:
    """Each list of expressions has the same outcome on both sides."""
    sides.ours.ingest("t", table, mode="replace")
    sides.theirs.register("given", table)
    sides.theirs.execute("create or replace table t as from given")
    for text in expressions:
        query = f"select {text} from t"
        try:
            expected = sides.theirs.sql(query).to_arrow_table()
        except duckdb.Error:
            with pytest.raises(QueryError):
                sides.ours.sql(query)
            continue
        got = sides.ours.sql(query).to_arrow_table()
        for ours, theirs in zip(got.columns, expected.columns, strict=True):
            assert_same(text, ours.combine_chunks(), theirs.combine_chunks())


@quick
@given(st.lists(st.tuples(Wide, Wide), min_size=1, max_size=20))
def test_integers(sides: Sides, rows: list[tuple[int | None, int | None]]) -> None:
    i, j = zip(*rows, strict=True)
    table = pa.table({"i": pa.array([*i, *SPREAD], pa.int64()), "j": pa.array([*j, *reversed(SPREAD)], pa.int64())})
    compare(sides, table, INTEGERS)


@quick
@given(st.lists(st.tuples(Float, Float), min_size=1, max_size=20))
def test_floats(sides: Sides, rows: list[tuple[float | None, float | None]]) -> None:
    x, y = zip(*rows, strict=True)
    compare(sides, pa.table({"x": pa.array(x, pa.float64()), "y": pa.array(y, pa.float64())}), FLOATS)


@quick
@example([(2**63 - 308, None)])
@given(st.lists(st.tuples(Moment, Day), min_size=1, max_size=20))
def test_moments(sides: Sides, rows: list[tuple[int | None, int | None]]) -> None:
    t, d = zip(*rows, strict=True)
    moments, days = pa.array(t, pa.int64()).cast(pa.timestamp("us")), pa.array(d, pa.int32()).cast(pa.date32())
    compare(sides, pa.table({"t": moments, "d": days}), MOMENTS)
