"""Turns loop IR into functions that can be called: verified, printed to a file, compiled and cached on disk.

A kernel's file is named by a hash of everything that its machine code depends on: its text, its parameters' types, the
text of the primitives and of the compiler, and the versions of Python, numpy and llvmlite. An intact file is never
rewritten.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache as remember
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from locality.errors import Unsupported
from locality.kernel import builder as b
from locality.kernel import cache, ir
from locality.kernel.builder import Builder
from locality.kernel.ir import Array, Scalar, Type
from locality.kernel.machinecode import MachineCode, compilations
from locality.kernel.native import Effort, NativeKernel, processor, scratch_offsets
from locality.kernel.primitives import PRIMITIVES
from locality.kernel.printer import to_source
from locality.kernel.scratch import lift_arrays
from locality.kernel.usage import written_arrays
from locality.kernel.verify import verify

#: Runs kernels as plain Python if it is set and not 0: an oracle, and what a debugger or a measure of coverage sees.
INTERPRET_VARIABLE = "LOCALITY_INTERPRET"

#: Characters of a kernel's text up to which LLVM optimises it in a few seconds: beyond, DuckDB is faster than what is
#: compiled quickly.
_MOST_TEXT = 160_000

#: Elements of an array for which a primitive takes longer than to optimise it.
_LARGE = 1 << 22

#: Kernels that stay loaded when nobody uses them.
_MOST_KERNELS = 1024

_lock = threading.Lock()
_kernels: OrderedDict[str, Kernel] = OrderedDict()


def is_interpreted() -> bool:
    """Whether kernels run as plain Python in this process."""
    return os.environ.get(INTERPRET_VARIABLE, "0") != "0"


class Kernel:
    """A loaded kernel.

    source: its Python text. key: the hash that names it. path: its file.
    """

    def __init__(self, function: ir.Function, allocations: tuple[ir.Allocate, ...], source: str, key: str) -> None:
        self._function = function
        self._allocations = allocations
        self._code = MachineCode(key, len(source), self._lowered, self._linked)
        self.source = source
        self.key = key

    @cached_property
    def path(self) -> Path:
        """The kernel's file in the cache directory."""
        return cache.write(self.key, self.source)

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The kernel as machine code: read from the cache, or compiled now; plain Python if nothing is compiled."""
        return self.interpreted if is_interpreted() else self._code.native

    @property
    def is_optimised(self) -> bool:
        """Whether it runs as the best code that it will have."""
        return self._code.is_optimised

    def optimise(self) -> None:
        """Optimises it now, instead of once it has run for long."""
        if not is_interpreted():
            self._code.optimise()

    def inspect(self) -> str:
        """The optimised code that LLVM makes machine code of, to see what it vectorised; compiled anew."""
        return str(self._lowered(Effort.FULL))

    def _lowered(self, effort: Effort) -> Any:
        from locality.kernel.compiler import optimised

        return optimised(self._function, self._python, self._allocations, effort)

    def _linked(self, code: bytes) -> NativeKernel:
        function = self._function
        result = None if function.result is None else function.result.type
        assert not isinstance(result, Array)
        given = function.parameters[: len(function.parameters) - len(self._allocations)]
        room = scratch_offsets([(_element(array), array.length) for array in self._allocations])[-1]
        return NativeKernel(code, given, written_arrays(function), result, room)

    @cached_property
    def interpreted(self) -> Callable[..., Any]:
        """The same text as plain Python: right for a few dozen rows, and an oracle in tests."""
        kernel = self._python
        given = self._function.parameters[: len(self._function.parameters) - len(self._allocations)]
        casts = [getattr(np, p.type.value) if isinstance(p.type, Scalar) else None for p in given]

        def interpreted(*args: Any) -> Any:
            if len(args) != len(casts):
                raise TypeError(f"the kernel takes {len(casts)} arguments, not {len(args)}")
            typed = (arg if cast is None else cast(arg) for cast, arg in zip(casts, args, strict=True))
            scratch = (np.empty(array.length, _element(array).value) for array in self._allocations)
            with np.errstate(all="ignore"):
                result = kernel(*typed, *scratch)
            return result.item() if isinstance(result, np.generic) else result

        return interpreted

    def bind(self, fixed: Sequence[Any]) -> Callable[..., Any]:
        """:attr:`compiled` with the arguments that are not None in place; the others come with each call, in order."""
        compiled = self.compiled
        if isinstance(compiled, NativeKernel):
            return compiled.bind(fixed)

        def bound(*args: Any) -> Any:
            given = iter(args)
            return compiled(*(next(given) if arg is None else arg for arg in fixed), *given)

        return bound

    @cached_property
    def _python(self) -> Callable[..., Any]:
        """The text as a function of Python's."""
        spec = importlib.util.spec_from_file_location(f"locality.kernel.primitives.kernel_{self.key}", self.path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        kernel: Callable[..., Any] = module.kernel
        return kernel


def load(function: ir.Function, doc: str = "") -> Kernel:
    """The kernel of ``function``, the same object for equal text and types; ``doc`` is what its docstring says.

    Raises :class:`locality.kernel.verify.VerificationError` for IR that breaks a rule, Unsupported for more of it than
    can be optimised in a few seconds. Nothing is compiled before :attr:`Kernel.compiled` is asked for.
    """
    lifted, allocations = lift_arrays(function)
    source = to_source(lifted, doc)
    if len(source) > _MOST_TEXT:
        raise Unsupported(f"a kernel of {source.count(chr(10)):,} lines, which would take long to compile")
    # The text names no types, and kernels over columns of different widths often have the same text.
    parameters = " ".join(str(parameter.type) for parameter in lifted.parameters)
    lengths = " ".join(str(allocation.length) for allocation in allocations)
    key = cache.key(f"{parameters}\n{lengths}\n{source}")
    compilations.printed += 1
    with _lock:
        kernel = _kernels.get(key)
    if kernel is None:
        verify(function)
    with _lock:
        kernel = _kernels.setdefault(key, kernel or Kernel(lifted, allocations, source, key))
        _kernels.move_to_end(key)
        while len(_kernels) > _MOST_KERNELS:
            _kernels.popitem(last=False)  # who uses it has it
    return kernel


def warm_up() -> None:
    """Imports and works out what the first kernel, and the first result, will need."""
    processor()
    cache.environment()
    importlib.import_module("pyarrow.compute")  # Arrow does so by itself at the first cast or take
    importlib.import_module("numpy.ma")  # numpy does so by itself at the first unique


@remember
def primitive(name: str) -> Callable[..., Any]:
    """A primitive as machine code that Python calls.

    It takes arrays as kernels do, and Python's or numpy's scalars; each combination of types is compiled by itself.
    One that is first called for large arrays is optimised before: other code can't take over within a call.
    """
    compiled: dict[tuple[object, ...], Callable[..., Any]] = {}

    def call(*args: Any) -> Any:
        key = tuple([(arg.dtype, arg.ndim) if isinstance(arg, np.ndarray) else type(arg) for arg in args])
        if key not in compiled:
            compiled[key] = _load_primitive(name, args)
        return compiled[key](*args)

    return call


def _load_primitive(name: str, args: Sequence[Any]) -> Callable[..., Any]:
    """A kernel that does nothing but call a primitive with arguments like these."""
    builder = Builder()
    declared = PRIMITIVES[name].parameters
    kinds = [p if isinstance(p, Scalar) else _type_of(arg) for p, arg in zip(declared, args, strict=True)]
    call = b.call(name, *(builder.parameter(kind) for kind in kinds))
    kernel = load(builder.build(call), f"The primitive {name}.")
    if any(arg.size >= _LARGE for arg in args if isinstance(arg, np.ndarray)):
        kernel.optimise()
    return kernel.compiled


def _type_of(arg: Any) -> Type:
    dtype = np.asarray(arg).dtype
    scalar = Scalar.BOOL if dtype == np.bool_ else Scalar(dtype.name)
    return Array(scalar, arg.ndim) if isinstance(arg, np.ndarray) else scalar


def _element(allocation: ir.Allocate) -> Scalar:
    assert isinstance(allocation.target.type, Array)
    return allocation.target.type.element
