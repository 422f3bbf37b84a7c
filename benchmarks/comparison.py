"""Whether two answers are the same: the reference's and an engine's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from .digest import Brief, Digest
from .model import AnswerRow

RELATIVE_TOLERANCE = 1e-9
"""Allowed relative difference of floating-point values, whose sums depend on the order of addition."""

ABSOLUTE_TOLERANCE = 1e-12
"""The same about zero, where terms that cancel each other leave nothing but their rounding."""


def brief_difference(expected: Brief, actual: Brief, *, ordered: bool, exact: bool) -> str | None:
    """The same of answers in brief; of digests the first column that differs."""
    if isinstance(expected, Digest) and isinstance(actual, Digest):
        if expected.rows != actual.rows:
            return f"{actual.rows} rows instead of {expected.rows}"
        found = difference(expected.as_rows(), actual.as_rows(), ordered=True, exact=exact)
        return found and f"as digests, a row a column with its NULLs, least, greatest and sum: {found}"
    if isinstance(expected, Digest) or isinstance(actual, Digest):
        return f"{len(actual)} rows instead of {len(expected)}"
    return difference(expected, actual, ordered=ordered, exact=exact)


def difference(expected: Sequence[AnswerRow], actual: Sequence[AnswerRow], *, ordered: bool, exact: bool) -> str | None:
    """What is different, in a sentence that names row and column (from 1), or None if the answers are the same.

    ordered: compare row by row; else as multisets of rows.
    exact: integers, decimals, strings and dates must be equal and of the same Python type, and only floats have a
        tolerance; else any number is compared with any number with that tolerance, a decimal that stands for a
        floating-point quotient with that of its last digit; a number of days may be an interval, a date the
        moment at which it begins, or ISO text.
    """
    if len(expected) != len(actual):
        return f"{len(actual)} rows instead of {len(expected)}"
    if not ordered:
        expected, actual = sorted(expected, key=_sort_key), sorted(actual, key=_sort_key)
    for number, (wanted, got) in enumerate(zip(expected, actual, strict=True), 1):
        if len(wanted) != len(got):
            return f"row {number} has {len(got)} columns instead of {len(wanted)}"
        for column, (x, y) in enumerate(zip(wanted, got, strict=True), 1):
            if not _same(x, y, exact):
                return f"row {number}, column {column}: {y!r} instead of {x!r}"
    return None


def _same(expected: Any, actual: Any, exact: bool) -> bool:
    if expected is None or actual is None:
        return expected is actual
    if not exact:
        return _alike(expected, actual)
    if type(expected) is not type(actual):
        return False
    return _close(expected, actual) if isinstance(expected, float) else bool(expected == actual)


def _alike(expected: Any, actual: Any) -> bool:
    numbers = (int, float, Decimal)
    if isinstance(expected, float) and isinstance(actual, Decimal):  # a quotient that was cut to so many digits
        unit = 10.0 ** int(actual.as_tuple().exponent)
        return math.isclose(expected, float(actual), rel_tol=RELATIVE_TOLERANCE, abs_tol=unit)
    if isinstance(expected, numbers) and isinstance(actual, numbers):
        return _close(float(expected), float(actual))
    if isinstance(expected, numbers) and isinstance(actual, timedelta):
        return actual == timedelta(days=float(expected))
    if isinstance(expected, date):
        return _instant(actual) == _instant(expected)
    return bool(expected == actual)


def _instant(value: Any) -> datetime | None:
    """A date as its first moment, and ISO text as what it says; None for what is no time."""
    match value:
        case datetime():
            return value
        case date():
            return datetime(value.year, value.month, value.day)
        case str():
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                return None
        case _:
            return None


def _close(expected: float, actual: float) -> bool:
    if math.isnan(expected) or math.isnan(actual):
        return math.isnan(expected) and math.isnan(actual)
    return math.isclose(expected, actual, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)


def _sort_key(row: AnswerRow) -> tuple[Any, ...]:
    """A key that sorts both answers alike: other values before numbers, since floats may differ in their last digits.

    An inexact engine's types sort like the reference's: any number by its value, ISO text as its date.
    NaN comes after every number.
    """
    numbers = [isinstance(value, (int, float, Decimal)) for value in row]
    texts = ["" if number else str(value) for value, number in zip(row, numbers, strict=True)]
    floats = [float(value) if number else 0.0 for value, number in zip(row, numbers, strict=True)]
    return tuple(texts), tuple((math.isnan(value), 0.0 if math.isnan(value) else value) for value in floats)
