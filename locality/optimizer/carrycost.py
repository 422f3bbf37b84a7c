"""The bytes that a region moves with parents' columns read of a child, and with a join instead.

A join is counted at what it takes at least: a lookup for each row that comes so far, in the order of joins that leaves
the fewest; the rows of a filtered parent; and the child's rows in those blocks that the parent's keys may be in.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from locality.optimizer.estimate import Estimator
from locality.optimizer.lineage import Lineage, is_whole, stored
from locality.optimizer.prune import prune_columns
from locality.optimizer.push import pushed
from locality.optimizer.regions import Region
from locality.plan.columns import shifted
from locality.plan.expressions import ColumnRef, Expression, columns_of, conjuncts
from locality.plan.nodes import Filter, Node, Project, Scan, walk_nodes

#: Rows of the blocks that a link may drop as a whole.
_BLOCK = 1024
#: Bytes of a key; bytes that could be read in a row while a lookup goes to one place, in the cache or beyond it.
_KEY, _LOOKUP = 8, 32


@dataclass(frozen=True)
class Costs:
    """Costs of a region's relations, by position, as bytes."""

    estimator: Estimator
    _known: dict[tuple[int, int], tuple[Region, Node]] = field(default_factory=dict, init=False, repr=False)

    def of_scan(self, region: Region, position: int) -> float:
        """Bytes that a stored relation's scan reads; infinity if no layout has all columns."""
        return min(size for _, size in self._scans(self._reduced(region, position)))

    def of_rows(self, region: Region, position: int) -> float:
        """Bytes of a stored relation's scan, and of what becomes of the rows that come through."""
        rows = self.estimator.estimate(self._reduced(region, position)).rows
        return self.of_scan(region, position) + _LOOKUP * rows

    def of_joins(self, lineage: Lineage, gone: Collection[int]) -> float:
        """Bytes of the child's scan and of its joins with the ancestors ``gone``, at the least."""
        child = self._reduced(lineage.region, lineage.child)
        rows = self.estimator.estimate(child).rows
        links = sorted((self._link(lineage, position) for position in gone), key=lambda link: link.share)
        total = 0.0
        for link in links:
            total += link.build + min(rows, link.asked) * _LOOKUP
            rows *= link.share
        return total + min(size * self._share(lineage, gone, layout) for layout, size in self._scans(child))

    def _link(self, lineage: Lineage, position: int) -> _Link:
        node = self._reduced(lineage.region, position)
        estimate = self.estimator.estimate(node)
        width = sum(dtype.row_bytes for dtype in node.types)
        build = 0.0
        if not is_whole(node):
            build = min(size for _, size in self._scans(node)) + 2 * estimate.rows * (_KEY + width)
        holder = lineage.ancestors[position].holder
        asked = math.inf
        if holder != lineage.child:
            asked = self.estimator.estimate(self._reduced(lineage.region, holder)).rows
        return _Link(estimate.rows / estimate.base, build, asked)

    def _share(self, lineage: Lineage, gone: Collection[int], layout: str) -> float:
        """The share of the child's blocks in which the keys of the ancestors ``gone`` may be."""
        share = 1.0
        relation = lineage.region.relations[lineage.child]
        found = stored(relation.node)
        assert found is not None
        rows = self.estimator.estimate(relation.node).base
        for position in gone:
            ancestor = lineage.ancestors[position]
            keys = [lineage.column_of(lineage.child, key.index) for key in ancestor.keys.values()]
            if len(keys) != 1 or keys[0] is None:
                continue
            if self.estimator.statistics.follows(found.scan.table, layout, keys[0]):
                parents = self._parents(lineage, position, gone)
                blocks = parents * (1 + rows / lineage_base(self.estimator, lineage, position) / _BLOCK)
                share = min(share, blocks * _BLOCK / rows)
        return share

    def _parents(self, lineage: Lineage, position: int, gone: Collection[int]) -> float:
        """Rows of an ancestor that are left by its own terms and by joins with its ancestors."""
        rows = self.estimator.estimate(self._reduced(lineage.region, position)).rows
        path = lineage.ancestors[position].path
        for other in gone:
            if other != position and lineage.ancestors[other].path[: len(path)] == path:
                rows *= self._link(lineage, other).share
        return rows

    def _reduced(self, region: Region, position: int) -> Node:
        """The relation's node with the region's terms that read it alone, and the columns that are read of it."""
        key = id(region), position  # the region is held, so that no other one has its id
        if key not in self._known:
            self._known[key] = region, self._reduce(region, position)
        return self._known[key][1]

    def _reduce(self, region: Region, position: int) -> Node:
        relation = region.relations[position]
        own = frozenset(relation.own)
        local = [term for term in relation.terms if columns_of(term) and columns_of(term) <= own]
        if relation.kind == "inner":
            local += [term for term in region.terms if columns_of(term) and columns_of(term) <= own]
        others = [*region.outputs, *region.terms, *(term for each in region.relations for term in each.terms)]
        read = frozenset().union(*(columns_of(e) for e in others if e not in local)) & own
        node = pushed(relation.node, [shifted(term, -relation.first) for term in local])
        kept = (ColumnRef(i - relation.first, node.types[i - relation.first]) for i in sorted(read))
        return prune_columns(Project(node, tuple(kept)))

    def _scans(self, node: Node) -> list[tuple[str, float]]:
        """The layouts that a node's scan may read, each with the bytes."""
        scan, terms = _scan_of(node)
        statistics = self.estimator.statistics
        layouts = statistics.layouts(scan.table)
        return [(name, statistics.scan_bytes(replace(scan, layout=name), terms)) for name in layouts]


@dataclass(frozen=True)
class _Link:
    """share: of rows that find a parent. asked: rows that look for one, at most."""

    share: float
    build: float
    asked: float


def lineage_base(estimator: Estimator, lineage: Lineage, position: int) -> float:
    """How many rows an ancestor has before any were filtered."""
    return estimator.estimate(lineage.region.relations[position].node).base


def _scan_of(node: Node) -> tuple[Scan, tuple[Expression, ...]]:
    """The scan of a node that has rows of one table, and the filter above it."""
    for each in walk_nodes(node):
        match each:
            case Filter(Scan() as scan, predicate):
                return scan, conjuncts(predicate)
            case Scan():
                return each, ()
    raise AssertionError("the node has no scan")
