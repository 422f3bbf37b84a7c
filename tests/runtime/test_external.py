"""Rows placed in an order part by part, where memory does not hold them at once: as in one go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.encodings import decode
from locality.operators.physical import Execution
from locality.operators.relations.relation import Positions
from locality.runtime import reorder
from locality.runtime.execution import QueryExecution, Workers
from locality.runtime.external import parts_of
from locality.storage.store import Store

ROWS = 160_000
RNG = np.random.default_rng(5)
CITIES = pa.table({"city": np.arange(1000), "land": pa.array([f"land {n * 7 % 90}" for n in range(1000)])})
SALES = pa.table(
    {
        "number": np.arange(ROWS),
        "city": pa.array(RNG.integers(0, 1000, ROWS), mask=RNG.random(ROWS) < 0.01),
        "price": RNG.normal(size=ROWS).round(2),
        "mostly": np.where(RNG.random(ROWS) < 0.9, 3, RNG.integers(0, 9, ROWS)),
        "note": pa.array([f"{n * 7919 % 100_003} a note of its own" for n in range(ROWS)]),
    }
)
#: Bytes of memory with which a part holds less than half of the rows.
LITTLE = 16_000_000


def placed(path: Path, memory_limit: int | None, layout: str | None, **order: list[str]) -> list[int]:
    """The numbers of the rows as a layout has them."""
    with locality.connect(path, memory_limit=memory_limit, threads=2) as con:
        con.ingest("cities", CITIES, primary_key="city")
        con.ingest("sales", SALES, foreign_keys={"city": "cities"})
        con.delete("sales", "number % 50 = 7")
        con.optimize("sales", **({"layout": layout} if layout else {}), **order)
        assert "is whole" in str(con.verify())
    with Store.open(path, create=False) as store:
        table = store.snapshot().tables["sales"]
        found = table.layouts[-1]
        columns = [found.positions[table.column_names.index("number")]]
        numbers = [decode(s.column(columns[0])).to_pylist() for s in found.segments]
        return [number for part in numbers for number in part]


@pytest.fixture(autouse=True)
def cut(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the parts that rows were placed in."""
    sizes: list[int] = []
    real = reorder.parts_of

    def recorded(*arguments: Any) -> Iterator[Positions]:
        for part in real(*arguments):
            sizes.append(len(part))
            yield part

    monkeypatch.setattr(reorder, "parts_of", recorded)
    return sizes


@pytest.mark.parametrize("order", [["cities.land", "price"], ["note"], ["mostly"]])
def test_parts_follow_each_other_as_all_rows_do(tmp_path: Path, cut: list[int], order: list[str]) -> None:
    whole = placed(tmp_path / "whole", None, None, order=order)
    assert not cut
    parts = placed(tmp_path / "parts", LITTLE, None, order=order)
    assert len(cut) > 2
    assert sum(cut) == len(whole)
    if order == ["mostly"]:  # more equal rows than a part holds: cut as they come
        key = SALES["mostly"].to_numpy()
        assert sorted(parts) == sorted(whole)
        assert (np.diff(key[parts]) < 0).sum() <= 3
    else:
        assert parts == whole


def test_a_further_layout_along_a_curve(tmp_path: Path, cut: list[int]) -> None:
    parts = placed(tmp_path / "s", LITTLE, "by_place", curve=["city", "price"])
    assert len(cut) > 1
    assert sorted(parts) == [number for number in range(ROWS) if number % 50 != 7]


def test_parts_are_bounded_and_stable() -> None:
    keys = np.concatenate([RNG.integers(0, 10**6, 3000), np.full(4000, 10**6)])
    rows = np.arange(len(keys))[::2]

    def sort(positions: Positions, execution: Execution) -> Positions:
        return np.argsort(keys[positions], kind="stable")

    execution = QueryExecution(Workers(1), 10**6)
    parts = list(parts_of(rows, 500, sort, execution))
    assert max(map(len, parts)) <= 500
    assert all((np.diff(part) > 0).all() for part in parts)
    assert execution.account.held == 0
    placed = np.concatenate([part[sort(part, execution)] for part in parts])
    assert placed.tolist() == rows[np.argsort(keys[rows], kind="stable")].tolist()
    assert np.concatenate(list(parts_of(rows, 500, None, execution))).tolist() == rows.tolist()
