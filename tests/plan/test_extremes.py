"""Values at the ends of their types: the same errors as DuckDB's, and the same answers, whoever gives them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from tests.plan.sides import Sides, both_sides, decimals
from tests.versions import IS_2

ROWS = 2000
GREATEST = 2**63 - 1
GREATEST_DAY = 2**31 - 1
#: What SQL refuses for some row since DuckDB 2.0.
ERRORS_OF_2 = ["-u", "round(i, -1)", "w // j", "w // 0", "x // x", "ts::timestamp_s", "epoch_ms(ts)"]
#: What SQL refuses for some row.
ERRORS = [
    *(ERRORS_OF_2 if IS_2 else []),
    "i + j",
    "i - j",
    "i * j",
    "-i",
    "abs(i)",
    "i // j",
    "i % j",
    "t8 + s8",
    "t8 * s8",
    "-t8",
    "abs(t8)",
    "t8 // s8",
    "uu + 1",
    "uu::bigint",
    "i << 1",
    "w << j",
    "t8 << s8",
    "x::bigint",
    "x::float",
    "x::decimal(18,2)",
    "de * de",
    "de::decimal(9,2)",
    "da + 1",
    "da - 1",
    "da + s8",
    "da::timestamp",
    "date_trunc('month', da)",
    "last_day(da)",
    "ts::time",
    "ts::timestamp_ns",
    "ts + interval 1 month",
    "ts - interval 1 day",
    "date_diff('us', ts, tw)",
    "epoch_ns(ts)",
    "tw::timestamp_ns",
    "make_date(w, 1, 1)",
    "make_date(2000, s8, 1)",
]
#: What has an answer for every row, though kernels may have to leave it to DuckDB.
ANSWERS = [
    *([] if IS_2 else ERRORS_OF_2),
    "w % w",
    "w + 1",
    "t8::int + s8",
    "u + u",
    "u - u",
    "u * 2",
    "uu",
    "uu > 5",
    "uu::double + w",
    "u::bigint",
    "round(w, -2)",
    "try_cast(x as bigint)",
    "x % 0",
    "x / 0",
    "w / 0",
    "de + de",
    "year(da)",
    "da - db",
    "date_trunc('millennium', ts)",
    "date_trunc('hour', ts)",
    "epoch(da)",
    "year(ts)",
    "hour(ts)",
    "ts::date",
    "ts > tw",
    "da < db",
    "greatest(ts, tw)",
    "isfinite(ts)",
    "isinf(ts)",
    "isfinite(da) and db is not null",
    "date_diff('day', da, db)",
    "date_diff('year', ts, tw)",
    "epoch_us(ts)",
    "i = j",
    "i is distinct from j",
    "w in (i, j)",
    "uu in (5, 18446744073709551615)",
    "w = 99999999999999999999::hugeint",
    "w < 99999999999999999999::hugeint",
    "sqrt(x)",
    "case when j <> 0 then w // j end",
    "i::hugeint + j",
    "i::hugeint * j",
]


def repeated(values: list[int | float | None], dtype: pa.DataType) -> pa.Array:
    return pa.array((values * ROWS)[:ROWS], dtype)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    random = np.random.default_rng(13)
    days = [GREATEST_DAY, -GREATEST_DAY, 0, None, GREATEST_DAY - 1, 1 - GREATEST_DAY]
    micros = [GREATEST, -GREATEST, 0, None, GREATEST - 1, 1 - GREATEST, 5 * 10**15]
    table = pa.table(
        {
            "i": repeated([-GREATEST - 1, GREATEST, 0, -1, 1, None, 2**62], pa.int64()),
            "j": repeated([GREATEST, -GREATEST - 1, -1, 1, 0, 2, None, 5], pa.int64()),
            "w": random.integers(-GREATEST - 1, GREATEST, ROWS),
            "t8": repeated([-128, 127, 0, None], pa.int8()),
            "s8": repeated([-1, 1, 127, -128, 0], pa.int8()),
            "u": random.integers(0, GREATEST, ROWS).astype(np.uint64),
            "uu": repeated([2**64 - 1, 0, 1, 2**63], pa.uint64()),
            "x": repeated([float("nan"), 1e300, float("inf"), 1.5, -0.0], pa.float64()),
            "da": repeated(days, pa.int32()).cast(pa.date32()),
            "ts": repeated(micros, pa.int64()).cast(pa.timestamp("us")),
            "db": pa.array(random.integers(-(10**5), 10**5, ROWS).astype(np.int32), pa.date32()),
            "tw": pa.array(random.integers(-(2**56), 2**56, ROWS), pa.timestamp("us")),
            "de": decimals([10**18 - 1] * ROWS, 18, 4),
        }
    )
    with both_sides(tmp_path_factory.mktemp("store") / "store", table) as sides:
        yield sides


@pytest.mark.parametrize("expression", ERRORS)
def test_what_sql_refuses_is_an_error(sides: Sides, expression: str) -> None:
    sides.check_error(expression)


@pytest.mark.parametrize("expression", ANSWERS)
def test_extremes_have_duckdbs_answers(sides: Sides, expression: str) -> None:
    sides.check_unchanged(expression)


def test_groups_of_overflowing_keys(sides: Sides) -> None:
    """Keys out of their type's range must not reach the arrays of groups."""
    sides.check_error("count(*) from (select t8 + s8 as k from t) group by k --")
