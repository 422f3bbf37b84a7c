"""A fused pipeline: one scan, its filters and one sink, compiled into one kernel and run morsel by morsel."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.operators.bindings import Bindings, Generated
from locality.operators.codegen.block import BLOCK
from locality.operators.codegen.held import Given, Number
from locality.operators.codegen.pieces import even_columns
from locality.operators.filters.filter import Test, zones_certain
from locality.operators.filters.settled import settle
from locality.operators.filters.zones import looked_up, possible_blocks, possible_zones
from locality.operators.fused import Sink, fused
from locality.operators.morsels import Morsel, Rows, clipped, common, count_rows, morsels_of, parts_met, runs_of
from locality.operators.relations.links import Link
from locality.operators.relations.meanings import first_zones
from locality.operators.relations.memo import Memo
from locality.operators.relations.relation import Relation
from locality.operators.relations.shapes import ColumnShape, shape_of
from locality.operators.relations.signature import form_key, result_form
from locality.operators.relations.tables import passing_columns
from locality.operators.sideways import clipping_links, linked_rows
from locality.operators.steps import STREWN, Step, plan_steps
from locality.plan.expressions import Expression, columns_of
from locality.settings import available_threads
from locality.storage.zones import BLOCKS
from locality.types import Domain

AnyArray = npt.NDArray[Any]
Bits = npt.NDArray[np.bool_]

#: Rows that a worker takes at a time at most; bytes that are worth waking it for; parts a worker should get to share.
MORSEL_ROWS = 16 * 65536
_LEAST_MORSEL_BYTES = 1 << 19
_PARTS_A_WORKER = 4


#: Kernels over intermediate results, by all that they are generated from.
_OF_RESULTS = Memo()
#: What is counted for a kernel that is kept with what binds it.
_KERNEL_BYTES = 1 << 15


@dataclass(eq=False)
class Pipeline:
    """Prepared once for a plan over a snapshot, then run any number of times.

    scan_reads: bytes that a run reads by column, and the least that any must, once for all rows of the same form.
    rows: those that pass tests which bounds settle; None for all.
    needed: columns that the sink needs. open: the tests that bounds do not settle, by number; places: which test each
        step is, None for a link. link_share: of the rows, expected to have the matches that they need.
    planned, morsels: what the filters leave of the rows, and what the links leave of that.
    zones_total, zones_read: zones of the source and those that are read, because nothing is proven of them.
    told: which zones need not be read where all of their rows pass; ``answered`` has those that do, by segment.
    key: equal for sinks over these rows that emit the same; None for one whose kernels are not kept. portable: whether
        it is so over any rows whose columns are of equal form.
    numbers: the constants held out of the sink's expressions. given: what is bound to kernels beside segments.
    """

    relation: Relation
    tests: Sequence[Test]
    sink: Sink
    told: Callable[[], Bits] | None = None
    key: Hashable | None = None
    portable: bool = False
    numbers: Sequence[Number] = ()
    rows: Rows | None = field(init=False, default=None)
    columns: tuple[int, ...] = field(init=False)
    links: tuple[Link, ...] = field(init=False)
    steps: tuple[Step, ...] = field(init=False)
    given: Given = field(init=False)
    text: list[int] = field(init=False)
    needed: set[int] = field(init=False)
    open: list[int] = field(init=False)
    places: list[int | None] = field(init=False)
    link_share: float = field(init=False)
    clipping: tuple[tuple[int, int], ...] = field(init=False)
    planned: list[Morsel] = field(init=False, default_factory=list)
    morsels: list[Morsel] = field(init=False, default_factory=list)
    kernels: list[Generated] = field(init=False, default_factory=list)
    forms: dict[tuple[tuple[ColumnShape, ...], frozenset[int]], int] = field(init=False, default_factory=dict)
    bindings: Bindings = field(init=False)
    zones_total: int = field(init=False, default=0)
    zones_read: int = field(init=False, default=0)
    answered: dict[int, Bits] = field(init=False, default_factory=dict)
    scan_reads: list[tuple[Counter[str], int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        _, self.needed = _needed_links(self.relation, _columns_read(self.sink.reads))
        open_tests = self._settled()
        reads = [*(e for test in open_tests for e in test.reads), *self.sink.reads]
        self.links, columns = _needed_links(self.relation, _columns_read(reads))
        self.columns = tuple(sorted(columns))
        self.text = [i for i in self.columns if self.relation.types[i].domain is Domain.STRING]
        self.steps = plan_steps(self.relation, open_tests, self.links)
        self.open = [number for number, test in enumerate(self.tests) if test in open_tests]
        places = {id(test): number for number, test in enumerate(self.tests)}
        self.places = [places.get(id(step.action)) for step in self.steps]
        self.link_share = math.prod(step.share for step in self.steps if isinstance(step.action, Link))
        self._give()
        self.bindings = Bindings(self.relation, self.columns, self.given, len(self.sink.state))
        self.clipping = clipping_links(self.relation, self.links)
        self._plan_morsels()
        self.morsels = self._clipped()

    def _settled(self) -> Sequence[Test]:
        """The tests that bounds do not settle; what these leave of the rows is noted."""
        if self.told is not None and zones_certain(self.tests, self.relation) is not None:
            return self.tests  # zones that are told need all tests
        # what is read of few rows comes sooner where a test has read it of all
        left, self.rows = settle(self.relation, self.tests, self.needed)
        return left

    def _give(self) -> None:
        """Has the kernels get what they ask of the tests."""
        self.given = Given([None if number is None else self.tests[number] for number in self.places], self.numbers)

    @property
    def selectivity(self) -> float:
        """The share of all rows that is expected to pass."""
        return self.link_share * math.prod([test.share for test in self.tests])

    @property
    def passing_share(self) -> float:
        """The share of the rows that are run that is expected to pass."""
        return self.link_share * math.prod([self.tests[number].share for number in self.open])

    def _plan_morsels(self) -> None:
        """Excludes zones, cuts what is left into morsels, and makes a kernel for each shape of segment among them."""
        ranges_of = self._ranges()
        span = self.sink.morsel_rows
        size = min(span, self._even_share(sum(map(count_rows, ranges_of.values()))))
        self._load_text(list(ranges_of))
        for position, ranges in ranges_of.items():
            shapes, even = self._form_of(position)
            if (shapes, even) not in self.forms:
                self.forms[shapes, even] = len(self.kernels)
                self.kernels.append(self._kernel(shapes, even))
            number = self.forms[shapes, even]
            self.bindings.add(position, self.kernels[number])
            self.planned += morsels_of(position, number, ranges, size, span)

    def _even_share(self, rows: int) -> int:
        """Rows of a morsel such that several workers share ``rows`` evenly, each with enough to do; whole blocks."""
        width = self.relation.memo.once(("row width", self.columns), self._row_width)
        share = _LEAST_MORSEL_BYTES / max(width, 1.0)
        if rows > _PARTS_A_WORKER * share:
            share = max(rows / (_PARTS_A_WORKER * available_threads()), share)
        return min(math.ceil(share / BLOCK) * BLOCK, MORSEL_ROWS)

    def _row_width(self) -> float:
        """Bytes of the columns a row, in the largest segment."""
        segment = self.relation.segments[int(np.diff(self.relation.starts).argmax())]
        return sum(segment.width(index) for index in self.columns)

    def _form_of(self, position: int) -> tuple[tuple[ColumnShape, ...], frozenset[int]]:
        """The columns' shapes in a segment, and those at whose runs' ends blocks are cut."""

        def form() -> tuple[tuple[ColumnShape, ...], frozenset[int]]:
            segment = self.relation.segments[position]
            shapes = tuple(shape_of(self.relation, segment, index) for index in self.columns)
            return shapes, even_columns(self.relation, segment, self.columns)

        return self.relation.memo.once(("form", position, self.columns), form)

    def _load_text(self, positions: Sequence[int]) -> None:
        """Has the raw strings that will be read decompressed, several segments at a time."""
        text = self.text
        if not text:
            return
        segments = [self.relation.segments[position] for position in positions]
        wanted = [
            (segment, index)
            for segment in segments
            for index in set(text).difference(passing_columns(segment, text))
            if not segment.is_ready(index)
        ]
        if len(wanted) > 1:
            with ThreadPoolExecutor(available_threads()) as pool:
                list(pool.map(lambda pair: pair[0].column(pair[1]), wanted))

    def _ranges(self) -> Rows:
        """The ranges of rows that may match, of the segments that have some."""
        ranges = self._ranges_by_bounds()
        if self.rows is None:
            return ranges
        left = {i: common(ranges[i], self.rows[i]) for i in ranges if i in self.rows}
        return {i: found for i, found in left.items() if len(found)}

    def _ranges_by_bounds(self) -> Rows:
        segments = self.relation.segments
        if any(link.finds_nothing for link in self.links):
            return {}
        zones, certain = possible_zones(self.relation, self.tests), self._certain()
        if zones is None and certain is None:
            return {i: np.array([(0, n)]) for i, segment in enumerate(segments) if (n := segment.row_count)}
        starts = first_zones(self.relation)
        if zones is None:
            zones = np.ones(starts[-1], dtype=np.bool_)
        if certain is not None:
            self.answered = _by_segment(zones & certain, starts)
            zones = zones & ~certain
        self.zones_total = len(zones)
        blocks = possible_blocks(self.relation, self.tests, zones)
        if blocks is None:
            left, parts = _by_segment(zones, starts), 1
            self.zones_read = int(zones.sum())
        else:
            left, parts = _by_segment(blocks, starts * BLOCKS), BLOCKS
            self.zones_read = int(blocks.reshape(-1, BLOCKS).any(axis=1).sum())
        ranges = {i: runs_of(bits, segments[i].zone_rows // parts, segments[i].row_count) for i, bits in left.items()}
        found = looked_up(self.relation, [self.tests[number] for number in self.open], ranges)
        if found is not ranges:
            self.zones_read = sum(len(parts_met(rows, segments[i].zone_rows)) for i, rows in found.items())
        return found

    def _certain(self) -> Bits | None:
        """The zones all of whose rows pass, and of which all is told without reading them."""
        if self.told is None or self.links:
            return None
        certain = zones_certain(self.tests, self.relation)
        told = None if certain is None else certain & self.told()
        return told if told is not None and told.any() else None

    def under(self, relation: Relation, tests: Sequence[Test]) -> Pipeline:
        """The same pipeline over rows of the same form, with other tests of the same columns."""
        other = copy(self)
        other.tests = tests
        same = relation is self.relation and [test.form for test in tests] == [test.form for test in self.tests]
        if not same or [tests.index(test) for test in other._settled()] != self.open:
            return replace(self, relation=relation, tests=tests)
        # the same rows are read in the same steps: only bounds, and the zones that they leave, are others
        other.kernels, other.forms = list(self.kernels), dict(self.forms)
        other.planned, other.answered, other.scan_reads = [], {}, []
        other._give()
        other.bindings = self.bindings.under(other.given)
        other._plan_morsels()
        other.morsels = other._clipped()
        return other

    def over(self, relation: Relation) -> Pipeline:
        """The same pipeline over other rows of the same form, see :mod:`locality.operators.relations.signature`."""
        other = copy(self)
        other.relation, other.links, other.steps = relation, (), ()
        other.bindings = Bindings(relation, self.columns, self.given, len(self.sink.state))  # no arrays of other rows
        kernels = {morsel.segment: morsel.kernel for morsel in self.planned} if relation.segments else {}
        for position, kernel in kernels.items():
            other.bindings.add(position, self.kernels[kernel])
        other.morsels = other._clipped()
        return other

    def _clipped(self) -> list[Morsel]:
        """The planned morsels without the blocks that the links of these rows drop as a whole."""
        if not (self.clipping and self.relation.links):
            return self.planned
        segments = {morsel.segment for morsel in self.planned}
        left = {segment: linked_rows(self.relation, self.clipping, segment) for segment in segments}
        found = (clipped(morsel, left[morsel.segment]) for morsel in self.planned)
        return [morsel for morsel in found if morsel is not None]

    def _kernel(self, shapes: tuple[ColumnShape, ...], even: frozenset[int]) -> Generated:
        """The kernel for segments of these shapes: one that was generated for other constants, or a new one."""
        by_column = dict(zip(self.columns, shapes, strict=True))
        kept, form = self.relation.prepared, form_key(self.relation, self.columns)
        if kept is None and self.portable and not self.relation.links:
            kept, form = _OF_RESULTS, result_form(self.relation, self.columns)
        select, strewn = self.sink.prefers_selection(self.selectivity), self.passing_share < STREWN

        def generate() -> Generated:
            return fused(self.relation, self.steps, self.sink, by_column, even, strewn=strewn, select=select)

        if self.key is None or kept is None:
            return generate()
        links = self.relation.links
        forms = tuple(step.form(links) for step in self.steps)
        key = self.key, form, forms, self.columns, shapes, even, select, strewn
        return kept.once(key, generate, _KERNEL_BYTES)

    def call(self, morsel: Morsel, state: Sequence[AnyArray], *, interpret: bool = False) -> int:
        """Runs one morsel; a result other than 0 says that SQL may raise an error for some row."""
        generated, rows = self.kernels[morsel.kernel], (morsel.parts, len(morsel.parts))
        if interpret:
            integers, floats, *arrays = self.bindings.arguments(morsel.segment, generated)
            faults: int = generated.kernel.interpreted(*rows, integers, floats, *state, *arrays)
            return faults
        return self.bindings.bound(morsel.segment, generated)(*rows, *state)

    def finish(self) -> None:
        """Lets go of columns that are not to stay in memory, after a run."""
        self.bindings.finish()


def _by_segment(zones: Bits, starts: npt.NDArray[np.int64]) -> dict[int, Bits]:
    """The zones of each segment that has one that is set; starts: the first zone of each, then how many there are."""
    if len(starts) == 2:
        return {0: zones} if zones.any() else {}
    owners = np.unique(starts.searchsorted(np.flatnonzero(zones), side="right") - 1)
    return {number: zones[starts[number] : starts[number + 1]] for number in owners.tolist()}


def _columns_read(expressions: Iterable[Expression]) -> set[int]:
    return set().union(*(columns_of(e) for e in expressions))


def _needed_links(relation: Relation, columns: set[int]) -> tuple[tuple[Link, ...], set[int]]:
    """The links without which rows or columns would be missing, and the columns that these read too."""
    needed: list[Link] = []
    end = len(relation.types)
    for link in reversed(relation.links):
        if link.kind != "left" or any(link.first <= index < end for index in columns):
            needed.append(link)
            conditions = () if link.condition is None else (link.condition,)
            columns = columns.union(*(columns_of(e) for e in (*link.keys, *conditions)))
        end = link.first
    return tuple(reversed(needed)), columns
