"""Primitives that are instructions of LLVM's rather than the Python that says what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from locality.kernel.ir import Scalar
from locality.kernel.lowering.emitter import Emitter
from locality.kernel.lowering.types import Operand, Value, View, memory_name
from locality.kernel.primitives.selection import equal_bytes, prefetch, prefetch_far, word_at

DECLARATIONS = ("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)",)


def _word_at(emitter: Emitter, args: Sequence[Operand]) -> Value:
    address = _address(emitter, args)
    elements = emitter.op(f"load <64 x i8>, ptr {address}, align 1")
    bits = emitter.op(f"icmp ne <64 x i8> {elements}, zeroinitializer")
    return Value(emitter.op(f"bitcast <64 x i1> {bits} to i64"), Scalar.U64)


def _equal_bytes(emitter: Emitter, args: Sequence[Operand]) -> Value:
    *place, byte = args
    assert isinstance(byte, Value)
    wanted = emitter.op(f"insertelement <64 x i8> poison, i8 {emitter.cast(byte, Scalar.U8).text}, i64 0")
    wanted = emitter.op(f"shufflevector <64 x i8> {wanted}, <64 x i8> poison, <64 x i32> zeroinitializer")
    octets = emitter.op(f"load <64 x i8>, ptr {_address(emitter, place)}, align 1")
    bits = emitter.op(f"icmp eq <64 x i8> {octets}, {wanted}")
    return Value(emitter.op(f"bitcast <64 x i1> {bits} to i64"), Scalar.U64)


def _prefetch(emitter: Emitter, args: Sequence[Operand], locality: int = 3) -> Value:
    """To read; ``locality``: 3 for all caches, 2 for those beyond the first."""
    emitter.do(f"call void @llvm.prefetch.p0(ptr {_address(emitter, args)}, i32 0, i32 {locality}, i32 1)")
    return Value("0", Scalar.I64)


def _address(emitter: Emitter, args: Sequence[Operand]) -> str:
    """Where the element of an array lies; its place is not negative."""
    array, place = args
    assert isinstance(array, View)
    assert isinstance(place, Value)
    kind = memory_name(array.type.element)
    return emitter.op(f"getelementptr inbounds {kind}, ptr {array.data}, i64 {emitter.cast(place, Scalar.I64).text}")


INTRINSICS: dict[Callable[..., Any], Callable[[Emitter, Sequence[Operand]], Value]] = {
    equal_bytes: _equal_bytes,
    prefetch: _prefetch,
    prefetch_far: partial(_prefetch, locality=2),
    word_at: _word_at,
}
