"""Aggregates of sorted groups by DuckDB's own functions: those that are not worth a copy, over values of any type."""

from __future__ import annotations

import pyarrow as pa

from locality.encodings import EncodedColumn, canonical, decode
from locality.operators.windows.inputs import Input
from locality.plan.expressions import AggregateCall, ColumnRef, Expression
from locality.sql.evaluate import aggregate

#: Functions whose result does not depend on the order of the rows.
FOREIGN = frozenset(
    {
        *("approx_count_distinct", "fsum", "sumkahan", "kahan_sum", "favg"),
        *("sum", "avg", "min", "max", "count", "mad", "bitstring_agg", "bit_and", "bit_or", "bit_xor", "product"),
    }
)


def by_duckdb(source: Input, call: AggregateCall) -> EncodedColumn:
    """The aggregate of every group; raises Unsupported for what DuckDB refuses, or types that it can't be asked for."""
    read = sorted({e.index for e in call.expressions() if isinstance(e, ColumnRef)})
    columns = {index: ColumnRef(index, source.columns[index].type) for index in read}
    arrays = [decode(source.column(columns[index])) for index in read]

    def local(expression: Expression) -> Expression:
        return (
            ColumnRef(read.index(expression.index), expression.type)
            if isinstance(expression, ColumnRef)
            else expression
        )

    return canonical(aggregate(call.mapped(local), arrays, pa.array(source.ordered.partitions.number)), call.type)
