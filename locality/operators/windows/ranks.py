"""Numbers of a row within its partition: they see no frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from locality.encodings import EncodedColumn
from locality.errors import Unsupported
from locality.operators.codegen.results import float_column, integer_column
from locality.operators.relations.relation import Positions
from locality.operators.windows.inputs import Input, Numbers
from locality.plan.expressions import Constant
from locality.plan.windows import WindowCall


def _row_number(source: Input) -> Numbers:
    return source.ordered.position - source.ordered.partitions.first + 1


def _rank(source: Input) -> Numbers:
    return source.ordered.peers.first - source.ordered.partitions.first + 1


def _dense_rank(source: Input) -> Numbers:
    group = source.ordered.peers.number
    return group - group[source.ordered.partitions.first] + 1


def _percent_rank(source: Input) -> Numbers:
    others = source.ordered.partitions.after - source.ordered.partitions.first - 1
    return (_rank(source) - 1) / np.maximum(others, 1)


def _cume_dist(source: Input) -> Numbers:
    partitions = source.ordered.partitions
    return (source.ordered.peers.after - partitions.first) / (partitions.after - partitions.first)


_NUMBERS: Mapping[str, Callable[[Input], Numbers]] = {
    "row_number": _row_number,
    "rank": _rank,
    "dense_rank": _dense_rank,
    "percent_rank": _percent_rank,
    "cume_dist": _cume_dist,
}


def _numbered(source: Input, call: WindowCall) -> EncodedColumn:
    values = _NUMBERS[call.name](source)
    return float_column(call.type, values, None) if call.type.is_float else integer_column(call.type, values, None)


def _ntile(source: Input, call: WindowCall) -> EncodedColumn:
    """Tiles of rows as even as can be, the larger ones first."""
    if isinstance(call.args[0], Constant) and isinstance(call.args[0].value, int) and call.args[0].value > 0:
        return integer_column(call.type, _tiles(source.ordered.partitions.starts, call.args[0].value), None)
    tiles, valid = source.numbers(call.args[0])
    wanted = tiles.astype(np.int64) if valid is None else np.where(valid, tiles, 1).astype(np.int64)
    if (wanted <= 0).any():
        raise Unsupported("ntile of no tiles")
    partitions = source.ordered.partitions
    rows, row = partitions.after - partitions.first, source.ordered.position - partitions.first
    wanted = np.minimum(wanted, rows)
    size, large = rows // wanted, rows % wanted
    in_large = large * (size + 1)
    tile = np.where(row < in_large, row // (size + 1), large + (row - in_large) // size) + 1
    return integer_column(call.type, tile, valid)


def _tiles(starts: Positions, wanted: int) -> Numbers:
    """The tiles of partitions that begin at ``starts``, each in so many: a number is written as often as it comes."""
    rows = np.diff(starts)
    most = np.minimum(rows, wanted)
    tile = np.arange(most.sum()) - np.repeat(np.cumsum(most) - most, most)
    return np.repeat(tile + 1, np.repeat(rows // most, most) + (tile < np.repeat(rows % most, most)))


RANKS: Mapping[str, Callable[[Input, WindowCall], EncodedColumn]] = {
    **dict.fromkeys(_NUMBERS, _numbered),
    "ntile": _ntile,
}
"""Each function's column in the window's order, by DuckDB's name."""
