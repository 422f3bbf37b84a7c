"""Which sets of relations may be joined with which: all connected pairs of sets of a graph, each once.

Moerkotte and Neumann, "Analysis of two existing and one new dynamic programming algorithm for the generation of optimal
bushy join trees without cross products" (VLDB 2006): the algorithm DPccp. Sets are bits of an integer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def members(bits: int) -> Iterator[int]:
    """The positions of the bits that are set, ascending."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def connected_pairs(edges: Sequence[int], most: int) -> list[tuple[int, int]] | None:
    """Disjoint connected sets with an edge between them, smaller unions first; None if there are more than ``most``.

    edges: for each node the set of its neighbours, which have it as theirs.
    """
    pairs: list[tuple[int, int]] = []
    for first in _connected_sets(edges):
        lowest = first & -first
        excluded = first | (lowest - 1)
        near = _near(edges, first) & ~excluded
        for node in sorted(members(near), reverse=True):
            below = near & ((2 << node) - 1)
            for second in _grown(edges, 1 << node, excluded | below):
                pairs.append((first, second))
                if len(pairs) > most:
                    return None
    pairs.sort(key=lambda pair: (pair[0] | pair[1]).bit_count())
    return pairs


def components(edges: Sequence[int]) -> list[int]:
    """The connected parts of the graph."""
    found: list[int] = []
    for node in range(len(edges)):
        if any(part >> node & 1 for part in found):
            continue
        part = 1 << node
        while more := _near(edges, part) & ~part:
            part |= more
        found.append(part)
    return found


def _connected_sets(edges: Sequence[int]) -> Iterator[int]:
    for node in reversed(range(len(edges))):
        yield from _grown(edges, 1 << node, (2 << node) - 1)


def _grown(edges: Sequence[int], start: int, excluded: int) -> Iterator[int]:
    """``start`` and every connected set that extends it by nodes that are not excluded."""
    yield start
    near = _near(edges, start) & ~excluded
    for part in _subsets(near):
        yield from _grown(edges, start | part, excluded | near)


def _subsets(bits: int) -> Iterator[int]:
    """All subsets but the empty one."""
    part = -bits & bits
    while part:
        yield part
        part = (part - bits) & bits


def _near(edges: Sequence[int], nodes: int) -> int:
    near = 0
    for node in members(nodes):
        near |= edges[node]
    return near & ~nodes
