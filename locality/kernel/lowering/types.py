"""Machine types: how LLVM names them, and which one two of them have in common."""

from __future__ import annotations

from dataclasses import dataclass

from locality.kernel.ir import Array, Scalar, Type

#: In registers; in memory a boolean is a byte.
NAMES = {
    Scalar.BOOL: "i1",
    Scalar.I8: "i8",
    Scalar.I16: "i16",
    Scalar.I32: "i32",
    Scalar.I64: "i64",
    Scalar.U8: "i8",
    Scalar.U16: "i16",
    Scalar.U32: "i32",
    Scalar.U64: "i64",
    Scalar.F32: "float",
    Scalar.F64: "double",
}
BITS = {
    Scalar.BOOL: 1,
    Scalar.I8: 8,
    Scalar.I16: 16,
    Scalar.I32: 32,
    Scalar.I64: 64,
    Scalar.U8: 8,
    Scalar.U16: 16,
    Scalar.U32: 32,
    Scalar.U64: 64,
    Scalar.F32: 32,
    Scalar.F64: 64,
}
SIGNED = frozenset({Scalar.I8, Scalar.I16, Scalar.I32, Scalar.I64})


class LoweringError(TypeError):
    """Python that a kernel may not hold; ``is_located`` once the message begins with the file and the line."""

    is_located = False


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar: a register or a constant of LLVM's."""

    text: str
    type: Scalar


@dataclass(frozen=True, slots=True)
class View:
    """A contiguous array: the address of its first element and its lengths."""

    data: str
    shape: tuple[str, ...]
    type: Array


Operand = Value | View


def memory_name(scalar: Scalar) -> str:
    """LLVM's name of an element in memory."""
    return "i8" if scalar is Scalar.BOOL else NAMES[scalar]


def itemsize(scalar: Scalar) -> int:
    """Bytes of an element."""
    return max(BITS[scalar] // 8, 1)


def arithmetic(left: Scalar, right: Scalar) -> Scalar:
    """The type in which ``left + right`` is computed."""
    if left.is_float or right.is_float:
        return Scalar.F32 if left is right is Scalar.F32 else Scalar.F64
    if left is right is Scalar.BOOL:
        return Scalar.I64
    return Scalar.I64 if left in SIGNED or right in SIGNED else Scalar.U64


def common(left: Type, right: Type) -> Type:
    """The type of a name that is given values of both types; raises LoweringError if no type holds them."""
    if left == right:
        return left
    if isinstance(left, Array) or isinstance(right, Array):
        raise LoweringError(f"one name for {left} and {right}")
    if left.is_float or right.is_float:
        return arithmetic(left, right)
    if Scalar.BOOL in (left, right):
        return right if left is Scalar.BOOL else left
    if (left in SIGNED) == (right in SIGNED):
        return left if BITS[left] > BITS[right] else right
    signed, unsigned = (left, right) if left in SIGNED else (right, left)
    if unsigned is Scalar.U64:
        raise LoweringError(f"one name for {left.value} and {right.value}, which no integer holds: cast one")
    return signed if BITS[signed] > BITS[unsigned] else Scalar.I64
