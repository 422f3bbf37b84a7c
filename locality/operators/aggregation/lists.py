"""Aggregates that depend on the order of a group's rows: lists, joined strings, the first value.

Rows are put in the order of their groups and, where the aggregate has an ORDER BY, of its keys; others keep the order
in which they came. A list is then a range of the values in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings import EncodedColumn, canonical, decode, take, without_rows
from locality.errors import Unsupported
from locality.operators.aggregation.members import Members, members_of
from locality.operators.windows.inputs import Input
from locality.operators.windows.totals import counted_rows
from locality.plan.expressions import AggregateCall, Constant
from locality.types import to_arrow

#: Values or bytes that one Arrow list or string array holds.
_MOST_ELEMENTS = 2**31 - 1


def _list(source: Input, call: AggregateCall) -> EncodedColumn:
    """The values of a group, NULL among them, all or as many as a second argument says; NULL for no rows."""
    members = members_of(source, counted_rows(source, call.filter, None), call.keys)
    match call.args[1:]:
        case (Constant(int(count)),):
            members = members.first(count)
    return canonical(_lists(source, call, members, to_arrow(call.type)), call.type)


def _lists(source: Input, call: AggregateCall, members: Members, dtype: pa.DataType) -> pa.Array:
    if len(members.rows) > _MOST_ELEMENTS:
        raise Unsupported(f"{call.name} of {len(members.rows):,} values")
    values = decode(take(source.column(call.args[0]), members.rows))
    offsets = pa.array(members.starts.astype(np.int32))
    return pa.ListArray.from_arrays(offsets, values, type=dtype, mask=pa.array(members.counts == 0))


def _joined(source: Input, call: AggregateCall) -> EncodedColumn:
    """The strings of a group with a separator between them; NULL for none."""
    import pyarrow.compute as pc

    separator = call.args[-1]
    if not isinstance(separator, Constant) or not isinstance(separator.value, str):
        raise Unsupported(f"{call.name} with a separator that is not a constant string")
    members = members_of(source, counted_rows(source, call.filter, call.args[0]), call.keys)
    strings = _lists(source, call, members, pa.list_(pa.string()))
    nbytes = strings.values.nbytes + len(members.rows) * len(separator.value.encode())
    if nbytes > _MOST_ELEMENTS:
        raise Unsupported(f"{call.name} of {nbytes:,} bytes")
    return canonical(pc.binary_join(strings, separator.value), call.type)


def _first(source: Input, call: AggregateCall) -> EncodedColumn:
    """The value of the first row, even if it is NULL."""
    members = members_of(source, counted_rows(source, call.filter, None), call.keys)
    there: npt.NDArray[np.bool_] = members.counts > 0
    rows = np.append(members.rows, 0)[members.starts[:-1]]
    values = take(source.column(call.args[0]), rows)
    return values if there.all() else without_rows(values, there)


ORDERED_AGGREGATES: Mapping[str, Callable[[Input, AggregateCall], EncodedColumn]] = {
    "list": _list,
    "string_agg": _joined,
    "first": _first,
}
"""The aggregates that may have an ORDER BY, by DuckDB's name."""
