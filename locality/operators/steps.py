"""In which order a pipeline narrows its rows: what drops most of them for least work comes first.

Steps are tests of columns, and links that drop rows. Independent ones are best taken in the order of what each costs
for a row that it drops (Hellerstein and Stonebraker, "Predicate migration", SIGMOD 1993). The match of a link is looked
up only when something reads it: of few rows then, where bits have told which rows have one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, replace

from locality.operators.codegen.block import BLOCK, Block
from locality.operators.filters.filter import CodeTest, Test, ValueTest, skip_empty
from locality.operators.joins.link import (
    can_ask_first,
    can_ask_hints,
    can_take_runs,
    emit_hints_test,
    emit_matches,
    emit_matches_test,
    emit_members_test,
    emit_runs,
)
from locality.operators.relations.links import Link
from locality.operators.relations.members import BitSet
from locality.operators.relations.relation import Relation
from locality.plan.expressions import ColumnRef, Lookup, columns_of, walk
from locality.types import Domain

#: Below this share of active rows, later steps run over their positions instead of all rows under a mask.
_SPARSE = 0.4
#: Below this share, what is read of the rows left is asked for beforehand, as most of a column's cache lines are not.
STREWN = 0.04
#: Rows of a block that are expected to be left at most where looking whether there is one pays.
_RARE = 0.5
#: The share of rows that a link keeps if nothing is known, and of matches for which a condition holds; and what a
#: computed test passes at least, as far as its turn is concerned, since its share is a guess.
_UNKNOWN = 0.5
#: Above this share of rows with a match, matches that will be needed are looked up at once.
_MOST_ASKED = 0.7
#: Up to this share of rows with a match, the hints of a hash table are asked before it.
_MOST_HINTED = 0.3
#: Nanoseconds a row, about: rows found from the side of few keys; a test of codes; a computed one; a loaded column of a
#: link; a look into bits in a core's cache, and beyond; into a hash table; conditions of several matches; strings.
_RUNS, _CODES, _VALUE, _GATHER, _BITS, _FAR_BITS, _SLOTS, _ROUNDS, _TEXT = (
    0.15,
    0.25,
    0.7,
    2.0,
    1.0,
    3.0,
    8.0,
    60.0,
    50.0,
)
_CACHE_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class Step:
    """A test, or a link that drops rows.

    columns: that it reads of those before its own. share: of the rows, expected to go on. cost: of one row, in
    nanoseconds, about. few: whether few rows are expected to be left when its turn comes. last: whether none are
    expected to be left of most blocks after it, so that steps which follow need not read these. strewn: whether the
    rows left when its turn comes are expected to lie far apart.
    """

    action: Test | Link
    columns: frozenset[int]
    share: float
    cost: float
    few: bool = False
    last: bool = False
    strewn: bool = False

    @property
    def rank(self) -> float:
        """What dropping a row costs."""
        share = max(self.share, _UNKNOWN) if isinstance(self.action, ValueTest) else self.share
        return self.cost / max(1.0 - share, 1e-6)

    def form(self, links: Sequence[Link]) -> Hashable:
        """All of the step that a kernel's text depends on, given the relation's links."""
        match self.action:
            case Link():
                asked = self.share > _MOST_ASKED, self.share <= _MOST_HINTED
                return links.index(self.action), self.few, self.strewn, *asked
            case CodeTest() if not _looks_up(self.action):
                return self.last, self.action.form
            case _:
                return self.few, self.last, self.strewn, self.action.form


def plan_steps(relation: Relation, tests: Sequence[Test], links: Sequence[Link]) -> tuple[Step, ...]:
    """The tests and the links that drop rows, in a good order; none reads a link before that has dropped its rows.

    Computed tests come after those of codes, which may be what keeps them from an error.
    """
    waiting = [_test_step(relation, test) for test in tests]
    waiting += [_link_step(relation, link) for link in links if link.kind != "left"]
    dropping = {link for link in links if link.kind != "left"}
    ordered: list[Step] = []
    share = 1.0
    while waiting:
        ready = waiting
        if dropping:
            ready = [step for step in waiting if dropping.isdisjoint(_links_below(relation, step.columns))]
        if any(isinstance(step.action, CodeTest) for step in waiting):
            ready = [step for step in ready if not isinstance(step.action, ValueTest)]
        chosen = min(ready, key=lambda step: step.rank)
        waiting.remove(chosen)
        few, strewn, share = share < _SPARSE, share < STREWN, share * chosen.share
        ordered.append(replace(chosen, few=few, last=share * BLOCK < _RARE and bool(waiting), strewn=strewn))
        if isinstance(chosen.action, Link):
            dropping.remove(chosen.action)
    return tuple(ordered)


def columns_before(link: Link) -> frozenset[int]:
    """The columns before a link's own that tell its matches."""
    conditions = () if link.condition is None else (link.condition,)
    read = frozenset().union(*(columns_of(e) for e in (*link.keys, *conditions)))
    return frozenset(index for index in read if index < link.first)


def _links_below(relation: Relation, columns: Collection[int]) -> set[Link]:
    """The links that ``columns`` are of, and those that these depend on."""
    found: set[Link] = set()
    waiting = list(columns)
    while waiting:
        link = relation.link_of(waiting.pop())
        if link is not None and link not in found:
            found.add(link)
            waiting += columns_before(link)
    return found


def _test_step(relation: Relation, test: Test) -> Step:
    if isinstance(test, CodeTest):
        linked = relation.link_of(test.index) is not None
        each = _BITS if _looks_up(test) else _CODES
        return Step(test, frozenset((test.index,)), test.share, _GATHER * linked + each)
    columns = columns_of(test.predicate)
    cost = _GATHER * sum(relation.link_of(index) is not None for index in columns)
    nodes = list(walk(test.predicate))
    if any(isinstance(e, ColumnRef | Lookup) and e.type.domain is Domain.STRING for e in nodes):
        cost += _TEXT
    return Step(test, columns, test.share, cost + _VALUE + _CODES * len(nodes))


def _looks_up(test: Test) -> bool:
    """Whether a test finds each code in a set: several rows are not tested at once as they are where codes compare."""
    return isinstance(test, CodeTest) and test.form.how != "compare"


def _link_step(relation: Relation, link: Link) -> Step:
    columns = columns_before(link)
    cost = _GATHER * sum(relation.link_of(index) is not None for index in columns) + _look_cost(link)
    share = _share_with_match(relation, link)
    return Step(link, columns, 1.0 - share if link.kind == "anti" else share, cost)


def _look_cost(link: Link) -> float:
    if link.index is None:
        return 0.0
    if link.runs is not None:
        return _RUNS
    text = _TEXT * sum(part.is_string and part.dictionary is None for part in link.index.parts)
    if not link.index.is_unique:
        return text + _ROUNDS
    if not isinstance(link.index.members, BitSet):
        return text + (_SLOTS if link.index.narrow is None else _BITS + link.index.narrow.share * _SLOTS)
    return text + (_BITS if link.index.members.bits.nbytes <= _CACHE_BYTES else _FAR_BITS)


def _share_with_match(relation: Relation, link: Link) -> float:
    """The share of rows that have a match, if the index has some of the keys' values and all are as frequent."""
    if link.index is None or (link.whole and len(link.keys) > 1):
        return 1.0
    distinct = [relation.distinct.get(e.index) if isinstance(e, ColumnRef) else None for e in link.keys]
    known = [count for count in distinct if count is not None]
    share = _UNKNOWN
    if len(known) == len(distinct):
        share = min(link.index.ranks / max(min(math.prod(known), relation.row_count), 1), 1.0)
    return share if link.condition is None else _UNKNOWN * share


def emit_steps(block: Block, steps: Sequence[Step], read: Collection[int], *, strewn: bool) -> None:
    """Emits the steps, then the matches that are missing for whoever reads the columns ``read``.

    strewn: whether the rows that are left then are expected to lie far apart.
    """
    needed = _links_below(block.relation, {*read, *(index for step in steps for index in step.columns)})
    for place, (step, following) in enumerate(itertools.zip_longest(steps, steps[1:])):
        awaited = frozenset(read).union(*(later.columns for later in steps[place:]))
        block.wait_for(awaited if step.strewn else None)
        _look_up(block, step.columns)
        if block.mask is not None and step.few and (not isinstance(step.action, CodeTest) or _looks_up(step.action)):
            block.compact()
        if isinstance(step.action, Link):
            after = strewn if following is None else following.strewn
            _emit_link(block, step.action, step.share, step.action in needed, awaited if after else None)
        else:
            step.action.emit(block, place)
        if isinstance(step.action, Link) or step.last or following is None or isinstance(following.action, Link):
            skip_empty(block)
    block.wait_for(frozenset(read) if strewn else None)
    _look_up(block, read)


def _emit_link(block: Block, link: Link, share: float, is_needed: bool, awaited: frozenset[int] | None) -> None:
    """awaited: the columns that are read of rows which have a match, if these are expected to lie far apart."""
    if can_take_runs(block, link):
        emit_runs(block, link)
    elif can_ask_first(link) and not (is_needed and share > _MOST_ASKED):
        emit_members_test(block, link)
    else:
        if can_ask_hints(link) and (share <= _MOST_HINTED or (link.index and link.index.narrow)):
            emit_hints_test(block, link)
            block.wait_for(awaited)
        emit_matches(block, link)
        emit_matches_test(block, link)


def _look_up(block: Block, columns: Collection[int]) -> None:
    """Emits the matches of the links to which ``columns`` belong, those that they depend on first."""
    below = _links_below(block.relation, columns)
    for number, link in enumerate(block.relation.links):
        if link in below and number not in block.links:
            emit_matches(block, link)
