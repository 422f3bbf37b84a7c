"""What is prepared for the first values of parameters, turned to others: over segments of two forms, as rows change."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from tests.properties.oracle import Pair

_ROWS = 140_000
_STATEMENTS = {
    "settled": "select count(*), sum(price), max(word) from t where number >= ? and number < ? and flag",
    "groups": "select word, count(*), sum(price) from t where number >= ? and number < ? group by word",
    "top": "select number, price from t where number >= ? and number < ? order by price desc, number limit 7",
}
#: None of the rows, of one segment's, of the other's, of both; of those that came later.
_VALUES = [(5, 90_000), (-9, -1), (_ROWS + 7, 3 * _ROWS), (70_000, _ROWS + 999), (10**6, 10**7)]


def _part(first: int, rows: int, words: int, price: int, *, nulls: bool) -> pa.Table:
    numbers = np.arange(first, first + rows)
    mask = numbers % 17 == 3
    return pa.table(
        {
            "number": numbers,
            "flag": numbers % 3 == 0,
            "word": pa.array([f"w{n % words}" for n in numbers.tolist()], mask=mask if nulls else None),
            "price": pa.array(numbers * 7919 % price, mask=mask[::-1] if nulls else None),
        }
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair(threads=2) as made:
        made.load("t", [_part(0, _ROWS, 3, 100, nulls=False), _part(_ROWS, 3000, 40, 10**9, nulls=True)])
        yield made


def _check(pair: Pair, values: list[tuple[int, int]]) -> None:
    for sql in _STATEMENTS.values():
        for each in values:
            pair.check(sql, list(each))


def test_threads_turn_the_same_preparation_to_values_of_their_own(pair: Pair) -> None:
    asked = [(sql, (low, low + 65_000)) for low in range(0, _ROWS, 40_000) for sql in _STATEMENTS.values()]
    wanted = [pair.duckdb.execute(sql, list(values)).fetchall() for sql, values in asked]

    def ask(number: int) -> bool:
        sql, values = asked[number]
        result = pair.locality.sql(sql, list(values))
        return result.profile.engine == "locality" and sorted(map(repr, result.fetchall())) == sorted(
            map(repr, wanted[number])
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, [*range(len(asked)), *reversed(range(len(asked)))]))


def test_rows_are_those_of_the_values_as_tables_change(pair: Pair) -> None:
    _check(pair, _VALUES)
    assert all(pair.check(sql, [17, 80_000]).plan_reused for sql in _STATEMENTS.values())
    later = _part(10**6, 3000, 40, 10**9, nulls=True)
    pair.locality.ingest("t", later, mode="append")
    pair.duckdb.register("later", later)
    pair.duckdb.execute("insert into t select * from later")
    _check(pair, _VALUES[2:])
    for engine in (pair.locality.sql, pair.duckdb.execute):
        engine("delete from t where number % 5 = 2 or number between 70000 and 70400")
    _check(pair, _VALUES[2:])
