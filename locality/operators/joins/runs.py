"""Rows that match few keys, found from the keys' side: for links, where the left rows lie in the order of their key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locality.operators.physical import Execution
from locality.operators.relations.kept import KEPT
from locality.operators.relations.keyindex import KeyIndex
from locality.operators.relations.members import BitSet
from locality.operators.relations.relation import Relation
from locality.operators.relations.runs import RunIndex, may_ascend, runs_of
from locality.operators.relations.tables import ScannedSegment, own_segment
from locality.plan.expressions import ColumnRef, Expression
from locality.plan.virtual import TYPES
from locality.storage.table import Segment

#: The share of the left rows' keys up to which their rows are found from the keys' side.
_FEW_KEYS = 0.3


def left_runs(
    relation: Relation, keys: Sequence[Expression], index: KeyIndex, execution: Execution
) -> Mapping[Segment, RunIndex] | None:
    """Where the rows of each key begin in the segments of ``relation``, if it pays to go by that; else None."""
    if len(keys) > 1 or not isinstance(index.members, BitSet):
        return None
    (key,), (part,) = keys, index.parts
    if not isinstance(key, ColumnRef) or relation.link_of(key.index) is not None or not part.is_number:
        return None
    if index.ranks > _FEW_KEYS * relation.distinct.get(key.index, 0):
        return None
    segments = [segment for segment in map(own_segment, relation.segments) if segment is not None]
    if len(segments) < len(relation.segments) or any(segment.columns[key.index] in TYPES for segment in segments):
        return None
    if not all(may_ascend(segment.column(key.index)) for segment in segments):
        return None  # one that is not in order spares the others
    return _found(segments, key.index, execution)


def _found(segments: Sequence[ScannedSegment], index: int, execution: Execution) -> Mapping[Segment, RunIndex] | None:
    found: dict[Segment, RunIndex] = {}

    def find(worker: int, segment: ScannedSegment) -> None:
        stored, key = segment.segment, ("runs", segment.columns[index])
        made = KEPT.get((stored,), key, (), execution.memory_limit, lambda: runs_of(segment.column(index)))
        found[stored] = made

    execution.run(segments, find)
    return found if all(len(runs.starts) for runs in found.values()) else None
