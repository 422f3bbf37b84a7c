"""Equal subtrees of a plan as one shared result: what a query says twice is computed once.

Subexpressions that several places have in common (Zhou, Larson, Freytag and Lehner, "Efficient exploitation of similar
subexpressions for query processing", SIGMOD 2007), here those that are equal node by node once joins are ordered. A
shared result is written and read, where a pipeline would have gone on: so a subtree is shared only if making it again
touches more values than that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from locality.optimizer.estimate import Estimator
from locality.optimizer.shared import inline_shared
from locality.optimizer.statistics import Statistics
from locality.optimizer.widen import widened
from locality.plan.nodes import (
    Aggregate,
    AsofJoin,
    Join,
    Node,
    Scan,
    SetOperation,
    Shared,
    SharedScan,
    Sort,
    Window,
    inputs_of,
    walk_nodes,
    with_inputs,
)

#: Values touched for each row that comes in: by a hash table of groups, by what puts rows in order, by a lookup.
_GROUPED, _SORTED, _JOINED = 4.0, 8.0, 1.0
#: Values touched for each row that is written to a shared result, or read from it.
_KEPT = 2.0


def share_equal(root: Node, statistics: Statistics) -> Node:
    """The plan in which the largest subtrees that occur several times, and pay for it, are shared results."""
    leaves = (node for node in walk_nodes(root) if isinstance(node, Scan | SharedScan))
    read = Counter(node.table if isinstance(node, Scan) else node.number for node in leaves)
    if max(read.values(), default=0) < 2:
        return root
    wide = widened(root)
    names = _Names()
    times = names.count(wide)
    taken = [node.number for node in walk_nodes(root) if isinstance(node, Shared)]
    sharing = _Sharing(names, times, statistics, max(taken, default=-1) + 1)
    shared = sharing.rewritten(wide, Estimator(statistics))
    return (
        inline_shared(shared) if sharing.readers else root
    )  # a part of a result that is shared may have one reader left


@dataclass
class _Names:
    """Equal numbers for equal subtrees: each node is looked at once, with its inputs' numbers in their place."""

    numbers: dict[Hashable, int] = field(default_factory=dict)
    _known: dict[int, int] = field(default_factory=dict)

    def of(self, node: Node) -> int:
        """The number of a subtree of the plan that was counted."""
        return self._known[id(node)]

    def count(self, root: Node) -> Counter[int]:
        """How often each subtree occurs, by its number."""
        times: Counter[int] = Counter()
        self._count(root, times)
        return times

    def _count(self, node: Node, times: Counter[int]) -> int:
        inputs = [SharedScan(-1 - self._count(child, times), child.types) for child in inputs_of(node)]
        number = self.numbers.setdefault(with_inputs(node, inputs), len(self.numbers))
        self._known[id(node)] = number
        times[number] += 1
        return number


@dataclass
class _Sharing:
    """The shared results made so far, by the numbers of their subtrees, and the reader of each."""

    names: _Names
    times: Mapping[int, int]
    statistics: Statistics
    next_number: int
    readers: dict[int, SharedScan] = field(default_factory=dict)
    made: list[Shared] = field(default_factory=list)

    def rewritten(self, root: Node, known: Estimator) -> Node:
        """The plan from ``root`` on: results are put where all that they read is known, above all their readers."""
        if isinstance(root, Shared):
            definition = self._replaced(root.definition, known)
            before, self.made = self.made, []
            known = Estimator(self.statistics, {**known.shared, root.number: known.estimate(root.definition)})
            body: Node = Shared(definition, self.rewritten(root.child, known), root.number)
        else:
            body = self._replaced(root, known)
            before, self.made = self.made, []
        return _above(before, body)

    def _replaced(self, node: Node, known: Estimator) -> Node:
        """``node`` with readers in the place of what is shared."""
        name = self.names.of(node)
        if name in self.readers:
            return self.readers[name]
        if self.times[name] > 1 and self._pays(node, self.times[name], known):
            number = self.next_number
            self.next_number += 1
            definition = self._inside(node, known)
            self.made.append(Shared(definition, definition, number))
            self.readers[name] = SharedScan(number, node.types)
            return self.readers[name]
        return self._inside(node, known)

    def _inside(self, node: Node, known: Estimator) -> Node:
        return with_inputs(node, [self._replaced(child, known) for child in inputs_of(node)])

    def _pays(self, node: Node, times: int, known: Estimator) -> bool:
        reads = {each.number for each in walk_nodes(node) if isinstance(each, SharedScan)}
        if not reads <= known.shared.keys():  # it reads what is shared further down only
            return False
        rows = known.estimate(node).rows
        return (times - 1) * _work(node, known) > _KEPT * (times + 1) * rows


def _above(made: Sequence[Shared], body: Node) -> Node:
    for each in reversed(made):
        body = Shared(each.definition, body, each.number)
    return body


def _work(node: Node, known: Estimator) -> float:
    """Values that making the rows of ``node`` touches, about; none for scans, which kernels read in passing."""
    inputs = inputs_of(node)
    below = sum(_work(child, known) for child in inputs)
    rows = sum(known.estimate(child).rows for child in inputs)
    match node:
        case Join() | AsofJoin():
            scanned = sum(known.estimate(each).base for each in inputs if isinstance(each, Scan))
            return below + _JOINED * max(rows, scanned)
        case Aggregate(groups=groups):
            return below + (_GROUPED if groups else _JOINED) * rows
        case Sort() | Window() | SetOperation():
            return below + _SORTED * rows
        case _:
            return below
