"""Values at the ends of their types, strings with odd bytes, and errors that depend on values, against DuckDB."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.properties.interpreted import interpreted_kernels
from tests.properties.oracle import Pair
from tests.versions import IS_2

_LAST = 2**63 - 1


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """``ts`` and ``d`` have both infinities and finite values at the ends of what DuckDB holds."""
    table = pa.table(
        {
            "ts": pa.array([_LAST, -_LAST, 0, None, _LAST - 1, -9_223_372_022_400_000_000], pa.int64()).cast(
                pa.timestamp("us")
            ),
            "d": pa.array([2**31 - 1, -(2**31) + 1, 0, None, 100, -5], pa.int32()).cast(pa.date32()),
            "s": ["a\x00b", "a", "a\x00", "", None, "\x00"],
            "big": [_LAST, -(2**63), 0, None, -1, 1],
            "n": [1, 2, 3, 4, 5, 6],
            "tz": pa.array([0, 1, 2, None, _LAST - 1, 5], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "iv": pa.array(
                [(1, 2, 3000), (0, 32, 3000), (0, 0, 0), None, (-1, 0, 0), (12, 0, 0)], pa.month_day_nano_interval()
            ),
        }
    )
    with Pair() as made, interpreted_kernels():
        made.load("t", [table])
        yield made


@pytest.mark.parametrize(
    "sql",
    [
        "select ts, d, s, big, n, iv from t",
        "select min(ts), max(ts), min(d), max(d), min(s), max(s) from t",
        "select n from t where d > '2000-01-01'",
        "select s, count(*) from t group by s",
        "select ts, d, count(*) from t group by ts, d",
        "select n from t where s > 'a'",
        "select n from t where s like 'a%'",
        "select length(s) from t",
        "select n from t order by ts desc, n",
        "select n from t order by d nulls first, n limit 3",
        "select big + 1 from t where n > 1",
        "select sum(big), avg(big) from t",
        "select d::timestamp from t where n > 2",
        "select n from t where iv > interval 1 month",
        "select tz, n from t where n < 5 order by tz limit 3",
        "select n from t where not big between -1 and 1",
        "select big * big from t where n > 2",
        "select case when n = 0 then 1 // n else 0 end from t",
        "select case when n > 3 then 10 // (n - 3) else 0 end from t",
        "select n / 0 as q from t",
        'select n as "a""b", n as "select", n as N from t',
        "select max(n) from t where n > 100",
        "select (select max(n) from t)",
    ],
)
def test_own_operators_answer(pair: Pair, sql: str) -> None:
    pair.check(sql)


def test_intervals_have_an_order(pair: Pair) -> None:
    pair.check("select iv from t order by iv, n", ordered=True)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("select n from t where ts = 'infinity'", "infinite"),
        ("select year(d) from t", "range"),
        ("select d + 1 from t", "range"),
        ("select count(*) from t tablesample 2 rows", "table sample"),
        ("select approx_quantile(n, 0.5) from t", "approx_quantile"),
    ],
)
def test_duckdb_answers_with_a_reason(pair: Pair, sql: str, reason: str) -> None:
    assert reason in pair.check(sql, engine="duckdb").reason


@pytest.mark.parametrize(
    "sql",
    [
        "select big - 1 from t",
        "select abs(big) from t",
        *(["select n // 0 from t", "select n % 0 from t"] if IS_2 else []),  # NULL in DuckDB 1.5
        "select big // -1 from t",
        "select n::utinyint - 5 from t",
    ],
)
def test_errors_are_duckdbs(pair: Pair, sql: str) -> None:
    assert pair.check(sql).engine == "none"
