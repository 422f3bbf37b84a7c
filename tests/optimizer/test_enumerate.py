"""Connected pairs against all pairs of sets."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from locality.optimizer.enumerate import components, connected_pairs, members


@st.composite
def graphs(draw: st.DrawFn) -> list[int]:
    count = draw(st.integers(1, 6))
    edges = [0] * count
    for one, other in combinations(range(count), 2):
        if draw(st.booleans()):
            edges[one] |= 1 << other
            edges[other] |= 1 << one
    return edges


def is_connected(edges: list[int], nodes: int) -> bool:
    reached = nodes & -nodes
    while True:
        near = 0
        for node in members(reached):
            near |= edges[node]
        if not near & nodes & ~reached:
            return reached == nodes
        reached |= near & nodes


@given(graphs())
def test_every_connected_pair_comes_once_and_smaller_unions_first(edges: list[int]) -> None:
    wanted = {
        frozenset((one, other))
        for one in range(1, 1 << len(edges))
        for other in range(1, one)
        if not one & other
        and is_connected(edges, one)
        and is_connected(edges, other)
        and any(edges[node] & other for node in members(one))
    }
    pairs = connected_pairs(edges, 10_000)
    assert pairs is not None
    assert len(pairs) == len(wanted)
    assert {frozenset(pair) for pair in pairs} == wanted
    sizes = [(one | other).bit_count() for one, other in pairs]
    assert sizes == sorted(sizes)


@given(graphs())
def test_components_are_the_largest_connected_sets(edges: list[int]) -> None:
    found = components(edges)
    assert sum(found) == (1 << len(edges)) - 1
    assert all(is_connected(edges, part) for part in found)
    assert not any(edges[node] & ~part for part in found for node in members(part))


def test_too_many_pairs_are_none() -> None:
    everything = [0b11111 & ~(1 << node) for node in range(5)]
    pairs = connected_pairs(everything, 1000)
    assert pairs is not None
    assert connected_pairs(everything, len(pairs)) == pairs
    assert connected_pairs(everything, len(pairs) - 1) is None


def test_members_are_the_bits() -> None:
    assert list(members(0b101001)) == [0, 3, 5]
    assert list(members(0)) == []
