"""Shared results narrowed to the rows that some reader asks for.

Readers of a common table expression often ask each for rows of its own: this year's and last year's, one of three
channels. What any of them may want is an OR of their filters, which is pushed to where the result is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from locality.optimizer.facts import Prover
from locality.optimizer.implied import bounds_of_columns, factored, with_implied_terms
from locality.optimizer.joins import pushed_down
from locality.optimizer.push import pushed
from locality.optimizer.regions import region_of
from locality.optimizer.statistics import Statistics
from locality.plan.columns import substituted
from locality.plan.expressions import Expression, columns_of, conjunction, conjuncts, joined
from locality.plan.nodes import Filter, Join, Node, Project, Shared, SharedScan, inputs_of


def narrow_shared(root: Node, statistics: Statistics) -> Node:
    """The plan in which results shared at its top have only rows that at least one of their readers keeps.

    Readers keep their filters. From the last shared result to the first, as later ones read earlier ones.
    """
    if not isinstance(root, Shared):
        return root
    child = narrow_shared(root.child, statistics)
    asked = list(_asked(child, root.number, (), Prover(statistics)))
    narrow = bool(asked) and all(asked)
    definition = pushed(root.definition, _of_any(asked)) if narrow else root.definition
    return replace(root, definition=definition, child=child)


def _asked(node: Node, number: int, terms: Sequence[Expression], prover: Prover) -> Iterator[Sequence[Expression]]:
    """What each reader of a shared result asks of its columns, where ``terms`` are asked of the rows of ``node``."""
    match node:
        case SharedScan() if node.number == number:
            yield terms
        case Filter(child, predicate):
            yield from _asked(child, number, (*conjuncts(predicate), *terms), prover)
        case Project(child, expressions):
            yield from _asked(child, number, [substituted(term, expressions) for term in terms], prover)
        case _:
            parts = _joined(node, terms, prover) if isinstance(node, Join) else inputs_of(node)
            for each in parts:
                yield from _asked(each, number, (), prover)


def _joined(node: Join, terms: Sequence[Expression], prover: Prover) -> Sequence[Node]:
    """What a join puts together, with the terms that follow for each part."""
    region = region_of(Filter(node, conjunction(terms)), prover)
    if len(region.relations) == 1:
        return inputs_of(node)
    return [relation.node for relation in pushed_down(with_implied_terms(region))[0].relations]


def _of_any(asked: Sequence[Sequence[Expression]]) -> list[Expression]:
    """What follows from the terms of any reader for one column at a time: such terms may be pushed furthest."""
    found: list[Expression] = []
    for term in factored(joined("or", [conjunction(terms) for terms in asked])):
        found += [term] if len(columns_of(term)) == 1 else [bound for _, bound in bounds_of_columns(term)]
    return found
