"""Shared results at the top of the plan, and only those whose sharing pays."""

from __future__ import annotations

from collections.abc import Sequence

from locality.plan.expressions import ColumnRef
from locality.plan.nodes import Node, Project, Scan, Shared, SharedScan, inputs_of, walk_nodes, with_inputs


def lift_shared(root: Node) -> Node:
    """The plan with all shared results above everything else, so that joins are not held apart by them."""
    definitions, body = _lifted(root)
    for number, definition in reversed(definitions):
        body = Shared(definition, body, number)
    return body


def inline_shared(root: Node) -> Node:
    """The plan in which a result that is read once, or that only reads stored columns, takes its readers' place.

    Shared results are at the top of the plan: see :func:`lift_shared`.
    """
    if not isinstance(root, Shared):
        return root
    child = inline_shared(root.child)
    readers = sum(isinstance(node, SharedScan) and node.number == root.number for node in walk_nodes(child))
    if readers < 2 or _only_reads(root.definition):
        return _with_definition(child, root.number, root.definition)
    return Shared(root.definition, child, root.number)


def _lifted(node: Node) -> tuple[list[tuple[int, Node]], Node]:
    """The shared results in ``node``, each after those that it reads, and the node without them."""
    if isinstance(node, Shared):
        inner, definition = _lifted(node.definition)
        outer, child = _lifted(node.child)
        return [*inner, (node.number, definition), *outer], child
    parts = [_lifted(child) for child in inputs_of(node)]
    return [each for found, _ in parts for each in found], with_inputs(node, [child for _, child in parts])


def _only_reads(node: Node) -> bool:
    match node:
        case Scan() | SharedScan():
            return True
        case Project(child, expressions):
            return all(isinstance(e, ColumnRef) for e in expressions) and _only_reads(child)
        case _:
            return False


def _with_definition(node: Node, number: int, definition: Node) -> Node:
    """``node`` with ``definition`` in place of what reads the shared result of that number."""
    if isinstance(node, SharedScan) and node.number == number:
        return definition
    inputs = inputs_of(node)
    changed: Sequence[Node] = [_with_definition(child, number, definition) for child in inputs]
    return node if all(a is b for a, b in zip(inputs, changed, strict=True)) else with_inputs(node, changed)
