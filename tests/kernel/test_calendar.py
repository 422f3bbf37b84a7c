"""Dates and timestamps, against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from tests.kernel.both import both

PARTS = {
    "date_year": "year(d)",
    "date_month": "month(d)",
    "date_day": "day(d)",
    "date_quarter": "quarter(d)",
    "date_day_of_week": "dayofweek(d)",
    "date_iso_day_of_week": "isodow(d)",
    "date_day_of_year": "dayofyear(d)",
    "date_iso_year": "isoyear(d)",
    "date_iso_week": "week(d)",
    "date_year_week": "yearweek(d)",
    "date_decade": "decade(d)",
    "date_trunc_week": "date_trunc('week', d)",
    "date_trunc_month": "date_trunc('month', d)",
    "date_trunc_quarter": "date_trunc('quarter', d)",
    "date_trunc_iso_year": "date_trunc('isoyear', d)",
}
WITH_NUMBER = [
    ("date_hundreds", 100, "century(d)"),
    ("date_hundreds", 1000, "millennium(d)"),
    ("date_trunc_years", 1, "date_trunc('year', d)"),
    ("date_trunc_years", 10, "date_trunc('decade', d)"),
    ("date_trunc_years", 100, "date_trunc('century', d)"),
    ("date_trunc_years", 1000, "date_trunc('millennium', d)"),
    *[("date_add_months", months, f"d + interval ({months}) month") for months in (0, 1, -1, 11, -25, 1200)],
]
UNIT = 1_000_000
TIMES = {
    "timestamp_days": "date_diff('day', timestamp '1970-01-01', date_trunc('day', t))",
    "time_of_day": "epoch_us(t) - epoch_us(date_trunc('day', t))",
    "time_hour": "hour(t)",
    "time_minute": "minute(t)",
    "time_second": "second(t)",
    "time_subminute": "microsecond(t)",
}


def sample_days() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Days around turns of years, eras and the epoch, and at random."""
    turns = [0, 10957, 11016, -719528, -719468, -719162, 2_000_000, -1_500_000, 18261]
    near = np.concatenate([np.arange(turn - 370, turn + 370, 3) for turn in turns])
    return np.unique(np.concatenate([near, np.random.default_rng(5).integers(-1_900_000, 2_900_000, 300)]))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    days = sample_days()
    micros = days * 86_400_000_000 + np.random.default_rng(6).integers(0, 86_400_000_000, len(days))
    with duckdb.connect() as con:
        con.register("given", pa.table({"n": days, "d": pa.array(days.astype(np.int32), pa.date32()), "us": micros}))
        con.execute("create table days as select n, d, us, make_timestamp(us) as t from given")
        yield con


def number(expression: str) -> str:
    """The expression as an integer: dates and timestamps as days since the epoch."""
    if expression.startswith(("date_trunc", "d +")):
        return f"date_diff('day', date '1970-01-01', ({expression})::date)"
    return f"({expression})::bigint"


@pytest.mark.parametrize(("name", "expression"), PARTS.items())
def test_parts_of_dates(connection: duckdb.DuckDBPyConnection, name: str, expression: str) -> None:
    rows = connection.execute(f"select n, {number(expression)} from days").fetchall()
    for function in both(name):
        for day, expected in rows:
            assert function(np.int64(day)) == expected, day


@pytest.mark.parametrize(("name", "argument", "expression"), WITH_NUMBER)
def test_dates_with_a_number(connection: duckdb.DuckDBPyConnection, name: str, argument: int, expression: str) -> None:
    rows = connection.execute(f"select n, {number(expression)} from days").fetchall()
    for function in both(name):
        for day, expected in rows:
            assert function(np.int64(day), np.int64(argument)) == expected, day


@pytest.mark.parametrize(("name", "expression"), TIMES.items())
def test_parts_of_timestamps(connection: duckdb.DuckDBPyConnection, name: str, expression: str) -> None:
    rows = connection.execute(f"select us, ({expression})::bigint from days").fetchall()
    for function in both(name):
        for micros, expected in rows:
            assert function(np.int64(micros), np.int64(UNIT)) == expected, micros


@pytest.mark.parametrize(("length", "unit"), [(UNIT, "second"), (60 * UNIT, "minute"), (3600 * UNIT, "hour")])
def test_timestamps_are_truncated(connection: duckdb.DuckDBPyConnection, length: int, unit: str) -> None:
    rows = connection.execute(f"select us, epoch_us(date_trunc('{unit}', t)) from days").fetchall()
    for function in both("trunc_to"):
        for micros, expected in rows:
            assert function(np.int64(micros), np.int64(length)) == expected, micros


@pytest.mark.parametrize("months", [1, -13, 480])
def test_months_are_added_to_timestamps(connection: duckdb.DuckDBPyConnection, months: int) -> None:
    rows = connection.execute(f"select us, epoch_us(t + interval ({months}) month) from days").fetchall()
    for function in both("timestamp_add_months"):
        for micros, expected in rows:
            assert function(np.int64(micros), np.int64(UNIT), np.int64(months)) == expected, micros


def test_civil_dates_turn_into_days() -> None:
    for function in both("date_from_civil"):
        assert function(1970, 1, 1) == 0
        assert function(2000, 2, 29) == 11016
    for function in both("days_in_month"):
        lengths = [function(year, month) for year in (1900, 2000, 2023, 2024) for month in range(1, 13)]
        assert sum(lengths) == 365 + 366 + 365 + 366
