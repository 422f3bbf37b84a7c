"""Rows with links: the same rows in the same segments, which are made when they are asked for."""

from __future__ import annotations

import pyarrow as pa

from locality.operators.relations.links import Link
from locality.operators.relations.meanings import bounds_of, first_zones, meanings_of
from locality.operators.relations.relation import LinkedSegment, Relation
from tests.operators.relations import relation

_PARTS = [pa.table({"x": [start + 1, start + 2, None]}) for start in (0, 10, 20)]
_OTHER = pa.table({"y": [7, 8]})


def _linked(rows: Relation) -> Relation:
    return rows.linked(Link(len(rows.types), (), None, relation([_OTHER]), "inner"))


def test_each_segment_is_made_once() -> None:
    linked = _linked(relation(_PARTS))
    assert len(linked.segments) == 3
    assert [segment is linked.segments[i] for i, segment in enumerate(linked.segments)] == [True] * 3
    assert linked.segments[-1] is linked.segments[2]
    assert [segment.row_count for segment in linked.segments[1:]] == [3, 3]
    assert all(isinstance(segment, LinkedSegment) for segment in linked.segments)


def test_the_rows_are_as_many() -> None:
    rows = relation(_PARTS)
    twice = _linked(_linked(rows))
    assert twice.row_count == rows.row_count == 9
    assert twice.starts.tolist() == rows.starts.tolist() == [0, 3, 6, 9]
    assert first_zones(twice).tolist() == first_zones(rows).tolist()


def test_a_links_columns_mean_the_same_in_all_segments() -> None:
    linked = _linked(relation(_PARTS))
    (meaning,) = meanings_of(linked, 1)
    assert meaning.segments == (0, 1, 2)
    assert meaning.column is linked.segments[2].column(1)
    assert bounds_of(linked, 1) == ()
