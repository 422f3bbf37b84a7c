"""Pairs of joins that are only aggregated are not made, and answers stay DuckDB's."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.properties.oracle import Pair


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    source = random.Random(5)

    def column(high: int, rows: int) -> pa.Array:
        return pa.array([None if source.random() < 0.1 else source.randint(-1, high) for _ in range(rows)])

    def rows(count: int) -> pa.Table:
        columns = {"k": column(8, count), "g": column(3, count), "x": column(90, count)}
        money = pa.array([None if i % 7 == 0 else i for i in range(count)]).cast(pa.decimal128(19, 0))
        flags = pa.array([source.choice([True, False, None]) for _ in range(count)])
        words = pa.array([str(source.randint(0, 9)) for _ in range(count)])
        texts = pa.array([source.choice(["a", "b", None]) for _ in range(count)])
        huge = pa.array([2**62 + i for i in range(count)])
        return pa.table(
            {**columns, "p": money.cast(pa.decimal128(15, 2)), "t": texts, "h": huge, "flag": flags, "word": words}
        )

    with Pair() as both:
        both.load("a", [rows(400)])
        unmatched = pa.table(
            {**{c: pa.nulls(1) for c in ("g", "p", "t", "h", "flag")}, "k": [99], "x": [91], "word": ["no"]}
        )
        both.load("b", [pa.concat_tables([rows(300), unmatched.select(rows(1).column_names).cast(rows(1).schema)])])
        both.load("c", [rows(200)])
        yield both


@pytest.mark.parametrize(
    ("sql", "grouped"),
    [
        ("select count(*) from a join b using (k)", 1),
        ("select a.g, count(*), sum(a.x), sum(b.x), min(b.x), max(a.t) from a join b using (k) group by a.g", 1),
        ("select b.g, b.k, count(a.x), avg(a.x), avg(b.p), sum(b.p), sum(a.p) from a join b using (k) group by all", 1),
        ("select a.g, b.g, count(*), count(b.t), avg(b.p), sum(a.x), max(b.x) from a join b using (k) group by all", 2),
        ("select a.t, count(*) from a join b on a.k is not distinct from b.k where b.x > 40 group by 1", 1),
        ("select c.g, count(*), sum(a.x), bool_or(b.flag) from a join b using (k) join c using (k) group by 1", 3),
        ("select a.g, count(*), sum(c.x) from a join b on a.k = b.k join c on b.x = c.x and b.t = c.t group by 1", 2),
        ("select count(*), sum(a.x), avg(b.p) from a join b on a.k + 100 = b.k", 1),
    ],
)
def test_answers_of_aggregated_sides(pair: Pair, sql: str, grouped: int) -> None:
    pair.check(sql)
    lines = [line.strip() for line in str(pair.locality.explain(sql)).splitlines()]
    assert lines.count("aggregate") == 1 + grouped


@pytest.mark.parametrize(
    "sql",
    [
        "select a.g, sum(a.x + b.x) from a join b using (k) group by a.g",
        "select a.g, count(*) from a join b on a.k = b.k and a.x < b.x group by a.g",
        "select a.g, sum(b.x) filter (b.x > 3) from a join b using (k) group by a.g",
        "select a.g, sum(1), max(3) from a join b using (k) group by a.g having sum(0) > 0",
        "select sum(a.h), avg(b.h) from a join b using (k)",
        "select a.g, b.g, sum(a.h), count(*) from a join b using (k) group by all",
        # rows without a match have no error
        "select a.g, sum(cast(b.word as int)) from a join b using (k) group by a.g",
        "select sum(100 // (b.x - 91)) from a join b using (k)",
        "select 100 // (b.x - 91) as g, count(*) from a join b using (k) group by g",
    ],
)
def test_other_pairs_are_made(pair: Pair, sql: str) -> None:
    pair.check(sql)
