"""The loop IR: what a kernel is made of, before it is printed as Python and compiled.

It is small on purpose: typed scalars and arrays, counted loops, stores and calls to named primitives. Every expression
carries its type, both operands of an operation have the same type, and conversions are explicit, so that the verifier
can check a kernel and the printed text means the same as machine code and as plain Python.

Data never enters the text: literals of a query are parameters, and only structural constants (0, 1, a block's length)
may be :class:`Const`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Scalar(Enum):
    """Scalar types; the value is numpy's name."""

    BOOL = "bool_"
    I8 = "int8"
    I16 = "int16"
    I32 = "int32"
    I64 = "int64"
    U8 = "uint8"
    U16 = "uint16"
    U32 = "uint32"
    U64 = "uint64"
    F32 = "float32"
    F64 = "float64"

    @property
    def is_float(self) -> bool:
        return self in (Scalar.F32, Scalar.F64)


@dataclass(frozen=True, slots=True)
class Array:
    """A C-contiguous numpy array of ``element`` with ``ndim`` dimensions."""

    element: Scalar
    ndim: int = 1


Type = Scalar | Array


@dataclass(frozen=True, slots=True)
class Var:
    """A parameter, a local or a loop counter, by its generated name."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Const:
    """A structural constant: never a literal of a query."""

    value: int | float | bool
    type: Scalar


@dataclass(frozen=True, slots=True)
class Binary:
    """``left op right`` over equal scalar types.

    op: ``+ - *`` (wrapping for integers), ``/`` (floats), ``//`` and ``%`` (integers, truncating toward zero as in C,
    divisor never 0), ``& | ^ << >>`` (integers and, for ``& | ^``, booleans), ``min max``.
    """

    op: str
    left: Expr
    right: Expr

    @property
    def type(self) -> Type:
        return self.left.type


@dataclass(frozen=True, slots=True)
class Compare:
    """``left op right`` with op one of ``< <= > >= == !=`` over equal scalar types; IEEE rules for floats."""

    op: str
    left: Expr
    right: Expr

    @property
    def type(self) -> Type:
        return Scalar.BOOL


@dataclass(frozen=True, slots=True)
class Not:
    """Boolean negation."""

    arg: Expr

    @property
    def type(self) -> Type:
        return Scalar.BOOL


@dataclass(frozen=True, slots=True)
class Convert:
    """The value of ``arg`` as ``type``: C conversion, wrapping between integers; float to integer must be in range."""

    arg: Expr
    type: Scalar


@dataclass(frozen=True, slots=True)
class Select:
    """``then`` if ``condition`` else ``otherwise``; both branches are pure and may be computed."""

    condition: Expr
    then: Expr
    otherwise: Expr

    @property
    def type(self) -> Type:
        return self.then.type


@dataclass(frozen=True, slots=True)
class Load:
    """``array[index, ...]``; indices are I64, never negative, in bounds. An index for each dimension."""

    array: Var
    indices: tuple[Expr, ...]

    @property
    def type(self) -> Type:
        assert isinstance(self.array.type, Array)
        return self.array.type.element


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a registered primitive, with the type that its registry entry declares."""

    primitive: str
    args: tuple[Expr, ...]
    type: Type


Expr = Var | Const | Binary | Compare | Not | Convert | Select | Load | Call


@dataclass(frozen=True, slots=True)
class Assign:
    """Defines or overwrites a local scalar, always with the same type."""

    target: Var
    value: Expr


@dataclass(frozen=True, slots=True)
class Store:
    """``array[index, ...] = value``."""

    array: Var
    indices: tuple[Expr, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class Update:
    """``array[index, ...] op= value``, op ``+``, ``|``, ``&``, ``^``, ``min`` or ``max``; I64 sums must not wrap."""

    op: str
    array: Var
    indices: tuple[Expr, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class Allocate:
    """A new uninitialised local array of ``length`` elements (a structural constant)."""

    target: Var
    length: int


@dataclass(frozen=True, slots=True)
class Slice:
    """``target = array[start:stop]``, a view over the first dimension."""

    target: Var
    array: Var
    start: Expr
    stop: Expr


@dataclass(frozen=True, slots=True)
class For:
    """``for counter in range(start, stop, step)``; counter is I64, step a positive constant."""

    counter: Var
    start: Expr
    stop: Expr
    body: tuple[Stmt, ...]
    step: int = 1


@dataclass(frozen=True, slots=True)
class If:
    """Runs ``then`` or ``otherwise``."""

    condition: Expr
    then: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...] = ()


@dataclass(frozen=True, slots=True)
class Continue:
    """Goes on with the next turn of the innermost loop."""


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Calls a primitive for its effect on arrays."""

    call: Call


@dataclass(frozen=True, slots=True)
class Comment:
    """A line of explanation in the printed kernel; generated words only."""

    text: str


Stmt = Assign | Store | Update | Allocate | Slice | For | If | Continue | Evaluate | Comment


@dataclass(frozen=True, slots=True)
class Function:
    """A kernel: parameters and body; it returns one scalar if ``result`` is given."""

    parameters: tuple[Var, ...]
    body: tuple[Stmt, ...]
    result: Expr | None = None
