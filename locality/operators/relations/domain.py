"""The codes that a column can have, and the values they stand for, where these are few."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from locality.encodings import EncodedColumn, decode
from locality.encodings.column import Dictionary
from locality.operators.relations.relation import Relation
from locality.plan.intervals import Interval
from locality.types import DataType, Domain, to_arrow

#: The most codes of an integer column that are enumerated; a dictionary's entries are few against the rows by choice.
MOST_CODES = 65536


@dataclass(frozen=True, eq=False)
class CodeDomain:
    """All codes of one segment's column, ``first_code`` up to ``first_code + size - 1``.

    key: equal for segments whose codes mean the same values.
    """

    key: Hashable
    type: DataType
    size: int
    first_code: int = 0
    base: int = 0
    factor: int = 1
    dictionary: Dictionary | None = None

    def values(self) -> pa.Array:
        """The value of every code in order, then NULL: shape (size + 1,)."""
        if self.dictionary is not None:
            entries = self.dictionary.values
        elif self.size == 0:
            entries = pa.array([], type=to_arrow(self.type))
        else:
            codes = np.arange(self.size, dtype=np.uint64)
            entries = decode(
                EncodedColumn(self.type, "scaled", self.size, codes=codes, base=self.base, factor=self.factor)
            )
        return pa.concat_arrays([entries, pa.nulls(1, entries.type)])


def code_key(column: EncodedColumn) -> Hashable:
    """Equal for columns of one type whose codes mean the same values."""
    dictionary = None if column.dictionary is None else column.dictionary.key
    return (column.encoding, column.base, column.factor, dictionary, column.all_null)


def domain_of(column: EncodedColumn, interval: Interval | None) -> CodeDomain | None:
    """The domain of a segment's column whose integers lie in ``interval``; None if it is not small."""
    if column.dictionary is not None:
        return CodeDomain(column.dictionary.key, column.type, len(column.dictionary), dictionary=column.dictionary)
    if column.all_null:
        return CodeDomain(("nulls", column.type), column.type, 0)
    if interval is None or column.type.domain is not Domain.INTEGER:
        return None
    return _integer_domain(column, interval)


def _integer_domain(column: EncodedColumn, interval: Interval) -> CodeDomain | None:
    match column.encoding:
        case "plain":
            base, factor, first, size = interval.low, 1, interval.low, interval.size
        case "constant":
            base, factor, first, size = column.base, 1, 0, 1
        case "frame" | "scaled" | "rle":
            base, factor, first = column.base, column.factor, 0
            size = (interval.high - base) // factor + 1
        case _:
            return None
    if not 0 < size <= MOST_CODES:
        return None
    return CodeDomain((base, factor, size, first, column.type), column.type, size, first, base, factor)


def domains_of(relation: Relation, index: int) -> list[CodeDomain] | None:
    """The domain of a column in each segment; None if one is not small, or not small against the relation's rows."""
    domains = []
    for segment in relation.segments:
        domain = domain_of(segment.column(index), relation.intervals[index])
        if domain is None or domain.size > 4 * relation.row_count + 1024:
            return None
        domains.append(domain)
    return domains
