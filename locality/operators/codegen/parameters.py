"""A kernel's parameters: declared while its code is emitted, bound to values for each segment that it runs over.

Numbers travel in two arrays, one of integers and one of floats, and are loaded into locals at the kernel's head: a call
then costs the same however many constants a query has, and queries with other literals share the kernel.

What a segment's columns tell is bound by the segment alone. What a query's filters tell is bound late (:class:`Late`):
by the test that stands at the same place of the pipeline, so that what was declared for one query serves the next.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from locality.kernel import builder as b
from locality.kernel import ir
from locality.kernel.ir import Array, Scalar
from locality.operators.codegen.held import Given
from locality.operators.relations.relation import Segment

AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Late:
    """What makes an argument for a segment of what the query gives."""

    bind: Callable[[Given, Segment], Any]


@dataclass
class Parameters:
    """Parameters of one kernel; ``key`` makes repeated requests share one parameter."""

    builder: b.Builder
    _integers: ir.Var = field(init=False)
    _floats: ir.Var = field(init=False)
    _numbers: dict[Hashable, ir.Var] = field(default_factory=dict)
    _integer_binders: list[Callable[[Segment], int] | Late] = field(default_factory=list)
    _float_binders: list[Callable[[Segment], float] | Late] = field(default_factory=list)
    _arrays: dict[Hashable, ir.Var] = field(default_factory=dict)
    _array_binders: list[Callable[[Segment], AnyArray] | Late] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._integers = self.builder.parameter(Array(Scalar.I64), "integers")
        self._floats = self.builder.parameter(Array(Scalar.F64), "floats")

    def integer(self, key: Hashable, bind: Callable[[Segment], int] | Late, type: Scalar = Scalar.I64) -> ir.Var:
        """An integer local of the given type, at the kernel's head."""
        full_key = ("integer", type, key)
        if full_key not in self._numbers:
            slot = b.load(self._integers, b.const_i64(len(self._integer_binders)))
            self._integer_binders.append(bind)
            self._numbers[full_key] = self.builder.hoist(b.convert(slot, type))
        return self._numbers[full_key]

    def float(self, key: Hashable, bind: Callable[[Segment], float] | Late) -> ir.Var:
        """An F64 local at the kernel's head."""
        full_key = ("float", key)
        if full_key not in self._numbers:
            slot = b.load(self._floats, b.const_i64(len(self._float_binders)))
            self._float_binders.append(bind)
            self._numbers[full_key] = self.builder.hoist(slot)
        return self._numbers[full_key]

    def array(self, key: Hashable, type: Array, bind: Callable[[Segment], AnyArray] | Late) -> ir.Var:
        """An array parameter."""
        if key not in self._arrays:
            self._arrays[key] = self.builder.parameter(type, "data")
            self._array_binders.append(bind)
        return self._arrays[key]

    def bind(self, segment: Segment, given: Given, before: tuple[AnyArray, ...] | None = None) -> tuple[AnyArray, ...]:
        """The arguments for one segment: integers, floats, arrays in order of declaration.

        Integers wrap to 64 bits, so that bounds of unsigned codes fit too.

        before: the arguments for the same segment and for what another query gives.
        """
        if before is not None:
            return self._bind_again(segment, given, before)

        def value(bind: Callable[[Segment], Any] | Late) -> Any:
            return bind.bind(given, segment) if isinstance(bind, Late) else bind(segment)

        integers = np.array([_wrap(value(bind)) for bind in self._integer_binders], dtype=np.int64)
        floats = np.array([value(bind) for bind in self._float_binders], dtype=np.float64)
        return (integers, floats, *(np.ascontiguousarray(value(bind)) for bind in self._array_binders))

    def _bind_again(self, segment: Segment, given: Given, before: tuple[AnyArray, ...]) -> tuple[AnyArray, ...]:
        integers, floats, *arrays = before
        if self._late_integers:
            integers = integers.copy()
            for slot, late in self._late_integers:
                integers[slot] = _wrap(late.bind(given, segment))
        if self._late_floats:
            floats = floats.copy()
            for slot, late in self._late_floats:
                floats[slot] = late.bind(given, segment)
        for slot, late in self._late_arrays:
            arrays[slot] = np.ascontiguousarray(late.bind(given, segment))
        return (integers, floats, *arrays)

    @cached_property
    def _late_integers(self) -> list[tuple[int, Late]]:
        return _late(self._integer_binders)

    @cached_property
    def _late_floats(self) -> list[tuple[int, Late]]:
        return _late(self._float_binders)

    @cached_property
    def _late_arrays(self) -> list[tuple[int, Late]]:
        return _late(self._array_binders)


def _late(binders: Sequence[object]) -> list[tuple[int, Late]]:
    """Those that ask what the query gives, by their places."""
    return [(slot, bind) for slot, bind in enumerate(binders) if isinstance(bind, Late)]


def _wrap(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63
