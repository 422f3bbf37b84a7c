"""Keys against plain Python: what is refused, and the first row that is named."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.errors import KeyViolation, StoreFullError
from locality.storage.ingest import ingest
from locality.storage.store import Store
from locality.storage.verify import verify

POOLS: list[tuple[pa.DataType, list[Any]]] = [
    (pa.int32(), [*range(-3, 60)]),
    (pa.int64(), [v * 10**15 for v in range(60)]),
    (pa.string(), [f"key {v}" for v in range(60)]),
    (pa.float64(), [v / 4 for v in range(60)]),
    (pa.bool_(), [False, True]),
    (pa.date32(), [*range(60)]),
]


@st.composite
def keyed_tables(draw: st.DrawFn) -> pa.Table:
    """Tables of one or two key columns, mostly without NULLs; often unique, in order or not."""
    columns = {}
    kinds = draw(st.lists(st.sampled_from(POOLS), min_size=1, max_size=2))
    rows = draw(st.integers(0, 40))
    for index, (arrow, pool) in enumerate(kinds):
        values = st.permutations(pool).map(lambda v: v[:rows])
        drawn = draw(st.one_of(values, st.lists(st.sampled_from(pool), min_size=rows, max_size=rows)))
        drawn = (drawn * rows)[:rows]
        if rows and draw(st.integers(0, 9)) == 0:
            drawn[draw(st.integers(0, rows - 1))] = None
        columns[f"k{index}"] = pa.array(drawn, arrow)
    return pa.table(columns)


def first_repeated(keys: list[tuple[Any, ...]]) -> tuple[int, int] | None:
    seen: dict[tuple[Any, ...], int] = {}
    for row, key in enumerate(keys):
        if key in seen:
            return seen[key], row
        seen[key] = row
    return None


@settings(deadline=None, max_examples=50)
@given(table=keyed_tables())
def test_primary_keys(table: pa.Table) -> None:
    keys = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    repeated = first_repeated(keys)
    null = any(value is None for key in keys for value in key)
    with tempfile.TemporaryDirectory() as name, Store.open(name) as store:
        if null or repeated:
            with pytest.raises(KeyViolation) as caught:
                ingest(store, "t", table, primary_key=table.column_names)
            message = str(caught.value)
            assert "is NULL at row" in message if null else f"rows {repeated[0]} and {repeated[1]} " in message
        else:
            ingest(store, "t", table, primary_key=table.column_names)
            assert store.snapshot().tables["t"].primary_key == tuple(table.column_names)
            verify(store)


@settings(deadline=None, max_examples=50)
@given(table=keyed_tables())
def test_what_is_said_to_be_unique_is(table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as name, Store.open(name) as store:
        ingest(store, "t", table)
        found = store.snapshot().tables["t"]
        for index, column in enumerate(table.columns):
            values = column.to_pylist()
            proven = len(values) > 0 and None not in values and len(set(values)) == len(values)
            assert found.is_unique([index]) == proven  # small tables hide nothing
            count = found.distinct_count(index)
            assert (count.count, count.exact) == (len(set(values) - {None}), True)


@settings(deadline=None, max_examples=50)
@given(children=keyed_tables(), data=st.data())
def test_foreign_keys(children: pa.Table, data: st.DataObject) -> None:
    keys = list(zip(*(column.to_pylist() for column in children.columns), strict=True))
    whole = sorted({key for key in keys if None not in key})
    known = data.draw(st.lists(st.sampled_from(whole), unique=True)) if whole else []
    known = whole if data.draw(st.booleans()) else known
    columns = [[key[i] for key in known] for i in range(children.num_columns)]
    parents = pa.table(
        [pa.array(v, f.type) for v, f in zip(columns, children.schema, strict=True)], ["a", "b"][: len(columns)]
    )
    dangling = next((row for row, key in enumerate(keys) if None not in key and key not in known), None)
    with tempfile.TemporaryDirectory() as name, Store.open(name) as store:
        ingest(store, "parent", parents, primary_key=parents.column_names)
        declared = {", ".join(children.column_names): "parent"}
        if dangling is None:
            ingest(store, "child", children, foreign_keys=declared)
            assert store.snapshot().tables["child"].foreign_keys[0].parents == tuple(parents.column_names)
            verify(store)
        else:
            with pytest.raises(KeyViolation, match=f" at row {dangling} "):
                ingest(store, "child", children, foreign_keys=declared)


@pytest.fixture
def family(tmp_path: Path) -> Any:
    with Store.open(tmp_path) as store:
        ingest(store, "parent", pa.table({"id": [1, 2, 3], "code": ["x", "y", "z"]}), primary_key="id")
        ingest(store, "child", pa.table({"parent": [3, 1, None]}), foreign_keys={"PARENT": "Parent(ID)"})
        yield store
        verify(store)


def test_references_are_kept_when_children_come(family: Store) -> None:
    ingest(family, "child", pa.table({"parent": [2]}), mode="append")
    with pytest.raises(KeyViolation, match="7 at row 4"):
        ingest(family, "child", pa.table({"parent": [7]}), mode="append")


def test_references_are_kept_when_the_parent_changes(family: Store) -> None:
    ingest(family, "parent", pa.table({"id": [7], "code": ["w"]}), mode="append")
    ingest(family, "parent", pa.table({"id": [3, 2, 1]}), mode="replace")
    with pytest.raises(KeyViolation, match="'child': 3 at row 0"):
        ingest(family, "parent", pa.table({"id": [1, 2]}), mode="replace")
    with pytest.raises(KeyViolation, match="'child', id of 'parent' is not unique"):
        ingest(family, "parent", pa.table({"id": [1, 2, 3, 3]}), mode="replace")


def test_a_reference_to_a_column_that_turns_out_unique(family: Store) -> None:
    ingest(family, "other", pa.table({"code": ["y", "x"]}), foreign_keys={"code": "parent(code)"})
    with pytest.raises(KeyViolation, match="'other', code of 'parent' is not unique"):
        ingest(family, "parent", pa.table({"id": [4], "code": ["x"]}), mode="append")


def test_a_table_may_refer_to_itself(family: Store) -> None:
    people = pa.table({"id": [1, 2, 3], "boss": [None, 1, 1]})
    ingest(family, "people", people, primary_key="id", foreign_keys={"boss": "people"})
    with pytest.raises(KeyViolation, match="9 at row 3"):
        ingest(family, "people", pa.table({"id": [4], "boss": [9]}), mode="append")
    ingest(family, "people", pa.table({"id": [4], "boss": [4]}), mode="append")


def test_a_reference_from_a_narrower_type(family: Store) -> None:
    ingest(family, "narrow", pa.table({"p": pa.array([1, 3], pa.uint8())}), foreign_keys={"p": "parent"})


def test_no_space_to_check_keys(family: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locality.storage.ingest.proofs._MEMORY", "20MB")
    texts = pa.table({"k": [f"{i:40}" for i in range(300_000, 0, -1)], "l": [1] * 300_000})
    monkeypatch.setattr("locality.storage.ingest.proofs._SPILL", os.devnull)
    with pytest.raises(StoreFullError, match="keys can't be checked"):
        ingest(family, "t", texts, primary_key=["k", "l"])
