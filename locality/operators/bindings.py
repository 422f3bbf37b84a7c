"""A pipeline's kernels with the arguments that they take for each segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from locality.encodings import EncodedColumn
from locality.kernel.loader import Kernel
from locality.kernel.native import BoundKernel
from locality.operators.codegen.held import Given
from locality.operators.codegen.parameters import Parameters
from locality.operators.relations.relation import Relation
from locality.operators.relations.tables import passing_columns
from locality.settings import available_threads

AnyArray = npt.NDArray[Any]
Arguments = tuple[AnyArray, ...]


@dataclass(frozen=True, eq=False)
class Generated:
    """A kernel, and what binds its parameters to a segment."""

    kernel: Kernel
    parameters: Parameters


class Bindings:
    """What kernels take for the segments of a relation, of which they read some columns.

    Segments with columns that are not to stay in memory are bound when their turn comes; all others are before.
    """

    def __init__(self, relation: Relation, columns: Sequence[int], given: Given, states: int) -> None:
        """states: how many arrays of state the kernels take, with each call."""
        self._relation, self._columns, self._given, self._states = relation, columns, given, states
        self._arguments: dict[int, Arguments] = {}
        self._bound: dict[int, Callable[..., int]] = {}
        self._passing: dict[int, tuple[EncodedColumn, ...]] = {}
        # of all who share these rows: what differs from one to the other is put in the place of theirs
        self._first: dict[tuple[int, Generated], tuple[Arguments, Callable[..., int]]] = {}

    def under(self, given: Given) -> Bindings:
        """None yet, for the same columns of the same rows, and what another query gives."""
        other = copy(self)
        other._given = given
        other._arguments, other._bound, other._passing = {}, {}, {}
        return other

    def add(self, position: int, generated: Generated) -> None:
        """Binds what a kernel takes for a segment, unless that has columns that are not to stay in memory."""
        if not passing_columns(self._relation.segments[position], self._columns):
            self._arguments[position] = self._bind(position, generated)

    def arguments(self, position: int, generated: Generated) -> Arguments:
        """What a kernel takes for a segment: integers, floats, then arrays."""
        found = self._arguments.get(position)
        return self._bind_passing(position, generated) if found is None else found

    def bound(self, position: int, generated: Generated) -> Callable[..., int]:
        """The kernel with the arguments that are the same for all morsels of a segment."""
        bound = self._bound.get(position)
        if bound is None:
            arguments = self.arguments(position, generated)
            before, first = self._first.get((position, generated), ((), None))
            if isinstance(first, BoundKernel):
                bound = first.rebound(self._place, arguments, before)
            else:
                bound = generated.kernel.bind(self._placed(arguments))
                if position in self._arguments:
                    self._first[position, generated] = arguments, bound
            self._bound[position] = bound
        return bound

    def finish(self) -> None:
        """Lets go of columns that are not to stay in memory, after a run."""
        for position in list(self._passing):
            self._let_go(position)

    def _placed(self, arguments: Arguments) -> Sequence[AnyArray | None]:
        integers, floats, *arrays = arguments
        return (None, None, integers, floats, *[None] * self._states, *arrays)

    def _place(self, number: int) -> int:
        """Which of a kernel's parameters an argument is for: the rows come first, and the state after the floats."""
        return number + 2 if number < 2 else number + 2 + self._states

    def _bind(self, position: int, generated: Generated) -> Arguments:
        before, _ = self._first.get((position, generated), (None, None))
        return generated.parameters.bind(self._relation.segments[position], self._given, before)

    def _bind_passing(self, position: int, generated: Generated) -> Arguments:
        """The arguments for a segment with columns that pass: the oldest are let go, other workers may be at the rest.

        The columns themselves are held as well, so that a second worker finds them.
        """
        segment = self._relation.segments[position]
        self._passing[position] = tuple(segment.column(i) for i in passing_columns(segment, self._columns))
        for other in list(self._passing)[: -available_threads()]:
            self._let_go(other)
        return self._bind(position, generated)

    def _let_go(self, position: int) -> None:
        self._passing.pop(position, None)
        self._bound.pop(position, None)
