"""What a rollup's groups tell: periods and their starts against DuckDB, and conditions that follow from others."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.optimizer.derive import Groups
from locality.optimizer.implications import implies
from locality.optimizer.periods import lies_within, next_start, reading, start_of
from locality.plan.expressions import Call, Cast, ColumnRef, Constant, Expression, Parameter, PhysicalValue
from locality.plan.rollups import canonical
from locality.types import BIGINT, BOOLEAN, DATE, INTEGER, TIMESTAMP, VARCHAR

PERIODS = ("microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
MOMENT = ColumnRef(0, TIMESTAMP)
EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)
MOMENTS = st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9990, 1, 1))
#: One function of each kind that can be told from a period.
FUNCTIONS = ("year", "month", "quarter", "dayofyear", "isodow", "week", "yearweek", "isoyear", "hour", "decade", "era")


Test = Callable[[PhysicalValue], bool]


def told(constant: Constant, test: Test) -> bool:
    return test(constant.value)


def grouped(*groups: Expression) -> Groups:
    return Groups(groups, told)


def truncated(period: str, moment: Expression = MOMENT) -> Expression:
    return Call("date_trunc", (Constant(period, VARCHAR), moment), TIMESTAMP)


def compared(name: str, value: Expression, limit: int | str) -> Expression:
    return Call(name, (value, Constant(limit, value.type)), BOOLEAN)


@pytest.fixture(scope="module")
def oracle() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@settings(max_examples=12)
@given(moment=MOMENTS)
def test_starts_of_periods_are_those_of_duckdb(oracle: duckdb.DuckDBPyConnection, moment: datetime.datetime) -> None:
    value = (moment - EPOCH) // MICROSECOND
    for period in PERIODS:
        sql = "select epoch_us(date_trunc($1, $2)), epoch_us(date_trunc($1, $2::date))"
        ((start, of_day),) = oracle.execute(sql, [period, moment]).fetchall()
        assert start_of(value, TIMESTAMP, period) == start
        day = start_of(value // 86_400_000_000, DATE, period)
        assert day is not None
        assert day * 86_400_000_000 == of_day
        after = next_start(start, TIMESTAMP, period)
        assert after is not None
        assert after > value
        assert start_of(after - 1, TIMESTAMP, period) == start
        assert start_of(after, TIMESTAMP, period) == after


@settings(max_examples=8)
@given(moment=MOMENTS)
def test_functions_of_a_moment_are_those_of_its_period(
    oracle: duckdb.DuckDBPyConnection, moment: datetime.datetime
) -> None:
    for name in FUNCTIONS:
        found = reading(Call(name, (MOMENT,), BIGINT))
        assert found is not None
        for period in (each for each in PERIODS if lies_within(each, found[1])):
            sql = f"select {name}($2), {name}(date_trunc($1, $2))"
            ((whole, of_start),) = oracle.execute(sql, [period, moment]).fetchall()
            assert whole == of_start, (name, period)


def test_longer_periods_are_told_by_shorter_ones_alone() -> None:
    hours = grouped(truncated("hour"))
    assert hours.told(canonical(truncated("DAYS"))) == truncated("day", ColumnRef(0, TIMESTAMP))
    assert hours.told(truncated("minute")) is None
    assert hours.told(MOMENT) is None
    assert grouped(truncated("week")).told(truncated("month")) is None
    assert grouped(truncated("month")).told(truncated("week")) is None
    days = grouped(Constant(1, INTEGER), Cast(MOMENT, DATE))
    assert days.told(Call("year", (MOMENT,), BIGINT)) == Call("year", (Cast(ColumnRef(1, DATE), TIMESTAMP),), BIGINT)
    assert days.told(Call("hour", (MOMENT,), BIGINT)) is None


def test_ranges_are_told_where_they_end_with_a_period() -> None:
    hours, hour = grouped(truncated("hour")), 3_600_000_000
    start = ColumnRef(0, TIMESTAMP)
    for name, value, wanted in [
        (">=", 7 * hour, compared(">=", start, 7 * hour)),
        ("<", -7 * hour, compared("<", start, -7 * hour)),
        ("<=", 7 * hour - 1, compared("<=", start, 7 * hour - 1)),
        (">", 7 * hour - 1, compared(">", start, 7 * hour - 1)),
        ("<=", 7 * hour, None),
        (">=", 7 * hour + 1, None),
        ("=", 7 * hour, None),
        ("<", 2**63 - 1, None),
    ]:
        assert hours.told(compared(name, MOMENT, value)) == wanted
    turned = Call(">", (Constant(hour, TIMESTAMP), MOMENT), BOOLEAN)
    assert hours.told(turned) == compared("<", start, hour)


def test_what_is_proven_of_a_parameter_is_noted() -> None:
    notes: list[tuple[Constant, bool, bool]] = []

    def peek(constant: Constant, test: Test) -> bool:
        notes.append((constant, test(0), test(1)))
        return test(constant.value)

    late = Parameter(0, TIMESTAMP, 3)
    term = Call(">=", (MOMENT, late), BOOLEAN)
    assert Groups((truncated("hour"),), peek).told(term) == Call(">=", (ColumnRef(0, TIMESTAMP), late), BOOLEAN)
    assert notes == [(late, True, False)]
    assert implies([term], compared(">", MOMENT, -1), peek)
    assert notes[1:] == [(late, True, True)]
    assert not implies([compared(">", MOMENT, 7)], term, peek)
    assert Groups((MOMENT,), peek).told(term) == term
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("given", "wanted", "follows"),
    [
        (("<", 5), ("<", 5), True),
        (("<", 5), ("<", 4), False),
        (("<", 5), ("<=", 5), True),
        (("<=", 5), ("<", 5), False),
        (("<=", 5), ("<", 6), True),
        (("<=", 5), ("<=", 5), True),
        ((">", 5), (">=", 5), True),
        ((">=", 5), (">", 5), False),
        ((">=", 5), ("<=", 9), False),
        (("=", 5), (">=", 5), True),
        (("=", 5), ("=", 5), True),
        (("=", 5), ("<", 5), False),
        (("<", 5), ("=", 4), False),
    ],
)
def test_comparisons_that_follow_from_others(given: tuple[str, int], wanted: tuple[str, int], follows: bool) -> None:
    column = ColumnRef(3, INTEGER)
    assert implies([compared(*_of(given, column))], compared(*_of(wanted, column)), told) == follows
    assert not implies([compared(*_of(given, ColumnRef(4, INTEGER)))], compared(*_of(wanted, column)), told)


def _of(term: tuple[str, int], column: Expression) -> tuple[str, Expression, int]:
    return term[0], column, term[1]


def test_lists_and_comparisons_imply_that_values_are_there() -> None:
    word = ColumnRef(2, VARCHAR)
    among = Call("in", (word, Constant("b", VARCHAR), Constant("c", VARCHAR)), BOOLEAN)
    assert implies([among], compared(">", word, "a"), told)
    assert not implies([among], compared(">", word, "b"), told)
    present = Call("is not null", (word,), BOOLEAN)
    assert implies([among], present, told)
    assert not implies([compared("=", ColumnRef(1, INTEGER), 3)], present, told)
