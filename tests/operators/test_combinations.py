"""Combinations of values: each that occurs once, and the rows that have it."""

from __future__ import annotations

import pyarrow as pa

from locality.encodings import decode, from_arrow
from locality.encodings.arrow import to_dictionary
from locality.operators.combinations import combinations_of
from locality.types import BIGINT, BOOLEAN, VARCHAR, DataType

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


def test_digits_of_narrow_and_unsigned_values_do_not_wrap_around() -> None:
    numbers = pa.array([i % 201 - 100 for i in range(2 * ROWS)], pa.int8())
    high = pa.array([2**64 - 1 - i % 2 for i in range(2 * ROWS)], pa.uint64())
    for arrays, types in (([numbers], ["TINYINT"]), ([high], ["UBIGINT"]), ([high, high], ["UBIGINT", "UBIGINT"])):
        found = combinations_of([from_arrow(array, DataType(t)) for array, t in zip(arrays, types, strict=True)])
        assert found is not None
        for column, array in zip(found.columns, arrays, strict=True):
            assert decode(found.spread(column)).to_pylist() == array.to_pylist()
