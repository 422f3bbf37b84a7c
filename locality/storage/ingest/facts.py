"""Facts about the values of a column, gathered chunk by chunk and joined in row order."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from locality.encodings.column import AnyArray
from locality.storage.bounds import Value, at_most
from locality.storage.ingest.seen import Seen

_SAMPLE = 256


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about consecutive rows of a column.

    minimum, maximum: exact bounds of the values that are neither NULL nor NaN; None if there are none, or unknown.
    first, last: comparable keys of the first and the last row; None if unknown or if there are NULLs.
    ascending, strict, descending: the order of the rows; all False if unknown or if there are NULLs.
    factor: greatest common divisor of the differences of INTEGER values; 0 if they are all equal.
    runs: stretches of equal codes; as many as rows where unknown.
    seen: distinct values that these rows may add to those before; None where they are known otherwise or not at all.
    has_nan: whether a FLOAT is NaN.
    bits: the bit pattern that all FLOAT values share; None if there is none.
    wide: a value does not fit a signed 64-bit integer.
    text_bytes, longest_text: of strings.
    """

    rows: int
    nulls: int = 0
    minimum: Value | None = None
    maximum: Value | None = None
    first: Value | None = None
    last: Value | None = None
    ascending: bool = False
    strict: bool = False
    descending: bool = False
    factor: int = 1
    runs: int = 0
    seen: Seen | None = None
    has_nan: bool = False
    bits: int | None = None
    wide: bool = False
    text_bytes: int = 0
    longest_text: int = 0

    def join(self, later: Facts) -> Facts:
        """The facts about these rows followed by ``later``."""
        if not self.rows or not later.rows:
            return later if not self.rows else self
        last, first = self.last, later.first
        rises = last is not None and first is not None and at_most(last, first)
        falls = last is not None and first is not None and at_most(first, last)
        return Facts(
            rows=self.rows + later.rows,
            nulls=self.nulls + later.nulls,
            minimum=_bound(min, self.minimum, later.minimum),
            maximum=_bound(max, self.maximum, later.maximum),
            first=self.first,
            last=later.last,
            ascending=rises and self.ascending and later.ascending,
            strict=rises and not falls and self.strict and later.strict,
            descending=falls and self.descending and later.descending,
            factor=_joined_factor(self, later),
            runs=self.runs + later.runs - (rises and falls),
            seen=None if self.seen is None or later.seen is None else self.seen.merge(later.seen),
            has_nan=self.has_nan or later.has_nan,
            bits=_joined_bits(self, later),
            wide=self.wide or later.wide,
            text_bytes=self.text_bytes + later.text_bytes,
            longest_text=max(self.longest_text, later.longest_text),
        )


def _bound(choose: Callable[[Any, Any], Value], left: Value | None, right: Value | None) -> Value | None:
    if left is None or right is None:
        return right if left is None else left
    return choose(left, right)


def _joined_bits(left: Facts, right: Facts) -> int | None:
    if left.nulls == left.rows or right.nulls == right.rows:
        return right.bits if left.nulls == left.rows else left.bits
    return left.bits if left.bits == right.bits else None


def _joined_factor(left: Facts, right: Facts) -> int:
    if not isinstance(left.minimum, int) or not isinstance(right.minimum, int):
        return right.factor if left.minimum is None else left.factor
    return math.gcd(left.factor, right.factor, left.minimum - right.minimum)


def with_order(facts: Facts, keys: AnyArray, first: int | bytes, last: int | bytes) -> Facts:
    """The facts with the number of runs, and with the order of the rows if none is NULL."""
    before, after = keys[:-1], keys[1:]
    changes = int(np.count_nonzero(before != after))
    if facts.nulls:
        return replace(facts, runs=changes + 1)
    ascending = _never(np.greater, before, after)
    return replace(
        facts,
        first=first,
        last=last,
        ascending=ascending,
        strict=ascending and changes == len(keys) - 1,
        descending=_never(np.less, before, after),
        runs=changes + 1,
    )


def _never(compare: np.ufunc, before: AnyArray, after: AnyArray) -> bool:
    """Whether ``compare`` holds for no pair; the first ones nearly always tell where it does."""
    return not compare(before[:_SAMPLE], after[:_SAMPLE]).any() and not compare(before, after).any()
