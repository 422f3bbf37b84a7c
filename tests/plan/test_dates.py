"""Functions of dates, times and timestamps in kernels, against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from tests.plan.sides import Sides, both_sides, kernels_alone, with_nulls

ROWS = 3000
DAY = 86_400_000_000

TRUNCATED = [
    "date_trunc('month', ts)",
    "date_trunc('week', da)",
    "date_trunc('quarter', ts)",
    "date_trunc('isoyear', ts)",
    "date_trunc('year', da)",
    "date_trunc('decade', ts)",
    "date_trunc('century', ts)",
    "date_trunc('millennium', da)",
    "date_trunc('hour', ts)",
    "date_trunc('minute', tss)",
    "date_trunc('ms', ts)",
    "date_trunc('day', ts)",
    "date_trunc('hour', da)",
]
DIFFERENCES = [
    "date_diff('year', da, db)",
    "date_diff('month', da, db)",
    "date_diff('quarter', ts, tt)",
    "date_diff('week', ts, tt)",
    "date_diff('day', ts, tt)",
    "date_diff('hour', ts, tt)",
    "date_diff('second', ts, tt)",
    "date_diff('us', ts, tt)",
    "date_diff('decade', ts, tt)",
    "date_diff('century', ts, tt)",
    "date_diff('millennium', ts, tt)",
    "date_diff('isoyear', ts, tt)",
    "date_diff('hour', da, db)",
    "date_sub('day', ts, tt)",
    "date_sub('week', da, db)",
    "date_sub('minute', tt, ts)",
    "make_date(y,m,d)",
]
CASTS = [
    "ts::date",
    "da::timestamp",
    "tss::timestamp",
    "tsm::timestamp",
    "tsn::timestamp",
    "ts::timestamp_s",
    "ts::timestamp_ms",
    "tt::timestamp_ns",
    "tsn::date",
    "tsn::timestamp_ms",
    "tss::date",
    "tss::time",
    "ts::time",
    "tsn::time",
]
BUCKETS = [
    "time_bucket(interval 3 hour, ts)",
    "time_bucket(interval 5 day, ts)",
    "time_bucket(interval 1 week, da)",
    "time_bucket(interval 5 hour, da)",
    "time_bucket(interval 1 month, ts)",
    "time_bucket(interval 7 month, da)",
    "time_bucket(interval 3 year, ts)",
    "make_timestamp(y * 123456789)",
    "epoch_ms(y * 123456789)",
]
ARITHMETIC = [
    "da + n",
    "da - n",
    "n + da",
    "da - db",
    "da + interval 3 day",
    "da + interval 1 month",
    "ts - interval 13 month",
    "ts + interval '1 month 3 days -4 hours'",
    "interval 1 year + ts",
    "ti + interval 3 hour",
    "ti - interval 30 hour",
    "db + ti",
    "tt + to_days(n)",
    "db - to_months(n // 10)",
    "ts + n * interval '1 month 2 days 3 hours'",
    "tt - interval (m) hour",
    "tt + interval (n) day",
    "db + interval (y // 10) year",
    "tt - to_microseconds(y)",
]
CHOICES = [
    "greatest(ts, tt)",
    "da < db",
    "ts::date = da",
    "case when da<db then da else db end",
]
PARTS = [
    "year(da)",
    "year(ts)",
    "month(ts)+day(da)",
    "decade(ts)",
    "century(da)",
    "millennium(da)",
    "quarter(ts)",
    "dayofweek(ts)",
    "isodow(da)",
    "dayofyear(ts)",
    "week(da)",
    "isoyear(ts)",
    "yearweek(ts)",
    "era(ts)",
    "hour(ts)",
    "minute(ts)",
    "second(ts)",
    "millisecond(ts)",
    "microsecond(ts)",
    "nanosecond(ts)",
    "hour(ti)",
    "minute(ti)",
    "microsecond(ti)",
    "epoch(ts)",
    "epoch(da)",
    "epoch(ti)",
    "epoch_ms(ts)",
    "epoch_us(ts)",
    "epoch_ns(tt)",
    "epoch_ms(da)",
    "epoch_us(da)",
    "hour(da)+n",
    "last_day(da)",
    "last_day(ts)",
    "isfinite(ts)",
    "isinf(da)",
    "year(tsn)",
]


def timestamps(random: np.random.Generator, limit: int, unit: str) -> pa.Array:
    return pa.array(random.integers(-limit, limit, ROWS), pa.timestamp(unit))


def days(random: np.random.Generator) -> pa.Array:
    return pa.array(random.integers(-700_000, 900_000, ROWS).astype(np.int32), pa.date32())


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    random = np.random.default_rng(11)
    table = pa.table(
        {
            "da": with_nulls(days(random), 1),
            "db": days(random),
            "ts": with_nulls(timestamps(random, 2**56, "us"), 2),
            "tt": timestamps(random, 2**52, "us"),
            "tss": timestamps(random, 2**36, "s"),
            "tsm": timestamps(random, 2**46, "ms"),
            "tsn": timestamps(random, 2**62, "ns"),
            "ti": with_nulls(pa.array(random.integers(0, DAY, ROWS), pa.time64("us")), 3),
            "n": with_nulls(pa.array(random.integers(-40_000, 40_000, ROWS).astype(np.int32)), 4),
            "y": random.integers(-4000, 9000, ROWS),
            "m": random.integers(1, 13, ROWS),
            "d": random.integers(1, 29, ROWS),
        }
    )
    with both_sides(tmp_path_factory.mktemp("store") / "store", table) as sides, kernels_alone():
        yield sides


def test_parts(sides: Sides) -> None:
    sides.check(PARTS)


def test_truncation(sides: Sides) -> None:
    sides.check(TRUNCATED)


def test_buckets_and_timestamps_of_numbers(sides: Sides) -> None:
    sides.check(BUCKETS)


def test_arithmetic(sides: Sides) -> None:
    sides.check(ARITHMETIC)


def test_differences_and_dates_of_parts(sides: Sides) -> None:
    sides.check(DIFFERENCES)


def test_casts(sides: Sides) -> None:
    sides.check(CASTS)


def test_comparisons_and_choices(sides: Sides) -> None:
    sides.check(CHOICES)
