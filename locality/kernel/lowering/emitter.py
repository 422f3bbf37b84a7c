"""Writes the text of one LLVM function: registers, blocks, slots on the stack and conversions."""

from __future__ import annotations

import numpy as np

from locality.kernel.ir import Array, Scalar, Type
from locality.kernel.lowering.types import BITS, NAMES, SIGNED, LoweringError, Operand, Value, View, memory_name

#: Says of the branch at the end of a loop that the loop is to be written out; the module numbers these.
UNROLL = "!llvm.loop !unroll"


class Emitter:
    """Statements in order; LLVM turns the slots that names live in into registers."""

    def __init__(self) -> None:
        self._slots: list[str] = []
        self._lines: list[str] = []
        self._count = 0
        self.ended = False

    def body(self) -> str:
        """All that was written: the slots first, in the block that a function is entered by."""
        return "\n".join(["entry:", *self._slots, *self._lines])

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self._lines.append(f"  {text}")

    def op(self, text: str) -> str:
        """The register of an instruction's result."""
        name = self._new("%")
        self._lines.append(f"  {name} = {text}")
        return name

    def slot(self, kind: str, count: int = 1) -> str:
        """The address of room on the stack for so many values."""
        name = self._new("%")
        room = f"[{count} x {kind}], align 64" if count > 1 else kind
        self._slots.append(f"  {name} = alloca {room}")
        return name

    # Blocks.

    def label(self) -> str:
        """A name for a block that is to come."""
        return self._new("b")

    def place(self, label: str) -> None:
        """Begins a block, which the one before goes on with unless it ended elsewhere."""
        if not self.ended:
            self.do(f"br label %{label}")
        self._lines.append(f"{label}:")
        self.ended = False

    def jump(self, label: str) -> None:
        """Ends the block."""
        self.end(f"br label %{label}")

    def branch(self, condition: str, then: str, otherwise: str) -> None:
        """Ends the block by a condition (an i1)."""
        self.end(f"br i1 {condition}, label %{then}, label %{otherwise}")

    def end(self, text: str) -> None:
        """Ends the block by an instruction; what follows without a label is never reached."""
        if not self.ended:
            self.do(text)
        self.ended = True

    # Values.

    def load(self, kind: Scalar, address: str) -> Value:
        """An element in memory."""
        text = self.op(f"load {memory_name(kind)}, ptr {address}")
        return Value(self.op(f"icmp ne i8 {text}, 0") if kind is Scalar.BOOL else text, kind)

    def store(self, value: Value, address: str) -> None:
        """Writes an element to memory."""
        text = self.op(f"zext i1 {value.text} to i8") if value.type is Scalar.BOOL else value.text
        self.do(f"store {memory_name(value.type)} {text}, ptr {address}")

    def compare(self, op: str, left: str, right: str, kind: Scalar) -> str:
        """``op`` is one of LLVM's, without the sign: eq ne lt le gt ge."""
        if kind.is_float:
            return self.op(f"fcmp {'u' if op == 'ne' else 'o'}{op} {NAMES[kind]} {left}, {right}")
        sign = "" if op in ("eq", "ne") else "s" if kind in SIGNED else "u"
        return self.op(f"icmp {sign}{op} {NAMES[kind]} {left}, {right}")

    def select(self, condition: str, then: Value, otherwise: Value) -> Value:
        """One of two values of the same type."""
        kind = NAMES[then.type]
        return Value(self.op(f"select i1 {condition}, {kind} {then.text}, {kind} {otherwise.text}"), then.type)

    def convert(self, operand: Operand, to: Type) -> Operand:
        """A value as another type; an array only as its own."""
        if isinstance(operand, Value) and isinstance(to, Scalar):
            return self.cast(operand, to)
        if operand.type != to:
            raise LoweringError(f"{operand.type} where {to} belongs")
        return operand

    def cast(self, value: Value, to: Scalar) -> Value:
        """C's conversion."""
        if value.type is to:
            return value
        if (found := _cast_constant(value, to)) is not None:
            return found
        source, target = NAMES[value.type], NAMES[to]
        if to is Scalar.BOOL:
            return Value(self.compare("ne", value.text, zero(value.type), value.type), to)
        signed = value.type in SIGNED
        match value.type.is_float, to.is_float:
            case False, False:
                if source == target:
                    return Value(value.text, to)
                op = "trunc" if BITS[to] < BITS[value.type] else "sext" if signed else "zext"
            case False, True:
                op = "sitofp" if signed else "uitofp"
            case True, False:
                op = "fptosi" if to in SIGNED else "fptoui"
            case _:
                op = "fpext" if to is Scalar.F64 else "fptrunc"
        return Value(self.op(f"{op} {source} {value.text} to {target}"), to)

    def _new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}v{self._count}"


def constant(value: float, kind: Scalar) -> Value:
    """A constant of a type."""
    if kind is Scalar.BOOL:
        return Value("true" if value else "false", kind)
    if kind.is_float:
        exact = np.float64(np.float32(value) if kind is Scalar.F32 else value)
        return Value(f"0x{int(exact.view(np.uint64)):016X}", kind)
    number = int(value) % (1 << BITS[kind])
    return Value(str(number - (1 << BITS[kind]) if number >> (BITS[kind] - 1) else number), kind)


def zero(kind: Scalar) -> str:
    """Zero of a type."""
    return constant(0, kind).text


def _cast_constant(value: Value, to: Scalar) -> Value | None:
    """An integer constant of another integer type."""
    if value.type.is_float or to.is_float or value.type is Scalar.BOOL or not value.text.lstrip("-").isdigit():
        return None
    number = int(value.text)
    return constant(number if value.type in SIGNED else number % (1 << BITS[value.type]), to)


def function_type(kind: Type) -> list[str]:
    """LLVM's parameters for one of ours."""
    return ["ptr", *["i64"] * kind.ndim] if isinstance(kind, Array) else [NAMES[kind]]


def parts(operand: Operand) -> list[str]:
    """LLVM's arguments for one of ours."""
    texts = [operand.data, *operand.shape] if isinstance(operand, View) else [operand.text]
    return [f"{kind} {text}" for kind, text in zip(function_type(operand.type), texts, strict=True)]
