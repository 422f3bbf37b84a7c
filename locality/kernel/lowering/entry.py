"""The entry of a kernel: one function of the address of 64-bit words, see :mod:`locality.kernel.native`."""

from __future__ import annotations

from collections.abc import Sequence

from locality.kernel.ir import Array, Scalar, Type
from locality.kernel.lowering.emitter import Emitter, parts
from locality.kernel.lowering.types import NAMES, SIGNED, Operand, Value, View
from locality.kernel.native import ENTRY


def entry_text(
    kernel: str, parameters: Sequence[Type], result: Scalar | None, scratch: Sequence[tuple[int, int]]
) -> str:
    """scratch: for each of the last parameters, arrays of the kernel's own, its offset in bytes and its length."""
    words = _Words()
    given = len(parameters) - len(scratch)
    args = [words.take(kind) for kind in parameters[:given]]
    if scratch:
        room = words.address()
        args += [words.local(room, kind, *place) for kind, place in zip(parameters[given:], scratch, strict=True)]
    call = f"@{kernel}({', '.join(part for arg in args for part in parts(arg))})"
    if result is None:
        words.emitter.do(f"call void {call}")
    else:
        words.leave(Value(words.emitter.op(f"call {NAMES[result]} {call}"), result))
    words.emitter.end("ret i32 0")
    return f"define i32 @{ENTRY}(ptr noalias %words) nounwind {{\n{words.emitter.body()}\n}}\n"


class _Words:
    """Reads an entry's words one after the other."""

    def __init__(self) -> None:
        self.emitter = Emitter()
        self._position = 0

    def address(self) -> str:
        """The next word as an address."""
        return self.emitter.op(f"load ptr, ptr {self._next()}")

    def take(self, kind: Type) -> Operand:
        """The next argument."""
        if isinstance(kind, Array):
            address = self.address()
            shape = tuple(self.emitter.load(Scalar.I64, self._next()).text for _ in range(kind.ndim))
            return View(address, shape, kind)
        if kind.is_float:
            return self.emitter.cast(self.emitter.load(Scalar.F64, self._next()), kind)
        word = self.emitter.load(Scalar.U64, self._next())
        if kind is Scalar.BOOL:
            return Value(self.emitter.op(f"trunc i64 {word.text} to i1"), kind)
        return self.emitter.cast(word, kind)

    def local(self, room: str, kind: Type, offset: int, length: int) -> View:
        """An array in the room for them."""
        assert isinstance(kind, Array)
        return View(self.emitter.op(f"getelementptr inbounds i8, ptr {room}, i64 {offset}"), (str(length),), kind)

    def leave(self, result: Value) -> None:
        """Writes the result to the first word."""
        wide = Scalar.F64 if result.type.is_float else Scalar.I64 if result.type in SIGNED else Scalar.U64
        self.emitter.store(self.emitter.cast(result, wide), "%words")

    def _next(self) -> str:
        self._position += 1
        return self.emitter.op(f"getelementptr inbounds i64, ptr %words, i64 {self._position - 1}")
