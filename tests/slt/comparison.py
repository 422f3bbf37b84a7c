"""Whether an answer is what a sqllogictest file expects."""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from tests.slt.parser import Query

Cells = tuple[str, ...]

_HASH = re.compile(r"(\d+) values hashing to ([0-9a-f]{32})")
_FILE = "<FILE>:"
REGEX, _NO_REGEX = "<REGEX>:", "<!REGEX>:"
_INTEGERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BIGNUM|DECIMAL\(.*")
_FLOATS = {"FLOAT": 1e-6, "DOUBLE": 1e-9}
"""Relative difference that floats may have: the order in which a sum adds is not part of SQL."""


@dataclass(frozen=True)
class Answer:
    """What a query returned: each column's SQL type, and rows of values as DuckDB casts them to text."""

    types: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True)
class Dialect:
    """How a family of files writes values: ``write`` has the value, its SQL type and the letter of the column."""

    name: str
    write: Callable[[str, str, str], str]


def _as_duckdb(value: str, dtype: str, _: str) -> str:
    if dtype == "BOOLEAN":
        return "1" if value == "true" else "0"
    return value.replace("\0", "\\0")


def _as_sqlite(value: str, dtype: str, letter: str) -> str:
    """Integers, three decimals, or text in which other characters than printable ASCII are ``@``."""
    if dtype == "BOOLEAN":
        value = _as_duckdb(value, dtype, letter)
    number = _decimal(value)
    if letter == "I" and number is not None:
        return str(int(number))
    if letter == "R" and number is not None:
        return f"{number:.3f}"
    return "".join(c if " " <= c <= "~" else "@" for c in value)


DIALECTS = {dialect.name: dialect for dialect in (Dialect("duckdb", _as_duckdb), Dialect("sqlite", _as_sqlite))}


def written(answer: Answer, query: Query, dialect: Dialect) -> list[Cells]:
    """The rows as the file writes values, in the order that the query's sort mode asks for."""
    letters = query.types.ljust(len(answer.types), "T")
    rows = [
        tuple(_cell(value, *column, dialect) for value, *column in zip(row, answer.types, letters, strict=False))
        for row in answer.rows
    ]
    return in_order(rows, query.sort)


def in_order(rows: Sequence[Cells], sort: str) -> list[Cells]:
    """The rows sorted as text for rowsort; for valuesort all values, one a row."""
    if sort == "valuesort":
        return sorted((cell,) for row in rows for cell in row)
    return sorted(rows) if sort == "rowsort" else list(rows)


def _cell(value: str | None, dtype: str, letter: str, dialect: Dialect) -> str:
    if value is None:
        return "NULL"
    return dialect.write(value, dtype, letter) or "(empty)"


def digest(rows: Sequence[Cells]) -> str:
    """The hash that files give instead of many values: MD5 over every value and a line feed."""
    md5 = hashlib.md5(usedforsecurity=False)
    for row in rows:
        for cell in row:
            md5.update(f"{cell}\n".encode())
    return md5.hexdigest()


def difference(answer: Answer, query: Query, dialect: Dialect, folders: Sequence[Path] = ()) -> str | None:
    """How the answer differs from what the query expects, in a sentence; None if it does not.

    folders: where ``<FILE>:`` is looked for.
    """
    width = len(answer.types)
    if width != len(query.types):
        return f"{width} columns instead of {len(query.types)}"
    if query.expected is None:
        return None
    rows = written(answer, query, dialect)
    types = ("",) if query.sort == "valuesort" else answer.types
    if len(query.expected) == 1 and (found := _HASH.fullmatch(query.expected[0])):
        return _different_hash(rows, int(found[1]), found[2])
    if len(query.expected) == 1 and query.expected[0].startswith(_FILE):
        expected = _file_rows(query.expected[0].removeprefix(_FILE), folders)
    else:
        expected = expected_rows(query.expected, width)
        if expected is None:
            return f"{len(query.expected)} lines are not rows of {width} columns; the answer has {len(rows)} rows"
    return _different_rows(rows, in_order(expected, query.sort), types)


def expected_rows(lines: Sequence[str], width: int) -> list[Cells] | None:
    """The rows that these lines are: a row a line with tabs between values, or a value a line; None if neither."""
    split = [tuple(line.split("\t")) for line in lines]
    if all(len(row) == width for row in split):
        return split
    if len(lines) % width == 0:
        return [tuple(lines[i : i + width]) for i in range(0, len(lines), width)]
    return None


def _different_hash(rows: Sequence[Cells], count: int, wanted: str) -> str | None:
    values = sum(map(len, rows))
    if values != count:
        return f"{values} values instead of {count}"
    found = digest(rows)
    return None if found == wanted else f"values hash to {found} instead of {wanted}"


def _different_rows(rows: Sequence[Cells], expected: Sequence[Cells], types: Sequence[str]) -> str | None:
    if len(rows) != len(expected):
        return f"{len(rows)} rows instead of {len(expected)}"
    for number, (row, wanted) in enumerate(zip(rows, expected, strict=True), 1):
        for column, (cell, text, dtype) in enumerate(zip(row, wanted, types, strict=True), 1):
            if not same(cell, text, dtype):
                return f"row {number}, column {column}: {cell} instead of {text}"
    return None


def same(cell: str, wanted: str, dtype: str) -> bool:
    """Whether a value of this SQL type is the expected one: equal numbers may be written differently."""
    if cell == wanted:
        return True
    for prefix, holds in ((REGEX, True), (_NO_REGEX, False)):
        if wanted.startswith(prefix):
            return (re.search(wanted.removeprefix(prefix), cell) is not None) == holds
    if dtype == "BOOLEAN":
        return {"true": "1", "false": "0"}.get(wanted.lower()) == cell
    if dtype in _FLOATS:
        return _close(cell, wanted, _FLOATS[dtype])
    number = _decimal(wanted)
    return number is not None and _INTEGERS.fullmatch(dtype) is not None and _decimal(cell) == number


def _close(cell: str, wanted: str, tolerance: float) -> bool:
    try:
        found, expected = float(cell), float(wanted)
    except ValueError:
        return False
    return (
        found == expected
        or (math.isnan(found) and math.isnan(expected))
        or math.isclose(found, expected, rel_tol=tolerance)
    )


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _file_rows(name: str, folders: Sequence[Path]) -> list[Cells]:
    """The rows of a file of values between bars, below a line of names."""
    path = next((folder / name for folder in folders if (folder / name).exists()), Path(name))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="|"))
    return [tuple(row) for row in rows[1:]]
