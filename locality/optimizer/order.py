"""The order of joins that moves the fewest bytes: dynamic programming over sets of relations, greedy beyond some size.

A plan's cost is counted in bytes. The right side of a join is built: its rows are written once and read once, unless it
is a whole stored table by a key of its own, whose index is kept from query to query. Each row of the left side probes
it, which costs little while the table stays in the cache and a cache line beyond that. Where a row has one match at
most, probes chain up in the scan of the left side, which writes nothing; where it may have several, the joined rows are
written out.
"""

from __future__ import annotations

from dataclasses import dataclass

from locality.optimizer.enumerate import connected_pairs, members
from locality.optimizer.graph import Graph, sides_of
from locality.plan.expressions import Expression

#: Pairs of sets that dynamic programming looks at, at most: a star of 12 relations has as many.
MOST_PAIRS = 12_000
#: Bytes of a table that stay in a core's cache; bytes that a probe moves if the table does, and if it does not.
_CACHE = 1 << 20
_CACHED_PROBE, _PROBE = 8, 64
#: Bytes of a key and of a position in a table.
KEY, _POSITION = 8, 4
#: What it costs that joined rows must be written out: so often each is moved, and bytes for one more step at all.
_MOVES, _STEP = 4, 8 << 20


@dataclass(frozen=True)
class Tree:
    """Joined relations: a set of them, the cost so far, and the two parts; one relation alone has none."""

    relations: int
    cost: float
    width: int
    parts: tuple[Tree, Tree] | None = None


def best_tree(graph: Graph) -> Tree:
    """The cheapest tree found for all relations of the graph."""
    alone = [Tree(1 << i, 0.0, width) for i, width in enumerate(graph.widths)]
    best = {tree.relations: tree for tree in alone}
    for one, other in connected_pairs(graph.edges, MOST_PAIRS) or ():
        left, right = best.get(one), best.get(other)
        if left is None or right is None:
            continue
        tree = _cheaper(graph, left, right)
        if tree is not None:
            known = best.get(tree.relations)
            if known is None or tree.cost < known.cost:
                best[tree.relations] = tree
    return best.get(graph.all) or _greedy(graph, alone)


def _greedy(graph: Graph, trees: list[Tree]) -> Tree:
    """Joins the two parts that give the fewest rows, again and again; parts that nothing connects come last."""
    while len(trees) > 1:
        pairs = [(left, right) for i, left in enumerate(trees) for right in trees[:i]]
        ways = [(tree, one, other) for one, other in pairs if (tree := _cheaper(graph, one, other)) is not None]
        connected = [tree for tree, one, other in ways if _are_connected(graph, one, other)]
        chosen = min(
            connected or [tree for tree, _, _ in ways], key=lambda tree: (graph.rows(tree.relations), tree.cost)
        )
        assert chosen.parts is not None
        trees = [*(tree for tree in trees if tree not in chosen.parts), chosen]
    return trees[0]


def _are_connected(graph: Graph, left: Tree, right: Tree) -> bool:
    return any(graph.edges[i] & right.relations for i in range(len(graph.edges)) if left.relations >> i & 1)


def _cheaper(graph: Graph, one: Tree, other: Tree) -> Tree | None:
    """The cheaper of the two ways to join two parts that are allowed."""
    ways = [tree for tree in (_joined(graph, one, other), _joined(graph, other, one)) if tree is not None]
    return min(ways, key=lambda tree: tree.cost, default=None)


def _joined(graph: Graph, left: Tree, right: Tree) -> Tree | None:
    """The right part built, the left one probing; None where a relation would come before those that it needs."""
    if attached_of(graph, left.relations) is not None:
        return None
    attached = attached_of(graph, right.relations)
    if attached is None:
        classes = graph.common_classes(left.relations, right.relations)
        single = graph.is_unique(right.relations, classes)
        has_keys = bool(classes)
    else:
        relation = graph.relations[attached]
        if any(not left.relations >> needed & 1 for needed in relation.needs):
            return None
        single = graph.single[attached]
        has_keys = any(sides_of(term, relation) is not None for term in relation.terms)
    relations = left.relations | right.relations
    width = left.width + right.width
    rows_left, rows_right, rows = graph.rows(left.relations), graph.rows(right.relations), graph.rows(relations)
    cost = left.cost + right.cost
    if not (single and _is_kept(graph, right.relations)):
        cost += 2 * rows_right * (KEY + right.width)
    if has_keys:
        cost += rows_left * probe_bytes(rows_right, right.width)
    else:
        # all pairs are written before any is tested, unless there is one row
        cost += rows_left * max(rows_right, 1.0) * (_CACHED_PROBE if single else _PROBE)
    if not single:
        cost += _STEP + rows_left * left.width + _MOVES * rows * (width + 2 * _POSITION)
    return Tree(relations, cost, width, (left, right))


def probe_bytes(rows: float, width: int) -> int:
    """Bytes that a lookup in a table of so many rows moves, ``width`` being bytes of a row beside its key."""
    return _CACHED_PROBE if rows * (KEY + _POSITION + width) <= _CACHE else _PROBE


def _is_kept(graph: Graph, relations: int) -> bool:
    """Whether a set is one stored table: neither its rows nor its index are made anew for a query."""
    position = relations.bit_length() - 1
    return relations == 1 << position and graph.kept[position]


def attached_of(graph: Graph, relations: int) -> int | None:
    """The only relation of the set, if it is not inner: it must find others to be joined with."""
    position = relations.bit_length() - 1
    return position if relations == 1 << position and graph.relations[position].kind != "inner" else None


def keys_between(graph: Graph, left: int, right: int) -> list[tuple[Expression, Expression]]:
    """The equalities that join two sets: one for each class of equal expressions that both have."""
    keys = []
    for number in members(graph.common_classes(left, right)):
        equal = graph.classes[number]
        mine = next(member.expression for member in equal if left >> member.relation & 1)
        theirs = next(member.expression for member in equal if right >> member.relation & 1)
        keys.append((mine, theirs))
    return keys
