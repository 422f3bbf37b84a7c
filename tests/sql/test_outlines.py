"""Literals of texts like earlier ones, told without cutting these word by word: as cutting them would tell."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locality.sql import outlines
from locality.sql.literals import split
from locality.sql.outlines import Outlines

_TEXTS = (
    "select {} from t where a = {} and b between date {} and {} -- it's {}\n and c in ({}, {})",
    'select interval {} day, -{}, e{}, x.{}, a{}, ${}, {}e5, $$ {} $$ from t where "é {}" = {}',
    "select {}{}, {} {} from t limit {} /* {} */ offset {}",
    "select timestamp {}, é{}, {}\n{}, [{}], a[{}:{}], 1.{}, {}.5 from t",
)
_VALUES = st.sampled_from(
    [
        "0",
        "7",
        "12345",
        "1.50",
        "007",
        "1_000",
        "9" * 39,
        "'x'",
        "'é'",
        "''",
        "'it''s'",
        "'a\\'",
        "'2020-01-01'",
        "b",
        '"q\'"',
    ]
)


@given(st.sampled_from(_TEXTS), st.lists(st.lists(_VALUES, min_size=11, max_size=11), min_size=2, max_size=4))
def test_literals_are_those_of_the_words(text: str, rows: list[list[str]]) -> None:
    known = Outlines()
    for row in rows:
        sql = text.format(*row)
        assert known.split(sql) == split(sql)
        assert known.split(sql).pattern == split(sql).pattern


@pytest.mark.parametrize(
    ("first", "second", "cut"),
    [
        ("select a from t where b = 5 and c = 'x'", "select a from t where b = 1234.5 and c = 'longer é'", False),
        ("select a from t where d > date '2020-01-01'", "select a from t where d > date '1999-12-31'", False),
        ("select a from t where b = 5", "select a from t where b = 'x'", True),
        ("select a from t where b = 5", "select a from u where b = 5", True),
        ("select a from t where b = interval '5' day", "select a from t where b = interval '6' day", True),
    ],
)
def test_only_other_words_are_cut(first: str, second: str, cut: bool) -> None:
    known = Outlines()
    known.split(first)
    expected = split(second)
    with patch.object(outlines, "split", side_effect=split) as asked:
        assert known.split(second) == expected
        assert asked.called == cut


def test_texts_that_came_last_are_remembered() -> None:
    known = Outlines()
    for number in range(300):
        known.split(f"select a{number} from t where b = 5")
    with patch.object(outlines, "split", side_effect=split) as asked:
        known.split("select a299 from t where b = 6")
        assert not asked.called
        known.split("select a0 from t where b = 6")
        assert asked.called
