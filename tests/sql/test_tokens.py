"""What is read off the words of a statement."""

from __future__ import annotations

import pytest

from locality.sql.tokens import copies_in, existing_table, functions_of, words_of


def test_words_are_cut_as_duckdb_cuts_them() -> None:
    sql = """delete /* from x */ from "My T" where a = 'it''s; -- no' -- b
        and c=$1"""
    words = ["delete", "from", "my t", "where", "a", "=", "'it''s; -- no'", "and", "c", "=", "$", "1"]
    assert words_of(sql) == words
    assert words_of("select 'ü', ö from t") == ["select", "'ü'", ",", "ö", "from", "t"]


def test_functions_are_words_before_a_parenthesis() -> None:
    sql = 'update t set a = Random ( ), b = "uuid"/* c */(), c = current_user where d in (1) and random = 2'
    assert functions_of(sql) >= {"random", "uuid", "current_user"}
    assert "random" not in functions_of("delete from t where random = 2")


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("copy t from 'x.csv'", True),
        ("copy t (a, b) from 'x.csv' (header)", True),
        ("copy t to 'x.csv'", False),
        ("copy (select a from t) to 'x.csv'", False),
    ],
)
def test_copy_reads_or_writes_a_file(sql: str, reads: bool) -> None:
    assert copies_in(sql) is reads


@pytest.mark.parametrize(
    ("sql", "existing"),
    [
        ("create table t as select 1", "refuse"),
        ("CREATE OR REPLACE TABLE t AS SELECT 1", "replace"),
        ("create table if not exists t as select replace('a', 'b', 'c')", "keep"),
    ],
)
def test_what_create_says_of_an_existing_table(sql: str, existing: str) -> None:
    assert existing_table(sql) == existing
