"""The comparison accepts equal answers in all the forms that files have, and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.slt.comparison import DIALECTS, Answer, difference, digest, same
from tests.slt.parser import Query

DUCKDB, SQLITE = DIALECTS["duckdb"], DIALECTS["sqlite"]
PAIRS = Answer(("INTEGER", "VARCHAR"), (("2", "b"), ("1", None), ("10", "")))


def query(types: str, *expected: str, sort: str = "nosort") -> Query:
    return Query(1, "select", types, sort, expected=expected)


def md5(*values: str) -> str:
    return hashlib.md5("".join(f"{value}\n" for value in values).encode()).hexdigest()


def test_a_row_a_line() -> None:
    assert difference(PAIRS, query("IT", "2\tb", "1\tNULL", "10\t(empty)"), DUCKDB) is None


def test_a_value_a_line() -> None:
    assert difference(PAIRS, query("IT", "2", "b", "1", "NULL", "10", "(empty)"), DUCKDB) is None


def test_order_counts_without_a_sort_mode() -> None:
    swapped = ("1\tNULL", "2\tb", "10\t(empty)")
    assert difference(PAIRS, query("IT", *swapped), DUCKDB) == "row 1, column 1: 2 instead of 1"
    assert difference(PAIRS, query("IT", *swapped, sort="rowsort"), DUCKDB) is None


def test_rowsort_keeps_rows_together_and_valuesort_does_not() -> None:
    mixed = ("2", "NULL", "1", "b", "10", "(empty)")
    assert difference(PAIRS, query("IT", *mixed, sort="rowsort"), DUCKDB) is not None
    assert difference(PAIRS, query("IT", *mixed, sort="valuesort"), DUCKDB) is None


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        (("2\tb", "1\tNULL"), "3 rows instead of 2"),
        (("2\tb", "1\tNULL", "10\t"), "row 3, column 2: (empty) instead of "),
        (("2\tb", "1\t(empty)", "10\t(empty)"), "row 2, column 2: NULL instead of (empty)"),
        (("2\tb\tx",), "1 lines are not rows of 2 columns; the answer has 3 rows"),
        ((), "3 rows instead of 0"),
    ],
)
def test_what_differs_is_named(expected: tuple[str, ...], problem: str) -> None:
    assert difference(PAIRS, query("IT", *expected), DUCKDB) == problem


def test_the_number_of_columns_is_that_of_the_letters() -> None:
    assert difference(PAIRS, query("I", "2"), DUCKDB) == "2 columns instead of 1"


def test_without_expectation_any_rows_will_do() -> None:
    assert difference(PAIRS, Query(1, "select", "IT"), DUCKDB) is None


def test_hashes() -> None:
    right = md5("2", "b", "1", "NULL", "10", "(empty)")
    assert difference(PAIRS, query("IT", f"6 values hashing to {right}"), DUCKDB) is None
    assert difference(PAIRS, query("IT", f"5 values hashing to {right}"), DUCKDB) == "6 values instead of 5"
    by_rows = md5("1", "NULL", "10", "(empty)", "2", "b")
    assert difference(PAIRS, query("IT", f"6 values hashing to {by_rows}", sort="rowsort"), DUCKDB) is None
    by_values = md5("(empty)", "1", "10", "2", "NULL", "b")
    assert difference(PAIRS, query("IT", f"6 values hashing to {by_values}", sort="valuesort"), DUCKDB) is None
    wrong = difference(PAIRS, query("IT", f"6 values hashing to {by_values}"), DUCKDB)
    assert wrong == f"values hash to {right} instead of {by_values}"


def test_the_hash_is_that_of_sqlite() -> None:
    assert digest([("1",), ("2",)]) == md5("1", "2") == "6ddb4095eb719e2a9f0a3f95677d24e0"


def test_expectations_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "answer.csv").write_text("i|s\n2|b\n1|NULL\n10|(empty)\n")
    assert difference(PAIRS, query("IT", "<FILE>:answer.csv"), DUCKDB, [tmp_path]) is None
    (tmp_path / "answer.csv").write_text("i|s\n2|b\n")
    assert difference(PAIRS, query("IT", "<FILE>:answer.csv"), DUCKDB, [tmp_path]) == "3 rows instead of 1"


@pytest.mark.parametrize(
    ("cell", "wanted", "dtype"),
    [
        ("1", "1", "INTEGER"),
        ("1.50", "1.5", "DECIMAL(4,2)"),
        ("2", "2.0", "BIGINT"),
        ("1", "true", "BOOLEAN"),
        ("0", "False", "BOOLEAN"),
        ("0.1", "0.10000000000000001", "DOUBLE"),
        ("0.30000000000000004", "0.3", "DOUBLE"),
        ("nan", "NaN", "DOUBLE"),
        ("inf", "inf", "DOUBLE"),
        ("0.1", "0.10000001", "FLOAT"),
        ("some text", "<REGEX>:^some", "VARCHAR"),
        ("some text", "<!REGEX>:other", "VARCHAR"),
    ],
)
def test_equal_values(cell: str, wanted: str, dtype: str) -> None:
    assert same(cell, wanted, dtype)


@pytest.mark.parametrize(
    ("cell", "wanted", "dtype"),
    [
        ("1", "2", "INTEGER"),
        ("1.50", "1.51", "DECIMAL(4,2)"),
        ("1", "1.0", "VARCHAR"),
        ("NULL", "0", "INTEGER"),
        ("0", "NULL", "DOUBLE"),
        ("1", "false", "BOOLEAN"),
        ("0.1", "0.1000001", "DOUBLE"),
        ("0.1", "0.1001", "FLOAT"),
        ("nan", "0", "DOUBLE"),
        ("inf", "-inf", "DOUBLE"),
        ("some text", "<REGEX>:^text", "VARCHAR"),
        ("some text", "<!REGEX>:text", "VARCHAR"),
        ("2024-01-01", "2024-01-02", "DATE"),
    ],
)
def test_different_values(cell: str, wanted: str, dtype: str) -> None:
    assert not same(cell, wanted, dtype)


def test_sqlite_writes_by_the_letter() -> None:
    answer = Answer(("DOUBLE", "DOUBLE", "VARCHAR", "BOOLEAN", "DOUBLE"), (("2.75", "0.12345", "a\té", "true", None),))
    assert difference(answer, query("IRTII", "2", "0.123", "a@@", "1", "NULL"), SQLITE) is None
    assert difference(answer, query("IRTII", "2", "0.123", "a@@", "1", "NULL"), DUCKDB) is not None


def test_boolean_and_zero_bytes_as_duckdb_writes_them() -> None:
    answer = Answer(("BOOLEAN", "VARCHAR"), (("false", "a\0b"),))
    assert difference(answer, query("IT", "0\ta\\0b"), DUCKDB) is None
