"""Zone statistics in a segment's zones file: a row a zone, columns ``<column's number>.<statistic>``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from locality.encodings.numbers import to_numpy
from locality.storage.zones import BLOCKS, ZONE_ROWS, Zones

_TYPES = {
    "nulls": pa.int64(),
    "minimum": pa.int64(),
    "maximum": pa.int64(),
    "prefix_minimum": pa.binary(),
    "prefix_maximum": pa.binary(),
    "sums": pa.int64(),
    "block_minimum": pa.list_(pa.int64(), BLOCKS),
    "block_maximum": pa.list_(pa.int64(), BLOCKS),
}
#: Statistics that the first stores did not keep, or that not all columns have.
_OPTIONAL = ("sums", "block_minimum", "block_maximum")


def to_batch(zones: Sequence[Zones], rows: int) -> pa.RecordBatch:
    """The batch of a segment of ``rows`` rows, from the statistics of its columns in order."""
    columns = {
        f"{index}.{statistic}": array
        for index, column in enumerate(zones)
        for statistic, array in to_arrays(column).items()
    }
    metadata = {b"locality.rows": str(rows).encode(), b"locality.zone_rows": str(ZONE_ROWS).encode()}
    return pa.record_batch(columns, metadata=metadata)


def to_arrays(zones: Zones) -> dict[str, pa.Array]:
    """The statistics that one column has, by name."""
    names = ("nulls", "minimum", "maximum", "prefix_minimum", "prefix_maximum", "sums")
    present = {name: getattr(zones, name) for name in names}
    arrays = {name: pa.array(values, type=_TYPES[name]) for name, values in present.items() if values is not None}
    if zones.blocks is not None:
        for name in ("minimum", "maximum"):
            arrays[f"block_{name}"] = pa.FixedSizeListArray.from_arrays(pa.array(getattr(zones.blocks, name)), BLOCKS)
    return arrays


def describes(stored: Zones, actual: Zones) -> bool:
    """Whether statistics that were read are those of the values; what old stores lack may be missing."""
    found, expected = to_arrays(stored), to_arrays(actual)
    return found == {name: array for name, array in expected.items() if name in found or name not in _OPTIONAL}


def read(batch: pa.RecordBatch, index: int, count: int) -> Zones:
    """The statistics of column ``index``; raises ValueError or KeyError unless they describe ``count`` zones."""
    if batch.num_rows != count:
        raise ValueError(f"it describes {batch.num_rows} zones instead of {count}")
    nulls = _numbers(batch, f"{index}.nulls")
    if nulls is None:
        raise ValueError("it lacks the number of NULLs")
    return Zones(
        nulls,
        _numbers(batch, f"{index}.minimum"),
        _numbers(batch, f"{index}.maximum"),
        _prefixes(batch, f"{index}.prefix_minimum"),
        _prefixes(batch, f"{index}.prefix_maximum"),
        _numbers(batch, f"{index}.sums"),
        _blocks(batch, index, nulls),
    )


def _blocks(batch: pa.RecordBatch, index: int, nulls: np.ndarray) -> Zones | None:
    minimum, maximum = (_column(batch, f"{index}.block_{name}") for name in ("minimum", "maximum"))
    if minimum is None or maximum is None:
        return None
    return Zones(np.repeat(nulls, BLOCKS), to_numpy(minimum.flatten()), to_numpy(maximum.flatten()))


def _numbers(batch: pa.RecordBatch, name: str) -> np.ndarray | None:
    array = _column(batch, name)
    return None if array is None else to_numpy(array)


def _prefixes(batch: pa.RecordBatch, name: str) -> tuple[bytes | None, ...] | None:
    array = _column(batch, name)
    return None if array is None else tuple(array.to_pylist())


def _column(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    position = batch.schema.get_field_index(name)
    if position < 0:
        return None
    array = batch.column(position)
    statistic = name.partition(".")[2]
    if array.type != _TYPES[statistic]:
        raise ValueError(f"its statistic {name} is of type {array.type}")
    array.validate(full=True)
    return array
