"""What DuckDB's catalog says, and what it doesn't, about functions of the moment and the session."""

from __future__ import annotations

import duckdb
import pytest

from locality.sql.stability import COMMON, functions_in, reads_clock, stability


@pytest.mark.parametrize(
    "name", ["random", "uuid", "now", "current_setting", "getvariable", "nextval", "today", "ago", "age"]
)
def test_unstable(name: str) -> None:
    with duckdb.connect() as connection:
        known = stability(connection)
    assert name in known.unstable
    assert name not in known.stable


@pytest.mark.parametrize(
    "name", ["upper", "length", "~~", "prefix", "+", "date_trunc", "regexp_matches", "hash", "strftime"]
)
def test_stable(name: str) -> None:
    with duckdb.connect() as connection:
        known = stability(connection)
    assert name in known.stable
    assert name not in known.unstable


def test_names_are_found_anywhere_in_a_parse_tree() -> None:
    tree = {"select_list": [{"class": "FUNCTION", "function_name": "Upper", "children": [{"class": "CONSTANT"}]}]}
    assert functions_in(tree) == {"upper"}
    assert not reads_clock(tree)
    assert reads_clock([{"x": {"class": "COLUMN_REF", "column_names": ["Current_Date"]}}])
    assert reads_clock([{"x": {"class": "FUNCTION", "function_name": "now"}}])


def test_common_functions_are_not_unstable() -> None:
    with duckdb.connect() as connection:
        assert COMMON.isdisjoint(stability(connection).unstable)
