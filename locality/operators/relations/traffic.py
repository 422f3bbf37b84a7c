"""How many bytes an access to encoded columns moves, in whole cache lines."""

from __future__ import annotations

import weakref

import numpy as np

from locality.operators.relations.relation import Positions, Relation

LINE_BYTES = 64
#: Beyond so many rows the lines that they touch are estimated rather than counted; up to so many, counted one by one.
_MOST_COUNTED = 100_000
_FEW = 32
#: Of so many of them, the first and the last tell how far apart they lie.
_SAMPLED = 1024
#: Lines of a column for each wanted row, up to which marking them takes less time than sorting.
_MOST_MARKS = 64


def touched_share(width: float, share: float) -> float:
    """The share of a column's lines that scattered rows touch, if a ``share`` of all rows is wanted."""
    rows_a_line = max(LINE_BYTES / max(width, 1 / 8), 1.0)
    return float(1 - (1 - min(share, 1.0)) ** rows_a_line)


def gathered_bytes(relation: Relation, index: int, positions: Positions | None) -> int:
    """Bytes of the lines that a column's values at ``positions`` lie on; the whole column for None."""
    if not relation.segments or relation.row_count == 0:
        return 0
    width = _width(relation, index, 0 if positions is None or not len(positions) else int(positions[0]))
    if positions is None:
        return int(width * relation.row_count)
    if len(positions) > _MOST_COUNTED:
        some = positions[:: len(positions) // _SAMPLED]  # rows may lie together, as they do where zones were left out
        span = min(int(some.max()) - int(some.min()) + 1, relation.row_count)
        return int(width * span * touched_share(width, len(positions) / span))
    last = relation.memo.get("lines")  # columns of one width have the same
    if last is None or last[0]() is not positions:
        last = (weakref.ref(positions), {})
        relation.memo.keep("lines", last)
    found: dict[float, int] = last[1]
    if width not in found:
        found[width] = int(_lines(positions, width) * max(LINE_BYTES, width))
    return found[width]


def _lines(positions: Positions, width: float) -> int:
    """How many lines hold values of so many bytes at ``positions``."""
    if len(positions) <= _FEW:
        return len({int(position * width) // LINE_BYTES for position in positions.tolist()})
    lines = (positions * width).astype(np.int64) // LINE_BYTES
    steps = np.diff(lines)
    if (steps >= 0).all():
        return 1 + int(np.count_nonzero(steps))
    if int(lines.max()) > _MOST_MARKS * len(lines):
        return len(np.unique(lines))
    seen = np.zeros(int(lines.max()) + 1, np.bool_)
    seen[lines] = True
    return int(np.count_nonzero(seen))


def gathered_reads(relation: Relation, index: int, positions: Positions | None) -> dict[str, int]:
    """The same bytes by the name of the stored column that the values come from; '' if they are none's."""
    origin = relation.segments[0].origin(index) if len(relation.segments) == 1 else None
    if positions is not None and len(positions) and int(positions.min()) < 0:
        positions = positions[positions >= 0]  # NULLs of an outer join are no rows
    if origin is None:
        return {relation.stored_name(index): gathered_bytes(relation, index, positions)}
    source, column, rows = origin
    if positions is None or rows is None:
        return gathered_reads(source, column, rows if positions is None else positions)
    return gathered_reads(source, column, rows[positions])


def _width(relation: Relation, index: int, row: int) -> float:
    """Stored bytes a row of a column, in the segment of ``row``."""
    if len(relation.segments) == 1:
        return relation.segments[0].width(index)
    number = int(relation.starts.searchsorted(row, side="right")) - 1
    key = ("width", number, index)
    return relation.memo.once(key, lambda: relation.segments[number].width(index))
