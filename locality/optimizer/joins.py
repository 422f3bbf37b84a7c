"""Joins in the order that moves the fewest bytes, with filters pushed below them and without what they don't need."""

from __future__ import annotations

from dataclasses import dataclass, replace

from locality.optimizer.assemble import assemble
from locality.optimizer.distribute import distributed
from locality.optimizer.estimate import Estimator
from locality.optimizer.facts import Prover
from locality.optimizer.graph import Graph
from locality.optimizer.implied import with_implied_terms
from locality.optimizer.order import best_tree
from locality.optimizer.prune import prune_columns
from locality.optimizer.push import pushed
from locality.optimizer.refine import refine, telling
from locality.optimizer.regions import Region, Relation, region_of
from locality.optimizer.statistics import Statistics
from locality.plan.columns import shifted
from locality.plan.expressions import Expression, columns_of, conjunction, conjuncts
from locality.plan.nodes import Filter, Join, Node, Shared, Union, inputs_of, walk_nodes, with_inputs


def order_joins(root: Node, statistics: Statistics) -> Node:
    """The plan with every region of joins put together anew; its output columns stay as they are."""
    if not any(isinstance(node, Join) for node in walk_nodes(root)):
        return root
    root = prune_columns(root)  # what joins carry costs
    return _Planner(Prover(statistics), Estimator(statistics)).planned(root)


@dataclass(frozen=True)
class _Planner:
    prover: Prover
    estimator: Estimator

    def planned(self, node: Node) -> Node:
        if isinstance(node, Shared):
            definition = self.planned(node.definition)
            return Shared(definition, self._knowing(node.number, definition).planned(node.child), node.number)
        region = region_of(node, self.prover)
        if len(region.relations) == 1:
            inputs = [self.planned(child) for child in inputs_of(node)]
            return self._without_idle_tests(with_inputs(node, inputs))
        region, constant = pushed_down(with_implied_terms(refine(region, self.prover)))
        apart = [] if constant else distributed(region, self.prover, self.estimator)
        if apart:
            return Union(tuple(map(self.planned, apart)))
        relations = tuple(replace(relation, node=self.planned(relation.node)) for relation in region.relations)
        region = replace(region, relations=relations)
        graph = Graph(region, self.prover, self.estimator)
        return assemble(graph, best_tree(graph), constant, region.outputs)

    def _without_idle_tests(self, node: Node) -> Node:
        if not isinstance(node, Filter):
            return node
        kept = telling(conjuncts(node.predicate), self.prover.facts(node.child).never_null)
        return Filter(node.child, conjunction(kept)) if kept else node.child

    def _knowing(self, number: int, definition: Node) -> _Planner:
        """What plans may know below the shared result ``number``."""
        facts = {**self.prover.shared, number: self.prover.facts(definition)}
        estimates = {**self.estimator.shared, number: self.estimator.estimate(definition)}
        return _Planner(replace(self.prover, shared=facts), replace(self.estimator, shared=estimates))


def pushed_down(region: Region) -> tuple[Region, list[Expression]]:
    """The region with terms over one relation in that relation; and the terms that read none."""
    left: list[Expression] = []
    constant: list[Expression] = []
    local: dict[int, list[Expression]] = {}
    owners = region.owners()
    for term in region.terms:
        read = {owners[column] for column in columns_of(term)}
        if not read:
            constant.append(term)
        elif len(read) == 1 and region.relations[min(read)].kind == "inner":
            local.setdefault(min(read), []).append(term)
        else:
            left.append(term)
    relations = (_filtered(relation, local.get(i, [])) for i, relation in enumerate(region.relations))
    return Region(tuple(relations), tuple(left), region.outputs), constant


def _filtered(relation: Relation, terms: list[Expression]) -> Relation:
    """The relation with ``terms``, and those of its own condition that read nothing else, moved into its node.

    What a mark's condition says of its own rows stays: NULL in it is not the same as a row that is not there.
    """
    own = frozenset(relation.own)
    moved = [term for term in relation.terms if columns_of(term) and columns_of(term) <= own]
    if relation.kind == "mark":
        moved = []
    kept = tuple(term for term in relation.terms if term not in moved)
    node = pushed(relation.node, [shifted(term, -relation.first) for term in (*terms, *moved)])
    return replace(relation, node=node, terms=kept)
