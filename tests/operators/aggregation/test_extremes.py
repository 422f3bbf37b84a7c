"""Extremes of raw strings against DuckDB: over a table, of groups, under conditions, and of strings behind a join."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.properties.oracle import Pair
from tests.versions import IS_2

#: Strings that share their first eight bytes or more, differ in length, in case, in bytes above 127, or are empty.
_STEMS = ("", "a", "shared prefix ", "shared prefix z", "Shared", "ärger", "zebra", "日本", "a\0b")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    rows = 3000
    texts = [f"{_STEMS[i * 7 % len(_STEMS)]}{i * 7919 % 2503 if i % 11 else ''}" for i in range(rows)]
    table = pa.table(
        {
            "id": range(rows),
            "g": pa.array([i % 17 for i in range(rows)], mask=[i % 13 == 0 for i in range(rows)]),
            "s": pa.array(texts, mask=[i % 5 == 0 or i % 17 == 3 for i in range(rows)]),
            "t": [text[::-1] for text in texts],
        }
    )
    keys = pa.table({"k": [(i * i) % rows for i in range(400)], "h": [i % 3 for i in range(400)]})
    with Pair(threads=2) as both:
        both.load("x", [table])
        both.load("y", [keys])
        yield both


@pytest.mark.parametrize(
    "sql",
    [
        "select min(s), max(s), max(t), count(s), count(distinct s) from x",
        "select g, min(s), max(t), count(*), sum(id) from x group by g",
        "select t, max(s) from x where id % 2 = 0 group by t",
        "select g, max(s) filter (where id % 3 = 0), min(s) filter (where id < 0) from x group by g",
        "select min(s), max(distinct s) from x where id < 0",
        "select min(upper(s)), max(substring(t, 2)) from x",
        "select g, id % 2 as p, min(s) from x group by grouping sets ((g), (p), ())",
    ],
)
def test_extremes_of_raw_strings(pair: Pair, sql: str) -> None:
    pair.check(sql)


def test_extremes_of_strings_behind_a_join_of_few_rows(pair: Pair) -> None:
    profile = pair.check("select min(s), max(t) from y join x on k = id where h = 1 and k % 10 = 0")
    text = pair.locality.sql("select sum(strlen(s) + strlen(t)) from x").fetchall()[0][0]
    assert (
        sum(n for name, n in profile.touched.items() if name in ("x.s", "x.t")) < text
    )  # the strings were not all read
    pair.check("select h, min(s), max(t), count(*) from y left join x on k = id and g > 3 group by h")
    pair.check("select s, count(*) from y join x on k = id where h = 0 group by s")


@pytest.mark.parametrize("keys", ["g", "t, g", "g, id % 2"])
def test_the_row_that_leads_a_group_is_found_without_sorting(pair: Pair, keys: str) -> None:
    sql = f"select {keys}, arg_max(s, id), arg_min(id, -id) filter (where id % 3 = 1), first(t order by id desc) from x"
    pair.check(f"{sql} group by {keys}")
    assert "by numbers" in str(pair.locality.explain(f"{sql} group by {keys}"))
    sorted_too = f"select {keys}, any_value(id order by s, t), arg_max(id, s || id), list(id order by id) from x"
    pair.check(f"{sorted_too} group by {keys}")
    assert not IS_2 or "by sorting" in str(pair.locality.explain(f"{sorted_too} group by {keys}"))
