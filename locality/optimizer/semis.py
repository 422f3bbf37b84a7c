"""Semi joins with a table by its key as inner joins: no row meets two, so both keep the same rows."""

from __future__ import annotations

from dataclasses import replace

from locality.optimizer.facts import Prover
from locality.optimizer.graph import sides_of
from locality.optimizer.lineage import is_whole
from locality.optimizer.regions import Region, Relation, region_of
from locality.plan.columns import replaced, shifted
from locality.plan.expressions import ColumnRef


def joined_inner(region: Region, position: int, prover: Prover) -> Region | None:
    """The region with a semi join with a filtered table as an inner one, its filter a term of the region.

    None if the relation at ``position`` is not joined so, or if a row may meet several of its rows.
    """
    relation = region.relations[position]
    if relation.kind != "semi":
        return None
    below = region_of(relation.node, prover)
    if len(below.relations) > 1 or not is_whole(below.relations[0].node):
        return None
    sides = (sides_of(term, relation) for term in relation.terms)
    keys = (pair[0].index - relation.first for pair in sides if pair is not None and isinstance(pair[0], ColumnRef))
    if not prover.facts(relation.node).is_unique(keys):
        return None
    first = 1 + max(region.owners())
    outputs = [shifted(output, first) for output in below.outputs]
    own = relation.own
    terms = (replaced(t, lambda e: outputs[e.index - own.start] if e.index in own else e) for t in relation.terms)
    relations = list(region.relations)
    relations[position] = Relation(below.relations[0].node, first)
    added = (*terms, *(shifted(term, first) for term in below.terms))
    return replace(region, relations=tuple(relations), terms=(*region.terms, *added))
