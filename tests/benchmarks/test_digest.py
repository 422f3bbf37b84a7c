"""Large answers in short: what a digest sees, and that rows and tables give the same one."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from locality._suites.benchmarks.comparison import brief_difference
from locality._suites.benchmarks.digest import MANY_ROWS, ColumnDigest, Digest, brief, digest
from locality._suites.benchmarks.model import AnswerRow

TABLE = pa.table(
    {
        "n": [1, None, 3],
        "d": pa.array([Decimal("0.5"), Decimal("1.5"), None], pa.decimal128(9, 2)),
        "t": pa.array(["b", "", "äa"]).dictionary_encode(),
        "e": pa.array([None, None, None], pa.int32()),
    }
)


def test_what_a_column_comes_to() -> None:
    assert digest(TABLE) == Digest(
        3,
        (
            ColumnDigest(1, 1, 3, Decimal(4)),
            ColumnDigest(1, Decimal("0.50"), Decimal("1.50"), Decimal(2)),
            ColumnDigest(0, "", "äa", 4),
            ColumnDigest(3, None, None, None),
        ),
    )


def test_small_answers_stay_rows_and_large_ones_are_the_same_from_rows_as_from_arrow() -> None:
    small = brief(TABLE)
    assert not isinstance(small, Digest)
    assert small[0] == (1, Decimal("0.50"), "b", None)
    rows = [(i, f"text {i % 7}") for i in range(MANY_ROWS + 1)]
    from_rows = brief(rows)
    table = pa.table({"a": [i for i, _ in rows], "b": pa.array([text for _, text in rows], pa.string_view())})
    assert isinstance(from_rows, Digest)
    assert from_rows == brief(table)
    assert brief_difference(from_rows, brief(table), ordered=True, exact=True) is None


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [(5, (6, "text 5"), "row 1, column 4"), (5, (5, "text 444"), "row 2, column 4"), (5, (5, None), "row 2, column 1")],
)
def test_one_cell_that_differs_is_seen(place: int, value: tuple[int, str | None], message: str) -> None:
    rows: list[AnswerRow] = [(i, f"text {i % 7}") for i in range(MANY_ROWS + 1)]
    changed = [*rows[:place], value, *rows[place + 1 :]]
    found = brief_difference(brief(rows), brief(changed), ordered=True, exact=True)
    assert found is not None
    assert message in found


def test_another_number_of_rows_is_told() -> None:
    many, more = ([(1,)] * (MANY_ROWS + extra) for extra in (1, 2))
    assert brief_difference(brief(many), brief(more), ordered=True, exact=True) == "100002 rows instead of 100001"
    assert brief_difference(brief(many), [(1,)], ordered=True, exact=True) == "1 rows instead of 100001"
