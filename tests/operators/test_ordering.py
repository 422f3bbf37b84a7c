"""Rows in the order of several keys, dealt out in parts and sorted word by word, against Python's own sorting."""

from __future__ import annotations

import functools
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.encodings import EncodedColumn
from locality.encodings.canonical import canonical
from locality.operators.ordering import order
from locality.operators.ordering.fields import Field, fields_of
from locality.operators.ordering.order import changes, near_rows, order_of
from locality.operators.ordering.words import words_of
from locality.types import from_arrow as type_of
from tests.operators import naive


def _column(array: pa.Array) -> EncodedColumn:
    return canonical(array, type_of(array.type))


def _fields(arrays: list[pa.Array], descending: bool = False, nulls_first: bool = False) -> list[Field]:
    return [field for array in arrays for field in fields_of(_column(array), descending, nulls_first)]


def _compare(left: tuple[Any, ...], right: tuple[Any, ...], descending: bool, nulls_first: bool) -> int:
    for a, b in zip(left, right, strict=True):
        if a is None or b is None:
            sign = ((a is not None) - (b is not None)) * (1 if nulls_first else -1)
        else:
            sign = naive.compare(a, b) * (-1 if descending else 1)
        if sign:
            return sign
    return 0


texts = st.one_of(
    st.sampled_from(["", "\0", "a", "a\0", "same prefix of", "same prefix of two words"]), st.text("ab", max_size=9)
)
FAMILIES = {
    "narrow": (st.integers(-2, 2), pa.int64()),
    "wide": (st.integers(-(2**63), 2**63 - 1), pa.int64()),
    "unsigned": (st.integers(0, 2**64 - 1), pa.uint64()),
    "float": (st.floats(width=32), pa.float64()),
    "text": (texts, pa.string()),
}


@pytest.mark.parametrize("at_once", [False, True])
@settings(max_examples=40)
@given(st.data(), st.lists(st.sampled_from(sorted(FAMILIES)), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_rows_are_ordered_and_equal_ones_keep_their_order(
    at_once: bool, data: st.DataObject, names: list[str], descending: bool, nulls_first: bool
) -> None:
    cells = st.tuples(*(st.none() | FAMILIES[name][0] for name in names))
    rows = data.draw(st.lists(cells, min_size=1, max_size=30))
    arrays = [pa.array([row[i] for row in rows], FAMILIES[name][1]) for i, name in enumerate(names)]
    fields = _fields(arrays, descending, nulls_first)
    compare = functools.partial(_compare, descending=descending, nulls_first=nulls_first)
    expected = sorted(range(len(rows)), key=functools.cmp_to_key(lambda i, j: compare(rows[i], rows[j])))
    with patch.object(order, "_FEW_WORDS", order._FEW_WORDS if at_once else 0):
        found = order_of(fields, len(rows))
    assert found.rows.tolist() == expected
    assert found.keys is None or not at_once
    begins = [k == 0 or compare(rows[i], rows[expected[k - 1]]) != 0 for k, i in enumerate(expected)]
    assert changes(found, fields).tolist() == begins
    lead = [k == 0 or compare(rows[i][:1], rows[expected[k - 1]][:1]) != 0 for k, i in enumerate(expected)]
    owners = _fields(arrays[:1], descending, nulls_first)
    assert changes(found, owners).tolist() == lead
    few = max(len(rows) // 5, 1)
    with patch.object(order, "_FEW_WORDS", order._FEW_WORDS if at_once else 0):
        assert order_of(fields, len(rows), first=few).rows.tolist() == expected[:few]
    assert set(expected[:few]) <= set(near_rows(fields, len(rows), few).tolist())


def _arrays(kind: str, rows: int) -> list[pa.Array]:
    rng = np.random.default_rng(7)
    narrow, real = rng.integers(0, 40, rows), np.round(rng.normal(size=rows), 2)
    wide = rng.integers(-(2**62), 2**62, rows)
    match kind:
        case "one word with its row":
            return [pa.array(narrow), pa.array(rng.integers(0, 9, rows))]
        case "one word":
            return [pa.array(real)]
        case "several words":
            return [pa.array(narrow), pa.array(wide // 2**58), pa.array(real)]
        case "a common prefix":
            return [pa.array([f"https://{n:b}" for n in narrow]), pa.array(wide)]
        case "one value and others":
            return [pa.array(np.where(narrow < 39, 2**61, wide))]
        case _:
            return [pa.array(np.arange(rows))]


@pytest.mark.parametrize(
    "kind",
    ["one word with its row", "one word", "several words", "a common prefix", "one value and others", "in order"],
)
def test_many_rows_are_dealt_out_in_parts(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "PART_ROWS", 64)
    monkeypatch.setattr(order, "_LEAST_TASK", 100)
    arrays = _arrays(kind, 3000)
    fields = _fields(arrays)
    values = list(zip(*(array.to_pylist() for array in arrays), strict=True))
    expected = sorted(range(len(values)), key=values.__getitem__)
    tasks: list[int] = []

    def run(items: Any, work: Any) -> None:
        tasks.append(len(items))
        for worker, item in enumerate(reversed(items)):
            work(worker, item)

    found = order_of(fields, len(values), run)
    assert found.rows.tolist() == expected
    assert max(tasks) > 20
    begins = [k == 0 or values[i] != values[expected[k - 1]] for k, i in enumerate(expected)]
    assert changes(found, fields, run).tolist() == begins


def test_words_hold_all_bits_of_the_fields() -> None:
    fields = [Field(bits, lambda rows: np.array([5], np.uint64)) for bits in (3, 64, 30, 64, 1)]
    assert [word.bits for word in words_of(fields)] == [64, 64, 34]
    assert words_of([]) == []


@pytest.mark.parametrize("values", [1, 7, 10**6, 2**63])
@pytest.mark.parametrize("first", [1, 10, 500, 9_999])
def test_first_rows_of_many_are_found_with_a_sample(values: int, first: int) -> None:
    keys = np.random.default_rng(0).integers(0, values, 50_000).astype(np.uint64)
    for ordered in (keys, np.sort(keys), np.sort(keys)[::-1].copy()):
        near = near_rows([Field(64, ordered.__getitem__)], len(keys), first)
        assert near.tolist() == np.flatnonzero(ordered <= np.sort(ordered)[first - 1]).tolist()
