"""The choice takes the fewest bytes that can hold a column, under the rules that it documents."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality import types
from locality.encodings import ENCODINGS, ColumnProfile, Dictionary, choose, make_dictionary, stored_bytes
from locality.encodings.choose import SMALL_DICTIONARY, candidates
from locality.types import DataType
from tests.encodings import cases
from tests.encodings.oracle import profile

ROWS = 1_000_000
PRICE = types.decimal(12, 2)


def words(count: int) -> Dictionary:
    return make_dictionary(pa.array([f"{n:08d}" for n in range(count)]))


def integers(minimum: int, maximum: int, **facts: Any) -> ColumnProfile:
    return ColumnProfile(**{"type": types.BIGINT, "rows": ROWS, "minimum": minimum, "maximum": maximum, **facts})


@pytest.mark.parametrize(
    ("facts", "encoding", "code"),
    [
        (integers(5, 5, factor=0), "constant", ""),
        (integers(-3, 252), "frame", "uint8"),
        (integers(-3, 253), "frame", "uint16"),
        (integers(10**12, 10**12 + 2**16), "frame", "uint32"),
        (integers(0, 2**32), "plain", "int64"),
        (integers(-(2**63), 2**63 - 1), "plain", "int64"),
        (integers(-(2**63), 0, factor=2**63), "plain", "int64"),  # a factor that is no int64
        (integers(0, 255, type=DataType("UTINYINT")), "plain", "uint8"),
        (integers(0, 1, type=types.BOOLEAN), "plain", "uint8"),
        (integers(0, 25_500, factor=100, type=PRICE), "scaled", "uint8"),
        (integers(0, 200, factor=100, type=PRICE), "frame", "uint8"),
        (integers(0, 10**11, factor=100, type=PRICE), "scaled", "uint32"),
        (integers(0, 2**63, wide=True, type=DataType("UBIGINT")), "plain", "uint64"),
        (integers(0, 10**30, wide=True, type=types.decimal(38, 0)), "plain", "limbs"),
        (integers(0, 200, runs=ROWS // 20), "rle", "uint8"),
        (integers(0, 200, runs=ROWS // 19), "frame", "uint8"),
        (integers(0, 200, runs=10, nulls=1), "frame", "uint8"),
        (ColumnProfile(types.BIGINT, ROWS, nulls=ROWS), "constant", ""),
        (ColumnProfile(types.VARCHAR, ROWS, nulls=ROWS), "constant", ""),
        (ColumnProfile(types.HUGEINT, ROWS), "plain", "limbs"),
        (ColumnProfile(types.DOUBLE, ROWS), "plain", "float64"),
        (ColumnProfile(types.DOUBLE, ROWS, constant=-0.0), "constant", ""),
        (ColumnProfile(DataType("INTERVAL"), ROWS), "opaque", ""),
        (ColumnProfile(DataType("list<item: int64>"), ROWS, nulls=ROWS), "opaque", ""),
        (ColumnProfile(types.VARCHAR, ROWS, text_bytes=10**7), "text", ""),
        (ColumnProfile(types.VARCHAR, ROWS, dictionary=words(1)), "constant", ""),
        (ColumnProfile(types.VARCHAR, ROWS, dictionary=words(300), text_bytes=0), "dictionary", "uint16"),
        (ColumnProfile(types.VARCHAR, 25, dictionary=words(25), text_bytes=200), "dictionary", "uint8"),
        (ColumnProfile(types.VARCHAR, ROWS, dictionary=words(70_000), text_bytes=10**8), "dictionary", "uint32"),
        (ColumnProfile(types.VARCHAR, 4 * 70_000 - 1, dictionary=words(70_000), text_bytes=10**8), "text", ""),
        (ColumnProfile(types.VARCHAR, ROWS, dictionary=words(300), runs=300, text_bytes=10**7), "rle", "uint16"),
    ],
    ids=lambda value: None if isinstance(value, ColumnProfile) else str(value),
)
def test_choices(facts: ColumnProfile, encoding: str, code: str) -> None:
    spec = choose(facts)
    assert (spec.encoding, spec.code) == (encoding, code)


def test_runs_keep_the_factor() -> None:
    spec = choose(integers(7, 25_507, factor=100, type=PRICE, runs=10))
    assert (spec.encoding, spec.base, spec.factor, spec.code) == ("rle", 7, 100, "uint8")


def test_bounds_are_needed() -> None:
    with pytest.raises(ValueError, match="bounds"):
        choose(ColumnProfile(types.BIGINT, 5))


@pytest.mark.parametrize("dtype", cases.FLAT, ids=str)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_the_choice_holds_the_column_in_the_bytes_that_were_said(dtype: DataType, data: st.DataObject) -> None:
    array = data.draw(cases.arrays(dtype))
    facts = profile(array, dtype)
    assert choose(facts).encoding in ENCODINGS
    for candidate in candidates(facts):
        column = ENCODINGS[candidate.spec.encoding].encode(array, candidate.spec)
        size = stored_bytes(column)
        if column.validity is not None:
            size -= column.validity.nbytes
        if candidate.spec.encoding in ("frame", "scaled", "plain"):
            assert size == candidate.size
        elif candidate.spec.encoding == "rle":
            assert size <= candidate.size


def test_few_strings_are_a_dictionary_for_any_number_of_rows() -> None:
    facts = ColumnProfile(types.VARCHAR, SMALL_DICTIONARY, dictionary=words(SMALL_DICTIONARY), text_bytes=9)
    assert choose(facts).encoding == "dictionary"
