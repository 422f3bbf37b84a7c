"""Combinations of values: each that occurs once, and the rows that have it."""

from __future__ import annotations

import pyarrow as pa

from locality.encodings import decode, from_arrow
from locality.encodings.arrow import to_dictionary
from locality.operators.combinations import combinations_of
from locality.types import BIGINT, BOOLEAN, VARCHAR

ROWS = 1200
NUMBERS = pa.array([None if i % 5 == 0 else i % 3 - 7 for i in range(ROWS)], pa.int64())
TEXTS = pa.array([["a", None, "", "b"][i % 7 % 4] for i in range(ROWS)], pa.string())
TRUTHS = pa.array([i % 2 == 0 for i in range(ROWS)])


def test_each_combination_that_occurs_comes_once() -> None:
    columns = [from_arrow(NUMBERS, BIGINT), to_dictionary(from_arrow(TEXTS, VARCHAR)), from_arrow(TRUTHS, BOOLEAN)]
    found = combinations_of(columns)
    assert found is not None
    rows = list(zip(*(array.to_pylist() for array in (NUMBERS, TEXTS, TRUTHS)), strict=True))
    combinations = list(zip(*(decode(column).to_pylist() for column in found.columns), strict=True))
    assert sorted(combinations, key=repr) == sorted(set(rows), key=repr)
    assert [combinations[number] for number in found.number] == rows
    for column, values in zip(found.columns, (NUMBERS, TEXTS, TRUTHS), strict=True):
        assert decode(found.spread(column)).to_pylist() == values.to_pylist()


def test_many_combinations_are_not_looked_for() -> None:
    many = from_arrow(pa.array(range(ROWS)), BIGINT)
    assert combinations_of([to_dictionary(from_arrow(TEXTS, VARCHAR)), many]) is None
    assert combinations_of([from_arrow(NUMBERS, BIGINT)] * 4) is None
    assert combinations_of([from_arrow(pa.array([], pa.int64()), BIGINT)]) is None
