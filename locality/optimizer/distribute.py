"""Joins that leave few rows of a UNION ALL, for each of its inputs: all their rows need not be put together first.

Sales of several channels are often united and then joined with the dates of a week. Each channel's rows can then be
read by a pipeline that joins them as it goes.
"""

from __future__ import annotations

from dataclasses import replace

from locality.optimizer.estimate import Estimator
from locality.optimizer.facts import Prover
from locality.optimizer.graph import Graph
from locality.optimizer.regions import Region, Relation, rebuilt
from locality.plan.nodes import Filter, Node, Project, Scan, SharedScan, Union

#: The share of a union's rows that joins leave, from which on it is put together first.
_FEW = 0.25


def distributed(region: Region, prover: Prover, estimator: Estimator) -> list[Node]:
    """The plans of a region for each input of a union in it, which together have its rows; none if that does not pay.

    All others than the union are stored tables or shared results, which it costs little to read again.
    """
    unions = [i for i, relation in enumerate(region.relations) if _inputs(relation)]
    if len(unions) != 1 or not all(_is_stored(r.node) for i, r in enumerate(region.relations) if i != unions[0]):
        return []
    graph = Graph(region, prover, estimator)
    if graph.rows(graph.all) > _FEW * graph.estimates[unions[0]].rows:
        return []
    return [rebuilt(_with_node(region, unions[0], each)) for each in _inputs(region.relations[unions[0]])]


def _inputs(relation: Relation) -> tuple[Node, ...]:
    """The inputs of a union whose rows a relation has; none if it is no union, or not one side of inner joins."""
    if relation.kind != "inner":
        return ()
    return united(relation.node)


def united(node: Node) -> tuple[Node, ...]:
    """The inputs of a union whose rows together are those of ``node``; none if it is no union."""
    match node:
        case Union(inputs):
            return inputs
        case Project(child, expressions):
            return tuple(Project(each, expressions) for each in united(child))
        case _:
            return ()


def _is_stored(node: Node) -> bool:
    match node:
        case Scan() | SharedScan():
            return True
        case Filter(child) | Project(child):
            return _is_stored(child)
        case _:
            return False


def _with_node(region: Region, position: int, node: Node) -> Region:
    relations = list(region.relations)
    relations[position] = replace(relations[position], node=node)
    return replace(region, relations=tuple(relations))
