"""Statements with parameters that run again with other values: DuckDB's answers, by the plan of the first run."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.effort import examples
from tests.properties.oracle import Pair

_ROWS = """
select
    (case when i % 13 = 0 then null when i = 50 then 32767 when i = 51 then -32768 else i * 7 % 1000 - 500 end)
        ::smallint as small,
    (case when i % 11 = 0 then null when i = 60 then 2147483647 when i = 61 then -2147483648 else i * 37 % 5000 end)
        ::integer as number,
    (case when i = 60 then 9223372036854775807 when i = 61 then -9223372036854775808 else i * 1234567 end)
        ::bigint as big,
    (case when i % 7 = 0 then null else (i * 31 % 2000 - 1000) / 10 end)::decimal(5, 1) as price,
    (case when i % 29 = 0 then 'nan' when i % 31 = 0 then 'infinity' when i = 3 then null else (i / 8.0)::varchar end)
        ::double as measure,
    (i / 4)::float as narrow,
    (case when i % 10 = 0 then null when i % 9 = 0 then '' else chr(97 + (i % 26)::int) || i % 7 end) as word,
    (case when i % 97 = 0 then null else date '2020-01-01' + (i % 400)::int end) as day,
    timestamp '2020-01-01' + to_hours(i * 5) as moment,
    (case when i % 6 = 0 then null else i % 2 = 0 end) as flag,
    i % 5 as kind
from range(400) as r(i)
"""

_INTEGERS = st.sampled_from([0, -1, 128, -129, 32767, 32768, -(2**31), 2**31 - 1]) | st.integers(-600, 5000)
_FLOATS = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324]) | st.integers(-80, 400).map(
    lambda n: n / 8
)
_DECIMALS = st.sampled_from([Decimal("5.00"), Decimal("-0.05"), Decimal("1e3")]) | st.decimals(-99, 99, places=2)
_WORDS = st.sampled_from(["", "a", "b1", "é", "z9", "o'k"]) | st.text("abc123", max_size=2)
_DAYS = st.dates(dt.date(2019, 12, 30), dt.date(2021, 3, 1)) | st.sampled_from(
    [dt.date(1, 1, 2), dt.date(9999, 12, 30)]
)
_MOMENTS = st.datetimes(dt.datetime(2019, 12, 31), dt.datetime(2020, 4, 1)) | _DAYS.map(
    lambda day: dt.datetime(day.year, day.month, day.day)
)
_TEXT_DAYS = _DAYS.map(str)

#: Statements, and the values that their parameters take.
_STATEMENTS: dict[str, Sequence[st.SearchStrategy[Any]]] = {
    "select count(*), sum(number) from t where small = ? or small > ? and number <= ?": [_INTEGERS] * 3,
    "select count(*), min(day) from t where big >= ? and not (number < ?) and small <> ?": [_INTEGERS] * 3,
    "select count(*) from t where number between ? and ? and ? >= measure": [_FLOATS] * 3,
    "select count(*) from t where price >= ? and price < ? and number <> ?": [_DECIMALS] * 3,
    "select count(*) from t where number = ? or price in (?, ?) or narrow < ?": [_DECIMALS] * 3 + [_FLOATS],
    "select word, count(*) from t where word >= ? and word <> ? group by word": [_WORDS] * 2,
    "select count(*), max(word) from t where word in (?, ?, 'c3') or ? = kind": [_WORDS] * 2 + [_INTEGERS],
    "select count(*) from t where day >= ? and moment < ? and day is distinct from ?": [_DAYS, _MOMENTS, _DAYS],
    "select count(*) from t where moment >= ? and day < ? and moment < ? + interval 1 day": [_DAYS, _MOMENTS, _DAYS],
    "select count(*) from t where day >= cast(? as date) - interval 1 month and day <= ?": [_TEXT_DAYS] * 2,
    "select kind, count(*) filter (where small > ?), sum(case when moment < ? then price end) from t group by kind": [
        _INTEGERS,
        _MOMENTS,
    ],
    "select kind, number + ? as more from t where (? is null or small = ?) and (? or kind < 3)": [_INTEGERS] * 3
    + [st.booleans()],
    "select count(*) from t join u on t.number = u.number where u.small > ? and t.kind = ?": [_INTEGERS] * 2,
    "select kind, sum(small) from t where number > $low group by kind having count(*) > $few": [_INTEGERS] * 2,
}


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair(threads=1) as made:
        table = duckdb.sql(_ROWS).to_arrow_table()
        made.load("t", [table.slice(0, 150), table.slice(150)])
        made.load("u", [table.slice(0, 90)])
        yield made


def _given(sql: str, values: Sequence[Any]) -> Any:
    return dict(zip(("low", "few"), values, strict=True)) if "$" in sql else list(values)


@pytest.mark.parametrize("sql", _STATEMENTS)
def test_every_run_is_answered_as_duckdb_does(pair: Pair, sql: str) -> None:
    reused = []

    @settings(max_examples=examples(3))
    @given(st.lists(st.tuples(*_STATEMENTS[sql]), min_size=3, max_size=3))
    def check(runs: list[tuple[Any, ...]]) -> None:
        reused.extend(pair.check(sql, _given(sql, values)).plan_reused for values in runs)

    check()
    assert any(reused)


@pytest.mark.parametrize("sql", _STATEMENTS)
def test_null_is_no_value(pair: Pair, sql: str) -> None:
    pair.check(sql, _given(sql, [None] * len(_STATEMENTS[sql])))


def test_statements_with_a_null_are_planned_for_their_other_values(pair: Pair) -> None:
    sql = "select count(*) from t where (? is null or small = ?) and (? is null or kind = ?) and number > ?"
    series = [[None, None, kind, kind, number] for kind, number in ((1, 5), (2, 77), (3, -4), (0, 0))]
    assert [pair.check(sql, values).plan_reused for values in series] == [False, False, True, True]
    assert [pair.check(sql, [9, 9, None, None, number]).plan_reused for number in (5, 6, 7)] == [False, False, True]


_SERIES: dict[str, list[list[Any]]] = {
    "select count(*) from t where moment >= ? and kind = ?": [
        [dt.datetime(2020, 1, day), kind] for day, kind in ((2, 1), (9, 4), (30, 0))
    ],
    "select count(*) from t where word = ?": [["a1"], ["é"], [""]],
    "select count(*) from t where price < ?": [[Decimal("1.5")], [Decimal("-9.9")]],
}


@pytest.mark.parametrize("sql", _SERIES)
def test_other_values_take_the_same_plan(sql: str, pair: Pair) -> None:
    with Pair(threads=1) as made:
        made.load("t", [pair.locality.sql("select * from t").to_arrow_table()])
        profiles = [made.check(sql, values) for values in _SERIES[sql]]
        assert [profile.plan_reused for profile in profiles] == [False, *[True] * (len(profiles) - 1)]


@pytest.mark.parametrize(
    ("sql", "series"),
    [
        ("select number from t order by number, big limit ?", [[3], [5]]),
        ("select count(*) from t where word like ?", [["a%"], ["%1"]]),
        ("select date_trunc(?, day) as d, count(*) from t group by 1", [["month"], ["hour"]]),
        ("select round(measure, ?) as r from t where measure < 9", [[0], [1]]),
        ("select ? as label, count(*) from t", [["x"], ["y"]]),
        ("select lag(kind, ?) over (order by big) as m from t", [[1], [2]]),
        ("select quantile_disc(number, ?) from t", [[0.25], [0.75]]),
    ],
)
def test_parameters_that_say_more_than_a_value_are_planned_for(pair: Pair, sql: str, series: list[list[Any]]) -> None:
    assert not any(pair.check(sql, values, engine=None).plan_reused for values in series)


def test_other_parameters_of_such_statements_are_not(pair: Pair) -> None:
    sql = "select number from t where number > ? and word like ? order by number, big limit ?"
    series = [[n, pattern, 3] for pattern in ("a%", "b%") for n in (5, 7, 8)]
    assert [pair.check(sql, values).plan_reused for values in series] == [False, False, True, False, False, True]


def test_zeros_are_told_apart_by_their_signs(pair: Pair) -> None:
    for sql in ("select ? as z, count(*) from t where number > ?", "select kind * ? as z from t where number > ?"):
        for zero in (0.0, 0.0, -0.0, -0.0, 0.0):
            pair.check(sql, [zero, 5], engine=None)
            values = [row[0] for row in pair.locality.sql(sql, [zero, 6]).fetchall()]
            assert {math.copysign(1, value) for value in values} == {math.copysign(1, zero)}


def test_values_of_another_type_are_another_statement(pair: Pair) -> None:
    sql = "select count(*) from t where number > ? and big < 5000000"
    for value in (3, 2**40, 3.5, Decimal("3.5"), Decimal("3.55"), True, "3"):
        pair.check(sql, [value])
    assert pair.check(sql, [4]).plan_reused


def test_errors_are_duckdbs(pair: Pair) -> None:
    sql = "select count(*) from t where day >= cast(? as date)"
    for value in ("2020-02-01", "2020-02-30", "none", "2020-03-01"):
        pair.check(sql, [value])


_NUMBERS = st.integers(0, 40000) | st.sampled_from([0, 127, 128, 255, 256, 32767, 32768, 2**31, 2**63])
_TEXTS = st.text("abc123'é", max_size=2).map(lambda text: "'" + text.replace("'", "''") + "'")
_AMOUNTS = st.decimals(0, 99, places=2).map(str) | st.decimals(0, 9, places=1).map(str) | _NUMBERS.map(str)
_DATES = st.dates(dt.date(2019, 12, 30), dt.date(2021, 3, 1)).map(lambda day: f"'{day}'")
#: Texts, and what their literals are.
_TEXTS_WITH: dict[str, Sequence[st.SearchStrategy[Any]]] = {
    "select count(*), sum(number) from t where small > {} and number <= {} and kind <> 7": [_NUMBERS] * 2,
    "select count(*) from t where price >= {} and measure < {} and number::bigint * 2 > {}": [
        _AMOUNTS,
        _AMOUNTS,
        _NUMBERS,
    ],
    "select word, count(*) from t where word >= {} and word in ('a1', {}) group by word": [_TEXTS] * 2,
    "select count(*) from t where day >= date {} and moment < {} and day < {}::date + interval 1 month": [_DATES] * 3,
    "select t.kind, sum(t.small) as s from t join u on t.number = u.number and u.small > {} group by 1"
    " having sum({}) > 0 order by 1 limit 3": [_NUMBERS] * 2,
}


@pytest.mark.parametrize("sql", _TEXTS_WITH)
def test_texts_that_differ_in_literals_take_one_plan(pair: Pair, sql: str) -> None:
    reused = []

    @settings(max_examples=examples(3))
    @given(st.lists(st.tuples(*_TEXTS_WITH[sql]), min_size=6, max_size=6))
    def check(runs: list[tuple[Any, ...]]) -> None:
        reused.extend(pair.check(sql.format(*values)).plan_reused for values in runs)

    check()
    texts = [
        sql.format(*values) for values in zip(*[_SETTLED[each] for each in map(id, _TEXTS_WITH[sql])], strict=True)
    ]
    assert pair.check(texts[0]).plan_reused or pair.check(texts[1]).plan_reused or pair.check(texts[2]).plan_reused


def test_plans_that_hold_for_equal_values_are_not_taken_for_others(pair: Pair) -> None:
    sql = (
        "select big from t where kind = {} and small >= (select avg(small) from t u where u.number = t.number "
        "and u.kind = {})"
    )
    runs = [(1, 1), (2, 2), (1, 2), (3, 3), (3, 1)]
    assert [pair.check(sql.format(*values)).plan_reused for values in runs] == [False, False, False, True, True]


#: Literals of one kind.
_SETTLED = {
    id(_NUMBERS): ("1100", "1200", "1300"),
    id(_AMOUNTS): ("11.25", "12.25", "13.25"),
    id(_TEXTS): ("'x'", "'y'", "'zz'"),
    id(_DATES): ("'2020-03-01'", "'2020-04-01'", "'2020-05-01'"),
}


@pytest.mark.parametrize(
    "sql",
    [
        "select number from t order by number, big limit {}",
        "select number + {} from t where kind = 1",
        "select {} as label, count(*) from t",
        "select count(*) from t where number = -{}",
        "select count(*) from t where number = -({})",
        "select count(*) from t where moment > timestamp '2020-01-05' - interval {} day",
        "select number // {} as n, count(*) from t group by number // {}",
        "select (select max(u.number) from u where u.kind < {}) from t limit 1",
        "select big from t order by kind, big limit 3 offset {}",
        "select round(measure, {}) as r from t where measure < 9",
        "select number::decimal(12, {}) as r from t where number < 9",
    ],
)
def test_literals_that_say_what_the_query_is_are_no_values(pair: Pair, sql: str) -> None:
    for value in (1, 2, 3, 4):
        assert not pair.check(sql.format(value, value), engine=None).plan_reused


def test_literals_of_other_kinds_are_another_text(pair: Pair) -> None:
    sql = "select count(*) from t where small = {} and kind >= 0"
    for value in (
        100,
        101,
        200,
        201,
        300,
        301,
        40000,
        40001,
        "1.5",
        "'7'",
        "'8'",
        "1e2",
        "0x10",
        "1_0",
        "'a'",
        "'7'::text",
    ):
        pair.check(sql.format(value))
    assert pair.check(sql.format(102)).plan_reused
    assert pair.check(sql.format("'9'")).plan_reused


def _ordered() -> pa.Table:
    """Half a million rows in order of time."""
    return duckdb.sql(
        """select (timestamp '2020-01-01' + to_seconds(i * 20)) as moment, (i // 30)::smallint as small,
        (i // 25)::integer as number, (i / 100)::decimal(9, 2) as price, i / 7 as measure, (i / 7)::float as narrow,
        'w' || lpad((i // 5000)::varchar, 3, '0') as word, (date '2020-01-01' + (i // 4320)::int) as day
        from range(500000) as r(i)"""
    ).to_arrow_table()


@pytest.fixture(scope="module")
def ordered() -> Iterator[Pair]:
    with Pair(threads=1) as made:
        made.load("t", [_ordered()])
        yield made


_MARCH, _APRIL = dt.datetime(2020, 3, 1), dt.datetime(2020, 4, 1)


@pytest.mark.parametrize(
    ("condition", "values", "others"),
    [
        (
            "moment >= {} and moment < {}",
            [dt.datetime(2020, 2, 1), dt.datetime(2020, 2, 3)],
            ["2020-03-05", "2020-03-08"],
        ),
        ("moment >= {} and moment < {}", [dt.date(2020, 2, 1), dt.date(2020, 2, 3)], ["2020-03-05", "2020-03-08"]),
        ("small = {}", [77], [9000]),
        ("small > {} and small < {}", [77, 76], [9000, 900]),
        ("number > {} and number > {}", [77, 15000], [12000, 5]),
        ("number in ({}, {})", [Decimal("77.0"), Decimal("77.5")], [Decimal("900.0"), Decimal("8.0")]),
        ("price < {}", [Decimal("77.125")], [Decimal("15.000")]),
        ("measure between {} and {}", [500.0, 700.0], [9.0, 10.0]),
        ("narrow between {} and {}", [500.0, 700.0], [9.0, 10.0]),
        ("word = {}", ["w007"], ["w050"]),
        ("day = {} or ({} and small < 3)", [dt.date(2020, 2, 1), False], [dt.date(2020, 3, 1), True]),
        ("{} < 3 and small = 5", [1], [8]),
    ],
)
def test_no_more_bytes_are_moved_than_with_literals(
    ordered: Pair, condition: str, values: list[Any], others: list[Any]
) -> None:
    sql = f"select count(*), sum(number), sum(price) from t where {condition}"
    for each in (values, others):
        profile = ordered.check(sql.format(*["?"] * len(each)), each)
        literal = ordered.check(sql.format(*map(_literal, each)))
        assert profile.bytes_moved <= literal.bytes_moved


@pytest.mark.parametrize("sql", ["select max(n), count(*) from v where n > ?", "select max(n) from v where n > {}"])
def test_plans_follow_the_tables(sql: str) -> None:
    def tables() -> Iterator[list[pa.Table]]:
        first = pa.table({"n": [1, 2, 3]})
        yield [first]
        yield [first, pa.table({"n": [4, 5]})]
        yield [pa.table({"n": [1.5, 2.5, 9.25]})]
        yield [pa.table({"m": [5], "n": ["11"]})]
        yield [pa.table({"m": [5]})]
        yield [first]

    with Pair(threads=1) as made:
        for parts in tables():
            made.load("v", parts)
            reused = [made.check(sql.format(n), [n] if "?" in sql else None).plan_reused for n in (1, 2, 3)]
            numbers = "n" in parts[0].column_names and not pa.types.is_string(parts[0].schema.field("n").type)
            assert reused[-1] or not numbers


def test_plans_follow_settings(pair: Pair) -> None:
    sql = "select word from t where number > ? group by word order by word"
    first = pair.locality.sql(sql, [3]).fetchall()
    pair.locality.sql("set default_null_order = 'nulls_first'")
    try:
        assert [pair.locality.sql(sql, [number]).fetchall()[0] for number in (4, 5)] == [(None,)] * 2
    finally:
        pair.locality.sql("reset default_null_order")
    assert pair.locality.sql(sql, [3]).fetchall() == first and first[0] != (None,)


def _literal(value: Any) -> str:
    match value:
        case dt.datetime():
            return f"timestamp '{value}'"
        case dt.date():
            return f"date '{value}'"
        case str():
            return f"'{value}'"
        case float():
            return f"{value!r}::double"
        case _:
            return str(value)


def test_a_filter_that_turns_out_selective_is_planned_for(ordered: Pair) -> None:
    sql = "select count(*) from t a join t b on a.number = b.small where a.moment < ?"
    late, later, early = (dt.datetime(2020, *day) for day in ((4, 20), (4, 21), (1, 2)))
    reused = [ordered.locality.sql(sql, [value]).profile.plan_reused for value in (late, later, early, late, early)]
    assert reused == [False, True, False, True, True]


def test_threads_share_the_operators_of_a_plan_with_values_of_their_own(pair: Pair) -> None:
    sql = "select kind, count(*), sum(number) from t where number > ? and word < ? group by kind order by kind"
    wanted = {
        (low, word): pair.duckdb.execute(sql, [low, word]).fetchall() for low in range(0, 4000, 400) for word in "bmy"
    }

    def ask(values: tuple[int, str]) -> bool:
        result = pair.locality.sql(sql, list(values))
        return result.profile.engine == "locality" and result.fetchall() == wanted[values]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, [*wanted, *reversed(wanted), *wanted]))


def test_a_plan_is_explained_for_the_values_that_were_given(ordered: Pair) -> None:
    sql = "select word, sum(number) from t where moment < ? group by word"
    ordered.locality.sql(sql, [dt.datetime(2020, 4, 20)])
    for value in (dt.datetime(2020, 4, 21), dt.datetime(2020, 4, 10)):
        ordered.locality.sql(sql, [value])
        literal = sql.replace("?", _literal(value))
        assert str(ordered.locality.explain(sql, [value])) == str(ordered.locality.explain(literal))
