"""How many bytes an access to encoded columns moves, in whole cache lines."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from locality.operators.relations.relation import Origin, Positions, Relation

LINE_BYTES = 64
#: Beyond so many rows the lines that they touch are estimated rather than counted; up to so many, counted one by one.
_MOST_COUNTED = 100_000
_FEW = 32
#: Of so many of them, the first and the last tell how far apart they lie.
_SAMPLED = 1024
#: Lines of a column for each wanted row, up to which marking them takes less time than sorting.
_MOST_MARKS = 64

#: How many lines are touched by some positions, by their number as an object, and a width, which several columns have.
_Lines = dict[tuple[int, float], float]


def touched_share(width: float, share: float) -> float:
    """The share of a column's lines that scattered rows touch, if a ``share`` of all rows is wanted."""
    rows_a_line = max(LINE_BYTES / max(width, 1 / 8), 1.0)
    return float(1 - (1 - min(share, 1.0)) ** rows_a_line)


def gathered_reads(columns: Iterable[tuple[Relation, int, Positions | None]]) -> dict[str, int]:
    """Bytes of the lines that columns' values at positions lie on, of whole columns for None.

    By the name of the stored column that the values come from; '' if they are none's. Negative positions are no rows.
    """
    found: dict[str, int] = {}
    composed: dict[tuple[int, int], Positions] = {}
    lines: _Lines = {}
    held: list[Positions | None] = []
    for relation, index, positions in columns:
        while (origin := _origin(relation, index)) is not None:
            relation, index, rows = origin
            if positions is None or rows is None:
                positions = rows if positions is None else positions
                continue
            key = id(rows), id(positions)
            if key not in composed:
                composed[key] = rows[_there(positions)]
                held.append(rows)  # so that no other array gets its number
            positions = composed[key]
        held.append(positions)
        name = relation.stored_name(index)
        found[name] = found.get(name, 0) + _gathered_bytes(relation, index, positions, lines)
    return found


def _origin(relation: Relation, index: int) -> Origin | None:
    return relation.segments[0].origin(index) if len(relation.segments) == 1 else None


def _there(positions: Positions) -> Positions:
    """Without the NULLs of an outer join."""
    return positions[positions >= 0] if len(positions) and positions.min() < 0 else positions


def _gathered_bytes(relation: Relation, index: int, positions: Positions | None, lines: _Lines) -> int:
    if not relation.segments or relation.row_count == 0:
        return 0
    if positions is None:
        return int(_width(relation, index, 0) * relation.row_count)
    width = _width(relation, index, max(int(positions[0]), 0) if len(positions) else 0)
    key = id(positions), width
    if key not in lines:
        lines[key] = _lines(_there(positions), width, relation.row_count)
    return int(lines[key] * max(LINE_BYTES, width))


def _lines(positions: Positions, width: float, rows: int) -> float:
    """How many lines hold values of so many bytes at ``positions``, of so many rows; a guess for very many."""
    if len(positions) > _MOST_COUNTED:
        some = positions[:: len(positions) // _SAMPLED]  # rows may lie together, as they do where zones were left out
        span = min(int(some.max()) - int(some.min()) + 1, rows)
        return width * span * touched_share(width, len(positions) / span) / max(LINE_BYTES, width)
    if len(positions) <= _FEW:
        return len({int(position * width) // LINE_BYTES for position in positions.tolist()})
    lines = (positions * width).astype(np.int64) // LINE_BYTES
    before, after = lines[:-1], lines[1:]
    if (before <= after).all():
        return 1 + int(np.count_nonzero(before != after))
    if int(lines.max()) > _MOST_MARKS * len(lines):
        return len(np.unique(lines))
    seen = np.zeros(int(lines.max()) + 1, np.bool_)
    seen[lines] = True
    return int(np.count_nonzero(seen))


def _width(relation: Relation, index: int, row: int) -> float:
    """Stored bytes a row of a column, in the segment of ``row``."""
    if len(relation.segments) == 1:
        return relation.segments[0].width(index)
    number = int(relation.starts.searchsorted(row, side="right")) - 1
    key = ("width", number, index)
    return relation.memo.once(key, lambda: relation.segments[number].width(index))
