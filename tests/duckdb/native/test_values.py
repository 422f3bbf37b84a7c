"""Values of parameters: what DuckDB's client made of a value of Python's leads back to it."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locality.duckdb.native.values import value_of
from locality.errors import Unsupported

DUCKDB = duckdb.connect(":memory:")
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(),
    st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    st.dates(),
    st.datetimes(),
    st.decimals(-(10**12), 10**12, allow_nan=False, places=3),
    st.none(),
)


@settings(max_examples=40)
@given(VALUES)
@example((1 << 31) - 1)
@example(1 << 31)
@example(-0.0)
@example(datetime.datetime.max)
@example(Decimal("0.10"))
def test_values_come_back(value: object) -> None:
    ((dtype, text),) = DUCKDB.execute("select typeof($1), cast($1 as varchar)", [value]).fetchall()
    found = value_of("STRING_LITERAL" if dtype == "VARCHAR" else dtype, text)
    if isinstance(value, float) and math.isnan(value):
        assert isinstance(found, float) and math.isnan(found)
    else:
        assert (found, type(found), str(found)) == (value, type(value), str(value))


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        ("TINYINT", "1"),  # the client gives an int another type
        ("BIGINT", "1"),
        ("INTEGER_LITERAL", "1"),
        ("HUGEINT", str(1 << 70)),
        ("DATE", "infinity"),
        ("DATE", "0044-03-15 (BC)"),
        ("INTEGER", None),
        ("INTEGER[]", "[1]"),
        ("DECIMAL(3,1)[]", "[1.0]"),
    ],
)
def test_values_that_the_client_would_not_give_are_refused(dtype: str, text: str | None) -> None:
    with pytest.raises(Unsupported, match="parameter"):
        value_of(dtype, text)
