"""Values of parameters as constants, against what DuckDB makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locality.plan.expressions import Cast, Constant
from locality.sql.bindings import bound_constant
from locality.sql.evaluate import evaluate
from locality.sql.folding import fold
from locality.sql.json_values import decode_constant, load
from locality.types import BIGINT, DATE, DOUBLE, INTEGER, TIMESTAMP, VARCHAR, decimal
from tests.properties.effort import examples


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@settings(max_examples=examples(60))
@given(
    st.booleans()
    | st.integers(-(2**31) - 2, 2**31 + 1)
    | st.integers(-(2**127), 2**127 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.dates()
    | st.datetimes()
)
@example(2**63)
@example(Decimal("0.65"))
@example(Decimal("-0.05"))
@example(Decimal("0.00"))
@example(Decimal("-0"))
@example(Decimal("1E+2"))
@example(Decimal("0E+4"))
@example(Decimal("1E-38"))
@example(date(1, 1, 2))
@example(datetime(9999, 12, 31, 23, 59, 59, 999998))
def test_constants_are_duckdbs(database: duckdb.DuckDBPyConnection, value: object) -> None:
    found = bound_constant(value)
    if found is None:
        return
    database.execute("set variable x = ?", [value])
    plan = database.execute("select json_serialize_plan('select getvariable(''x'')', optimize := true)").fetchall()
    (constant,) = load(plan[0][0])["plans"][0]["expressions"]
    assert repr(found) == repr(decode_constant(constant["value"])), json.dumps(constant)


@pytest.mark.parametrize(
    "value",
    [
        *(2**63, 2**130, Decimal("NaN"), Decimal(10) ** 40, date.max, date.min, datetime.max, "\ud800"),
        *(datetime(2020, 1, 1, tzinfo=UTC), timedelta(1), b"x", [1]),
    ],
)
def test_other_values_are_left_to_duckdb(value: object) -> None:
    assert bound_constant(value) is None


@settings(max_examples=examples(30))
@given(
    st.tuples(
        st.sampled_from([INTEGER, BIGINT, decimal(4, 1), decimal(9, 3), decimal(18, 0)]),
        st.sampled_from([INTEGER, BIGINT, DOUBLE, decimal(5, 2), decimal(12, 6), decimal(38, 3)]),
        st.integers(-999, 999),
    ).map(lambda drawn: Cast(Constant(drawn[2], drawn[0]), drawn[1]))
    | st.dates().map(lambda day: Cast(Constant(day.toordinal() - 719163, DATE), TIMESTAMP))
    | (st.dates() | st.datetimes()).flatmap(
        lambda moment: st.sampled_from([DATE, TIMESTAMP]).map(lambda to: Cast(Constant(str(moment), VARCHAR), to))
    )
)
def test_folded_casts_are_duckdbs(cast: Cast) -> None:
    folded = fold(cast)
    assert folded.type == cast.type
    assert evaluate(folded, ()).equals(evaluate(cast, ()))
