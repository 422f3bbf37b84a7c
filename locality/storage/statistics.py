"""Column statistics: what is known of all values of a column, gathered while they stream by at ingest."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from locality.storage.bounds import Value, at_most
from locality.types import DataType, Domain

Order = Literal["ascending", "strictly ascending", "descending"]


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """Statistics of one column.

    rows: values including NULLs.
    minimum, maximum: bounds of the values that are neither NULL nor NaN: int for INTEGER (unscaled decimals, days,
        units since the epoch) and exact; float for FLOAT and exact; for strings the first 16 bytes of the minimum, and
        16 bytes that are >= every value. Both None if there are no such values or the type keeps none (nested types);
        a string's maximum alone is None if no 16 bytes bound it.
    null_count: exact.
    distinct_estimate: distinct values without NULL, about; after an append an upper bound.
    sorted: the order in which the rows are stored, only where it is proven and there is no NULL; NaN is the greatest
        FLOAT, -0.0 equals 0.0, strings compare by bytes.
    has_nan: whether a FLOAT is NaN.
    stored_bytes: bytes of the column in the store's files, without compression of text.
    text_bytes, longest_text: all bytes of a string column, and the length in bytes of its longest value.
    distinct_exact: whether ``distinct_estimate`` is certain.
    """

    rows: int
    minimum: Value | None = None
    maximum: Value | None = None
    null_count: int = 0
    distinct_estimate: int = 0
    sorted: Order | None = None
    has_nan: bool = False
    stored_bytes: int = 0
    text_bytes: int = 0
    longest_text: int = 0
    distinct_exact: bool = False

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values."""
        return {
            "rows": self.rows,
            "minimum": _value_to_json(self.minimum),
            "maximum": _value_to_json(self.maximum),
            "null_count": self.null_count,
            "distinct_estimate": self.distinct_estimate,
            "sorted": self.sorted,
            "has_nan": self.has_nan,
            "stored_bytes": self.stored_bytes,
            "text_bytes": self.text_bytes,
            "longest_text": self.longest_text,
            "distinct_exact": self.distinct_exact,
        }

    @staticmethod
    def from_json(entry: dict[str, Any]) -> ColumnStatistics:
        """The inverse of :meth:`to_json`; raises KeyError, TypeError or ValueError for anything else."""
        return ColumnStatistics(
            rows=int(entry["rows"]),
            minimum=_value_from_json(entry["minimum"]),
            maximum=_value_from_json(entry["maximum"]),
            null_count=int(entry["null_count"]),
            distinct_estimate=int(entry["distinct_estimate"]),
            sorted=_order_from_json(entry["sorted"]),
            has_nan=bool(entry["has_nan"]),
            stored_bytes=int(entry["stored_bytes"]),
            text_bytes=int(entry["text_bytes"]),
            longest_text=int(entry["longest_text"]),
            # The first stores did not say.
            distinct_exact=bool(entry.get("distinct_exact", False)),
        )


def merge_statistics(parts: Sequence[ColumnStatistics], dtype: DataType) -> ColumnStatistics:
    """The statistics of a column whose rows were appended part by part (at least one part)."""
    filled = [part for part in parts if part.rows]
    if len(filled) < 2:
        return filled[0] if filled else parts[-1]
    valued = [part for part in filled if part.null_count < part.rows]
    minima = [part.minimum for part in valued if part.minimum is not None]
    maxima = [part.maximum for part in valued if part.maximum is not None]
    bounded = dtype.domain is not Domain.STRING or len(maxima) == len(valued)
    rows = sum(part.rows for part in filled)
    null_count = sum(part.null_count for part in filled)
    minimum = min(minima, default=None)
    maximum = max(maxima, default=None) if bounded else None
    distinct = min(sum(part.distinct_estimate for part in filled), rows - null_count)
    if isinstance(minimum, int) and isinstance(maximum, int):
        distinct = min(distinct, maximum - minimum + 1)
    return ColumnStatistics(
        rows=rows,
        minimum=minimum,
        maximum=maximum,
        null_count=null_count,
        distinct_estimate=distinct,
        sorted=_merged_order(filled),
        has_nan=any(part.has_nan for part in filled),
        stored_bytes=sum(part.stored_bytes for part in filled),
        text_bytes=sum(part.text_bytes for part in filled),
        longest_text=max(part.longest_text for part in filled),
    )


def _merged_order(parts: Sequence[ColumnStatistics]) -> Order | None:
    """The order of parts that follow each other: kept where each part has it and its bounds prove that it precedes."""
    if any(part.null_count or part.sorted is None or part.has_nan for part in parts):
        return None
    pairs = list(itertools.pairwise(parts))
    rising = all(part.sorted != "descending" for part in parts)
    if rising and all(_bounded_by(a.maximum, b.minimum) for a, b in pairs):
        strict = all(part.sorted == "strictly ascending" for part in parts)
        return "strictly ascending" if strict and all(a.maximum != b.minimum for a, b in pairs) else "ascending"
    # A part whose bounds are equal has one value: it is descending as well.
    falling = all(part.sorted == "descending" or part.minimum == part.maximum for part in parts)
    return "descending" if falling and all(_bounded_by(b.maximum, a.minimum) for a, b in pairs) else None


def _bounded_by(upper: Value | None, lower: Value | None) -> bool:
    """Whether values up to ``upper`` are certainly at most those from ``lower``."""
    return upper is not None and lower is not None and at_most(upper, lower)


def _value_to_json(value: Value | None) -> int | str | None:
    match value:
        case float():
            return f"float:{value.hex()}"
        case bytes():
            return f"bytes:{value.hex()}"
        case _:
            return value


def _value_from_json(value: int | str | None) -> Value | None:
    if not isinstance(value, str):
        return value if value is None else int(value)
    kind, _, digits = value.partition(":")
    if kind == "float":
        return float.fromhex(digits)
    if kind == "bytes":
        return bytes.fromhex(digits)
    raise ValueError(f"not a statistic: {value!r}")


def _order_from_json(text: str | None) -> Order | None:
    match text:
        case None | "ascending" | "strictly ascending" | "descending":
            return text
        case _:
            raise ValueError(f"not an order: {text!r}")
