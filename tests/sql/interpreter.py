"""A naive interpreter of plans without aggregation: every expression through ``evaluate``, every row in memory."""

from __future__ import annotations

import pyarrow as pa

from locality.plan.nodes import Filter, Limit, Node, Project, Scan, Values
from locality.plan.virtual import ROW_ID
from locality.sql.evaluate import evaluate
from locality.types import to_arrow


def columns(node: Node, table: pa.Table) -> list[pa.Array]:
    """The columns that ``node`` gives over ``table``."""
    match node:
        case Scan(columns=wanted):
            ids = pa.array(range(table.num_rows), pa.int64())
            return [ids if i == ROW_ID else table.column(i).combine_chunks() for i in wanted]
        case Filter(child=child, predicate=predicate):
            inputs = columns(child, table)
            mask = repeated(evaluate(predicate, inputs), table.num_rows if not inputs else len(inputs[0]))
            return [column.filter(mask) for column in inputs]
        case Project(child=child, expressions=expressions):
            inputs = columns(child, table)
            count = len(inputs[0]) if inputs else table.num_rows
            return [repeated(evaluate(e, inputs), count) for e in expressions]
        case Values(rows=(), types=types):
            return [pa.array([], to_arrow(dtype)) for dtype in types]
        case Limit(child=child, limit=limit, offset=offset):
            return [column.slice(offset, limit) for column in columns(child, table)]
        case _:
            raise NotImplementedError(type(node).__name__)


def repeated(array: pa.Array, count: int) -> pa.Array:
    """A constant for every row."""
    if len(array) == 1 and count != 1:
        return pa.concat_arrays([array] * count) if count else array.slice(0, 0)
    return array
