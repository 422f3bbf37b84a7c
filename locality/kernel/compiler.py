"""Compiles kernels: numba turns the printed function into LLVM's code, LLVM turns that into an object file.

What the kernel is called through, its entry, is written here: see :mod:`locality.kernel.native`. Only this module and
the primitives import numba, and only a kernel that is compiled imports either.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir as llvm_ir
from numba.core import compiler, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.np.arrayobj import populate_array

from locality.kernel import ir
from locality.kernel.allocator import define_allocator
from locality.kernel.ir import Array, Scalar
from locality.kernel.native import ENTRY, scratch_offsets, target_machine
from locality.kernel.parts import PartCompiler, Whole
from locality.kernel.primitives import OPTIONS
from locality.kernel.usage import written_arrays

_WORD = llvm_ir.IntType(64)


@global_compiler_lock  # type: ignore[untyped-decorator]
def optimised(function: ir.Function, python: Callable[..., Any], allocations: Sequence[ir.Allocate]) -> llvm.ModuleRef:
    """LLVM's code of ``function`` and its entry.

    python: the function as Python read it from its text.
    allocations: the local arrays, which are the last of the function's parameters.
    """
    with _without_collection():
        compiled = _compiled(python, _signature(function))
    module = cpu_target.target_context.create_module(ENTRY)
    define_allocator(module)
    _write_entry(module, cpu_target.target_context, compiled.fndesc, function, allocations)
    whole = Whole(cpu_target.target_context.codegen(), ENTRY)  # type: ignore[no-untyped-call]
    whole.add_ir_module(module)  # type: ignore[no-untyped-call]
    whole.add_linking_library(compiled.library)  # type: ignore[no-untyped-call]
    whole.finalize()  # type: ignore[no-untyped-call]
    assert not whole.has_dynamic_globals, "addresses of this process in code that other processes will run"
    return whole._final_module


def object_code(module: llvm.ModuleRef) -> bytes:
    """The symbols that an object file of the code needs, a line break, and the file."""
    needed = " ".join(f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm."))
    code: bytes = target_machine().emit_object(module)
    return needed.encode() + b"\n" + code


@contextmanager
def _without_collection() -> Iterator[None]:
    """Has Python look for no garbage: numba makes objects by the million, and nearly all of them live on."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _compiled(python: Callable[..., Any], signature: tuple[Any, ...]) -> Any:
    """What numba makes of a function, optimised and ready for linking."""
    flags = cpu_target.options.parse_as_flags(compiler.Flags(), {"nopython": True, **OPTIONS})  # type: ignore[no-untyped-call]
    return compiler.compile_extra(  # type: ignore[no-untyped-call]
        cpu_target.typing_context, cpu_target.target_context, python, signature, None, flags, {}, None, PartCompiler
    )


def prepare() -> None:
    """Has numba load what it loads before the first compilation, a third of a second's work."""
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()


def _signature(function: ir.Function) -> tuple[Any, ...]:
    """The numba types of the parameters."""
    written = written_arrays(function)

    def numba_type(parameter: ir.Var) -> Any:
        match parameter.type:
            case Array(element, ndim):
                return types.Array(getattr(types, element.value), ndim, "C", readonly=parameter.name not in written)
            case scalar:
                return getattr(types, scalar.value)

    return tuple(numba_type(parameter) for parameter in function.parameters)


def _write_entry(
    module: Any, target: Any, description: Any, function: ir.Function, allocations: Sequence[ir.Allocate]
) -> None:
    signature = target.call_conv.get_function_type(description.restype, description.argtypes)
    callee = llvm_ir.Function(module, signature, description.llvm_func_name)
    entry = llvm_ir.Function(module, llvm_ir.FunctionType(llvm_ir.IntType(32), [_WORD.as_pointer()]), ENTRY)
    builder = llvm_ir.IRBuilder(entry.append_basic_block())
    given = len(function.parameters) - len(allocations)
    words = _Words(builder, target, entry.args[0])
    args = [words.take(kind) for kind in description.argtypes[:given]]
    room = words.next()
    offsets = scratch_offsets([(_element(allocation), allocation.length) for allocation in allocations])
    for kind, allocation, offset in zip(description.argtypes[given:], allocations, offsets, strict=False):
        address = builder.add(room, _WORD(offset))
        args.append(words.array(kind, address, [_WORD(allocation.length)]))
    status, result = target.call_conv.call_function(builder, callee, description.restype, description.argtypes, args)
    if function.result is not None:
        assert isinstance(function.result.type, Scalar)
        words.store(result, description.restype)
    builder.ret(builder.zext(status.is_error, llvm_ir.IntType(32)))


def _element(allocation: ir.Allocate) -> Scalar:
    assert isinstance(allocation.target.type, Array)
    return allocation.target.type.element


class _Words:
    """Reads an entry's words one after the other."""

    def __init__(self, builder: Any, target: Any, words: Any) -> None:
        self._builder, self._target, self._words = builder, target, words
        self._position = 0

    def next(self) -> Any:
        """The next word."""
        at = self._builder.gep(self._words, [_WORD(self._position)])
        self._position += 1
        return self._builder.load(at)

    def take(self, kind: Any) -> Any:
        """The next argument, of a numba type."""
        if isinstance(kind, types.Array):
            address = self.next()
            return self.array(kind, address, [self.next() for _ in range(kind.ndim)])
        word = self.next()
        if isinstance(kind, types.Float):
            double = self._builder.bitcast(word, llvm_ir.DoubleType())
            return double if kind == types.float64 else self._builder.fptrunc(double, llvm_ir.FloatType())
        bits = self._target.get_value_type(kind)
        return word if bits == _WORD else self._builder.trunc(word, bits)

    def array(self, kind: Any, address: Any, shape: list[Any]) -> Any:
        """A contiguous array that nobody owns."""
        array = self._target.make_array(kind)(self._target, self._builder)
        itemsize = self._target.get_abi_sizeof(self._target.get_data_type(kind.dtype))
        strides = [_WORD(itemsize)]
        for length in reversed(shape[1:]):
            strides.insert(0, self._builder.mul(strides[0], length))
        data = self._builder.inttoptr(address, self._target.get_data_type(kind.dtype).as_pointer())
        populate_array(array, data, shape, strides, _WORD(itemsize), None)  # type: ignore[no-untyped-call]
        return array._getvalue()

    def store(self, result: Any, kind: Any) -> None:
        """Leaves the result in the first word."""
        if isinstance(kind, types.Float):
            double = result if kind == types.float64 else self._builder.fpext(result, llvm_ir.DoubleType())
            word = self._builder.bitcast(double, _WORD)
        elif result.type == _WORD:
            word = result
        else:
            widen = self._builder.sext if getattr(kind, "signed", False) else self._builder.zext
            word = widen(result, _WORD)
        self._builder.store(word, self._words)
