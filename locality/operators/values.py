"""Rows that the query itself says: a VALUES list, the one row of a SELECT without FROM, none for a false condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from locality.encodings import EncodedColumn, from_arrow
from locality.encodings.canonical import plain_dtype
from locality.errors import Unsupported
from locality.operators.codegen.results import bitmap, float_column, integer_column
from locality.operators.physical import Execution, Explanation
from locality.operators.relations.batch import Batch
from locality.operators.relations.relation import is_integer
from locality.plan.expressions import PhysicalValue
from locality.plan.intervals import Interval
from locality.plan.nodes import Values
from locality.types import DataType, Domain, to_arrow


class ValuesList:
    """The rows of a :class:`Values` node."""

    def __init__(self, node: Values) -> None:
        self.types = node.types
        by_column = [[row[i] for row in node.rows] for i in range(len(node.types))]
        columns = tuple(column_of_values(values, dtype) for values, dtype in zip(by_column, node.types, strict=True))
        intervals = tuple(_interval(values, dtype) for values, dtype in zip(by_column, node.types, strict=True))
        self._batch = Batch(columns, len(node.rows), intervals)

    def execute(self, execution: Execution) -> Batch:
        return self._batch

    def explain(self) -> Explanation:
        return Explanation("values", (f"{self._batch.row_count:,} rows of {len(self.types)} columns",))


def column_of_values(values: Sequence[PhysicalValue], dtype: DataType) -> EncodedColumn:
    """Physical values as a column; raises Unsupported for types whose values have no physical form of their own."""
    valid = np.array([value is not None for value in values], dtype=np.bool_)
    if not valid.any():
        return EncodedColumn(dtype, "constant", len(values), all_null=True)
    known: list[Any] = [0 if value is None else value for value in values]
    match dtype.domain:
        case Domain.INTEGER if not dtype.is_decimal:
            codes = np.array(known, dtype=plain_dtype(dtype))
            return EncodedColumn(dtype, "plain", len(codes), codes=codes, validity=bitmap(valid))
        case Domain.INTEGER:
            return integer_column(dtype, np.array(known, dtype=object), valid)
        case Domain.WIDE if dtype.name == "HUGEINT":
            return integer_column(dtype, np.array(known, dtype=object), valid)
        case Domain.FLOAT:
            return float_column(dtype, np.array(known, dtype=np.float64), valid)
        case Domain.STRING:
            return from_arrow(pa.array(values, to_arrow(dtype)), dtype)
        case _:
            raise Unsupported(f"VALUES list of {dtype}")


def _interval(values: Sequence[PhysicalValue], dtype: DataType) -> Interval | None:
    if not is_integer(dtype):
        return None
    known = [int(value) for value in values if isinstance(value, int)]
    interval = Interval(min(known, default=0), max(known, default=0))
    return interval if interval.fits_int64 else None
