"""The comparison of answers finds every wrong one, and no right one wrong."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality._suites.benchmarks.comparison import difference

COLUMNS = (
    st.integers(-10, 10),
    st.text("ab", max_size=2),
    st.decimals(-9, 9, places=2),
    st.dates(date(2000, 1, 1), date(2000, 2, 1)),
    st.floats(),
)


@st.composite
def answers(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    columns = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3))
    return draw(st.lists(st.tuples(*[st.none() | column for column in columns]), max_size=5))


@given(answers(), st.randoms(use_true_random=False), st.booleans())
def test_the_same_rows_are_the_same_in_any_order(rows: list[tuple[Any, ...]], random: Any, exact: bool) -> None:
    assert difference(rows, list(rows), ordered=True, exact=exact) is None
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert difference(rows, shuffled, ordered=False, exact=exact) is None


@given(answers().filter(bool), st.data(), st.booleans())
def test_one_changed_value_is_found_and_named(rows: list[tuple[Any, ...]], data: st.DataObject, ordered: bool) -> None:
    i = data.draw(st.integers(0, len(rows) - 1))
    j = data.draw(st.integers(0, len(rows[0]) - 1))
    changed = list(rows)
    changed[i] = (*rows[i][:j], "another value", *rows[i][j + 1 :])
    found = difference(rows, changed, ordered=ordered, exact=True)
    assert found is not None
    if ordered:
        assert f"row {i + 1}, column {j + 1}" in found


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        (1, 2),
        (1, 1.0),
        (1, True),
        (Decimal("0.10"), 0.1),
        (Decimal("0.10"), Decimal("0.11")),
        (1.0, 1.0 + 1e-8),
        (1.0, float("nan")),
        (float("inf"), 1.0),
        (None, 0),
        (0, None),
        ("a", "A"),
        (date(2000, 1, 1), "2000-01-01"),
        (date(2000, 1, 1), datetime(2000, 1, 1)),
    ],
)
def test_exact_comparison_rejects(wanted: Any, got: Any) -> None:
    assert difference([(wanted,)], [(got,)], ordered=True, exact=True)


@pytest.mark.parametrize(
    ("wanted", "got"),
    [(Decimal("0.1"), Decimal("0.100")), (1.0, 1.0 + 1e-12), (float("nan"), float("nan")), (None, None)],
)
def test_exact_comparison_accepts(wanted: Any, got: Any) -> None:
    assert difference([(wanted,)], [(got,)], ordered=True, exact=True) is None


@pytest.mark.parametrize(
    ("wanted", "got", "same"),
    [
        (Decimal("0.10"), 0.1, True),
        (7, 7.0, True),
        (Decimal("0.10"), 0.1001, False),
        (date(2000, 1, 1), "2000-01-01", True),
        (datetime(2000, 1, 1), "2000-01-01", True),
        (date(2000, 1, 1), "2000-01-02", False),
        (date(2000, 1, 1), "soon", False),
        (date(2000, 1, 1), datetime(2000, 1, 1), True),
        (datetime(2000, 1, 1), date(2000, 1, 1), True),
        (datetime(2000, 1, 1, 1), date(2000, 1, 1), False),
        (3, timedelta(days=3), True),
        (3, timedelta(days=3, hours=1), False),
        (25.537587116854997, Decimal("25.537587"), True),
        (25.537587116854997, Decimal("25.537585"), False),
        ("x", "y", False),
        ("1", 1, False),
        (None, 0.0, False),
    ],
)
def test_comparison_with_an_engine_without_decimals_and_dates(wanted: Any, got: Any, same: bool) -> None:
    assert (difference([(wanted,)], [(got,)], ordered=True, exact=False) is None) == same


def test_counts_of_rows_and_columns() -> None:
    assert difference([(1,)], [], ordered=True, exact=True) == "0 rows instead of 1"
    assert difference([(1,)], [(1,), (1,)], ordered=False, exact=True) == "2 rows instead of 1"
    assert difference([(1,)], [(1, 2)], ordered=True, exact=True) == "row 1 has 2 columns instead of 1"


def test_order_counts_only_where_the_query_fixes_it() -> None:
    assert difference([(1,), (2,)], [(2,), (1,)], ordered=True, exact=True)
    assert difference([(1,), (2,)], [(2,), (1,)], ordered=False, exact=True) is None
    assert difference([(1,), (1,), (2,)], [(1,), (2,), (2,)], ordered=False, exact=True)
