"""How many bytes an access to encoded columns moves, in whole cache lines."""

from __future__ import annotations

import numpy as np

from locality.encodings import EncodedColumn, stored_bytes
from locality.operators.relations.relation import Positions, Relation, Segment

LINE_BYTES = 64
#: Beyond so many rows the lines that they touch are estimated rather than counted.
_MOST_COUNTED = 100_000


def width_of(column: EncodedColumn) -> float:
    """Stored bytes a row."""
    return stored_bytes(column) / max(column.length, 1)


def touched_share(width: float, share: float) -> float:
    """The share of a column's lines that scattered rows touch, if a ``share`` of all rows is wanted."""
    rows_a_line = max(LINE_BYTES / max(width, 1 / 8), 1.0)
    return float(1 - (1 - min(share, 1.0)) ** rows_a_line)


def gathered_bytes(relation: Relation, index: int, positions: Positions | None) -> int:
    """Bytes of the lines that a column's values at ``positions`` lie on; the whole column for None."""
    if not relation.segments or relation.row_count == 0:
        return 0
    first = relation.segments[0] if positions is None or not len(positions) else _segment_of(relation, positions)
    width = width_of(first.column(index))
    if positions is None:
        return int(width * relation.row_count)
    if len(positions) > _MOST_COUNTED:
        return int(width * relation.row_count * touched_share(width, len(positions) / relation.row_count))
    lines = len(np.unique((positions * width).astype(np.int64) // LINE_BYTES))
    return int(lines * max(LINE_BYTES, width))


def _segment_of(relation: Relation, positions: Positions) -> Segment:
    number = int(np.searchsorted(relation.starts, positions[0], side="right")) - 1
    return relation.segments[number]
