"""Blocks of zones that tests leave out by their own bounds: DuckDB's answers, and fewer rows run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.operators.morsels import Morsel, common, morsels_of, runs_of
from locality.operators.pipeline import Pipeline
from tests.properties.oracle import Pair

ROWS = 150_010


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """``k`` and ``x`` ascend; ``gaps`` does with NULLs in between; ``mixed`` has bounds of zones that tell nothing."""
    rng = np.random.default_rng(4)
    numbers = np.arange(ROWS)
    nan = np.where(numbers // 500 == 40, np.nan, numbers / 7)
    table = pa.table(
        {
            "k": numbers // 3,
            "x": nan,
            "gaps": pa.array(numbers // 5, mask=(numbers // 9000 % 3 == 0)),
            "mixed": rng.integers(0, 1000, ROWS),
            "tag": pa.array((numbers // 2000).astype(str)),
        }
    )
    with Pair() as made:
        made.load("t", [table.slice(0, 70_000), table.slice(70_000)])
        yield made


@pytest.fixture
def run_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of the morsels of each pipeline that is planned."""
    found: list[int] = []
    planned = Pipeline._plan_morsels

    def recorded(self: Pipeline) -> None:
        planned(self)
        found.append(sum(morsel.rows for morsel in self.planned))

    monkeypatch.setattr(Pipeline, "_plan_morsels", recorded)
    return found


@pytest.mark.parametrize(
    ("condition", "most"),
    [
        ("k between 4000 and 4100", 2 * 4096),
        ("k in (10, 20000, 49999)", 3 * 4096),
        ("gaps = 14005", 2 * 4096),
        ("gaps is null and k < 9000", 9 * 4096),
        ("x > 9000.5 and x < 9100", 3 * 4096),
        ("k = 23300 or k = 23400", 2 * 4096),
        ("k > 49990 and mixed < 500", 2 * 4096),
        ("gaps > 29999 or gaps is null", ROWS),
    ],
)
def test_rows_are_those_of_duckdb(pair: Pair, run_rows: list[int], condition: str, most: int) -> None:
    pair.check(f"select count(*), sum(k), min(mixed), max(gaps) from t where {condition}")
    assert run_rows
    assert run_rows[0] <= most


def test_sorted_and_first_rows(pair: Pair) -> None:
    pair.check("select k, mixed from t where k in (5, 33000, 33001) order by mixed, k limit 4", ordered=True)
    pair.check("select k from t where x = 'nan' or x between 30 and 31")


def test_after_changes(pair: Pair) -> None:
    for engine in (pair.locality, pair.duckdb):
        engine.sql("delete from t where k between 4000 and 4050")
        engine.sql("insert into t values (4040, 'nan', null, 7, 'new')")
    pair.check("select count(*), sum(mixed), count(gaps) from t where k between 4030 and 4060")


def test_ranges_that_lie_together_are_one_morsel() -> None:
    ranges = np.array([(0, 4096), (8192, 12_288), (65_536, 200_000), (204_800, 208_896)])
    for most, span in ((65_536, 65_536), (10_000, 65_536), (65_536, 2**20), (5000, 4096), (2**20, 2**20)):
        morsels = list(morsels_of(2, 0, ranges, most, span))
        rows = [row for morsel in morsels for start, stop in morsel.parts.tolist() for row in range(start, stop)]
        assert rows == [row for start, stop in ranges.tolist() for row in range(start, stop)]
        assert all(morsel.stop - morsel.start <= span and morsel.rows <= most for morsel in morsels)
    assert len(morsels) == 1
    assert next(morsels_of(2, 0, ranges, 10_000, 65_536)).parts.tolist() == [[0, 4096], [8192, 12_288]]


def test_part_of_a_morsel() -> None:
    morsel = Morsel(0, np.array([(10, 20), (30, 35), (50, 60)]), 0)
    assert (morsel.start, morsel.stop, morsel.rows) == (10, 60, 25)
    rows = [row for start, stop in morsel.parts for row in range(start, stop)]
    for first, last in ((0, 25), (0, 10), (3, 12), (10, 15), (12, 25), (24, 25)):
        cut = morsel.cut(first, last)
        assert [row for start, stop in cut.parts for row in range(start, stop)] == rows[first:last]


@given(st.lists(st.booleans(), max_size=40), st.lists(st.booleans(), max_size=40))
def test_rows_common_to_ranges(ours: list[bool], theirs: list[bool]) -> None:
    found = np.zeros(40 * 65, np.bool_)
    for start, stop in common(*(runs_of(np.array(each, np.bool_), 65, 2**20) for each in (ours, theirs))).tolist():
        assert start < stop
        assert not found[start:stop].any()
        found[start:stop] = True
    both = np.zeros(40, np.bool_)
    both[: min(len(ours), len(theirs))] = [a and b for a, b in zip(ours, theirs, strict=False)]
    assert (found == np.repeat(both, 65)).all()
