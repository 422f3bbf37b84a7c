"""What of a relation's rows a prepared pipeline depends on: rows with an equal signature can take each other's place.

A query that runs again over the same snapshot meets intermediate results of the same form. Their preparation (tests,
accumulators, kernels, which arguments these take) is kept from run to run, and only the arrays are bound anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from locality.encodings import EncodedColumn
from locality.operators.relations.domain import code_key
from locality.operators.relations.links import Link
from locality.operators.relations.relation import LinkedSegment, Relation, Segment
from locality.plan.structure import structure, structures


def signature(relation: Relation, columns: Iterable[int]) -> Hashable:
    """A key that is equal for relations over which a plan that reads ``columns`` is prepared alike."""
    own = relation.links[0].first if relation.links else len(relation.types)
    read = sorted(columns)
    if relation.name:
        base: Hashable = relation.prepared  # which belongs to one stored table's rows
        if base is None:
            base = tuple([id(_own(segment)) for segment in relation.segments])
        described = [index for index in read if index >= own]
    else:
        base, described = relation.row_count, read
    forms = tuple([_form(_column(relation, index)) for index in described])
    links = tuple((link.first, link.index and link.index.signature, link.runs is None) for link in relation.links)
    return base, tuple(read), forms, relation.intervals, links


def _column(relation: Relation, index: int) -> EncodedColumn:
    """A column of the first segment, or of what a link matches it with."""
    link = relation.link_of(index)
    return relation.segments[0].column(index) if link is None else link.target.segments[0].column(index - link.first)


def _form(column: EncodedColumn) -> Hashable:
    """All of a column that a plan depends on, but for its values."""
    codes = column.codes
    return code_key(column), None if codes is None else (codes.dtype, codes.ndim), column.validity is None


def form_key(relation: Relation, columns: Iterable[int]) -> Hashable:
    """A key that is equal for rows of one stored table with links over which plans that read ``columns`` are alike.

    Unlike a signature's, the plan need not be the one that made the links.
    """
    if not relation.links:
        return ()
    return tuple(_link_key(link) for link in relation.links), signature(relation, columns)


def result_form(relation: Relation, columns: Iterable[int]) -> Hashable:
    """What is known of some columns of an intermediate result."""
    return tuple(
        (relation.types[i], relation.intervals[i], *(code_key(segment.column(i)) for segment in relation.segments))
        for i in columns
    )


def _link_key(link: Link) -> Hashable:
    return (
        link.kind,
        structures(link.keys),
        structure(link.condition),
        link.key_columns,
        link.whole,
        link.ranked and link.ranked.signature,
    )


def _own(segment: Segment) -> Segment:
    while isinstance(segment, LinkedSegment):
        segment = segment.base
    return segment
