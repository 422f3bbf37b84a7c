"""What of a relation's rows a prepared pipeline depends on: rows with an equal signature can take each other's place.

A query that runs again over the same snapshot meets intermediate results of the same form. Their preparation (tests,
accumulators, kernels, which arguments these take) is kept from run to run, and only the arrays are bound anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from locality.operators.relations.domain import code_key
from locality.operators.relations.relation import LinkedSegment, Relation, Segment
from locality.operators.relations.shapes import shape_of


def signature(relation: Relation, columns: Iterable[int]) -> Hashable:
    """A key that is equal for relations over which a plan that reads ``columns`` is prepared alike."""
    own = relation.links[0].first if relation.links else len(relation.types)
    read = sorted(columns)
    if relation.name:
        base: Hashable = tuple(id(_own(segment)) for segment in relation.segments)
        described = [index for index in read if index >= own]
    else:
        base, described = relation.row_count, read
    segment = relation.segments[0]
    forms = tuple((shape_of(relation, segment, index), code_key(segment.column(index))) for index in described)
    links = tuple((link.first, link.index and link.index.signature) for link in relation.links)
    return base, tuple(read), forms, relation.intervals, links


def _own(segment: Segment) -> Segment:
    while isinstance(segment, LinkedSegment):
        segment = segment.base
    return segment
