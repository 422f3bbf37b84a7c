"""Machine code in this process: linked by LLVM and called through one pointer.

A kernel's entry takes the address of 64-bit words: for each parameter in order a scalar's value, or the address and the
shape of an array; then the address of room for the local arrays. It returns 0, and the result in the first word. Python
calls it without the interpreter's lock.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from copy import copy
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from locality.kernel.ir import Array, Scalar, Var

ENTRY = "locality_entry"

#: Where the first local array begins, and each further one: at a multiple of so many bytes, a cache line.
ALIGNMENT = 64

#: Where the elements of a contiguous array lie that may be written to and has some; of others they raise TypeError or
#: ValueError. That is a sixth of the time of what any array can be asked.
_from_buffer: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer
_addressof = ctypes.addressof

Entry = Callable[[Any], int]
_Fill = Callable[[Any, Any], None]


class Effort(Enum):
    """What LLVM does for a kernel's code, see :mod:`locality.kernel.compiler`."""

    QUICK = 0
    LESS = 1
    FULL = 3


def words_of(kind: Scalar | Array) -> int:
    """How many words a parameter takes."""
    return 1 + kind.ndim if isinstance(kind, Array) else 1


def scratch_offsets(arrays: Sequence[tuple[Scalar, int]]) -> list[int]:
    """Where local arrays of these elements and lengths lie in their room, in bytes; the last is the room's size."""
    offsets = [0]
    for element, length in arrays:
        size = np.dtype(element.value).itemsize * length
        offsets.append(offsets[-1] + -(-size // ALIGNMENT) * ALIGNMENT)
    return offsets


@cache
def processor() -> str:
    """What machine code is made for: the system, the processor and what it can do."""
    import llvmlite.binding as llvm

    return "\n".join((llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()))


def target_machine(effort: Effort = Effort.FULL) -> Any:
    """LLVM's description of this processor, for making and for linking code; an engine takes it over."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=0 if effort is Effort.QUICK else 3,
        reloc="static" if target.name.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )


def is_linkable(code: bytes) -> bool:
    """Whether this process has all that ``code`` needs."""
    import llvmlite.binding as llvm

    symbols = code.partition(b"\n")[0].decode().split()
    return all(llvm.address_of_symbol(symbol) is not None for symbol in symbols)


class NativeKernel:
    """Machine code with the types of its parameters and result.

    Arrays must be C-contiguous and of the exact element type; those that the kernel does not write may be read-only.
    Scalars may be Python's or numpy's. Other arguments raise TypeError.

    entry: what every call goes through. Another takes its place by one assignment: calls that have begun end in the old
    one, whose code stays as long as the kernel does.
    """

    def __init__(
        self, code: bytes, parameters: Sequence[Var], written: frozenset[str], result: Scalar | None, scratch: int
    ) -> None:
        """``code``: what :func:`locality.kernel.compiler.object_code` made. ``scratch``: bytes of the local arrays."""
        self._engines: list[Any] = []
        self.entry = self.link(code)
        self.result = result
        self.scratch = scratch
        self.fills: list[_Fill] = []
        self.size = 0
        for parameter in parameters:
            self.fills.append(_fill(parameter.type, self.size, parameter.name in written))
            self.size += words_of(parameter.type)
        self._unbound = self.bind(())

    def link(self, code: bytes) -> Entry:
        """The entry of other code for the same kernel."""
        import llvmlite.binding as llvm

        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
        engine.add_object_file(llvm.ObjectFileRef.from_data(code.partition(b"\n")[2]))
        engine.finalize_object()
        self._engines.append(engine)
        entry: Entry = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(engine.get_function_address(ENTRY))
        return entry

    def __call__(self, *args: Any) -> Any:
        return self._unbound(*args)

    def bind(self, fixed: Sequence[Any]) -> BoundKernel:
        """The kernel with the arguments that are not None already in place; the others come with each call."""
        return BoundKernel(self, fixed)


class BoundKernel:
    """A kernel with some of its arguments."""

    def __init__(self, kernel: NativeKernel, fixed: Sequence[Any]) -> None:
        self._kernel = kernel
        self._fixed = tuple(fixed)  # keeps the arrays alive
        self._words = (ctypes.c_int64 * (kernel.size + 1))()
        self._open: list[_Fill] = []
        for number, fill in enumerate(kernel.fills):
            if number < len(fixed) and fixed[number] is not None:
                fill(self._words, fixed[number])
            else:
                self._open.append(fill)

    def rebound(self, place: Callable[[int], int], arguments: Sequence[Any], before: Sequence[Any]) -> BoundKernel:
        """The same with ``arguments`` where they are not ``before``; place: which parameter each of them is for."""
        other = copy(self)
        fixed = list(self._fixed)
        other._words = type(self._words).from_buffer_copy(self._words)
        for number, (now, then) in enumerate(zip(arguments, before, strict=True)):
            if now is not then:
                fixed[place(number)] = now
                self._kernel.fills[place(number)](other._words, now)
        other._fixed = tuple(fixed)
        return other

    def __call__(self, *args: Any) -> Any:
        kernel = self._kernel
        words = type(self._words).from_buffer_copy(self._words)
        if len(args) != len(self._open):
            raise TypeError(f"the kernel takes {len(self._open)} arguments, not {len(args)}")
        for fill, arg in zip(self._open, args, strict=True):
            fill(words, arg)
        if kernel.scratch:
            scratch = np.empty(kernel.scratch + ALIGNMENT, np.uint8)
            words[-1] = (_addressof(_from_buffer(scratch)) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
        if kernel.entry(words):
            raise RuntimeError("a kernel raised an error, which none is made to do")
        match kernel.result:
            case None:
                return None
            case Scalar.F64 | Scalar.F32:
                return ctypes.c_double.from_buffer(words).value
            case Scalar.BOOL:
                return bool(words[0])
            case Scalar.U64:
                return words[0] % 2**64
        return words[0]


def _address_of_any(array: Any, *, written: bool) -> int:
    """Where an array's elements lie; raises TypeError for one that a kernel can't take."""
    flags = array.flags
    if not (flags.c_contiguous and flags.aligned and (flags.writeable or not written)):
        raise TypeError("a kernel takes contiguous, aligned arrays, and writes to some")
    address: int = array.__array_interface__["data"][0]
    return address


def _fill(kind: Scalar | Array, word: int, written: bool) -> _Fill:
    """Writes an argument to the words from ``word`` on."""
    if isinstance(kind, Scalar):
        if not kind.is_float:
            return lambda words, value: words.__setitem__(word, int(value))

        def fill_float(words: Any, value: Any) -> None:
            ctypes.c_double.from_buffer(words, 8 * word).value = float(value)

        return fill_float
    dtype, ndim = np.dtype(kind.element.value), kind.ndim
    alignment = dtype.alignment

    def fill_array(words: Any, array: Any) -> None:
        if not isinstance(array, np.ndarray) or array.ndim != ndim or array.dtype != dtype:
            raise TypeError(f"a kernel takes an array of {ndim} dimensions of {dtype} here")
        try:
            address = _addressof(_from_buffer(array))
        except (TypeError, ValueError):  # not writable, empty, or strided
            address = _address_of_any(array, written=written)
        if address % alignment:
            raise TypeError("a kernel takes aligned arrays")
        words[word] = address
        if ndim == 1:
            words[word + 1] = len(array)
        else:
            words[word + 1 : word + 1 + ndim] = array.shape

    return fill_array
