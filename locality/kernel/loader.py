"""Turns loop IR into functions that can be called: verified, printed to a file, compiled and cached on disk.

A kernel's file is named by a hash of everything that its machine code depends on: its text, its parameters' types, the
text of the primitives and of the compiler, and the versions of Python, numpy and llvmlite. An intact file is never
rewritten.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
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
from locality.kernel.native import NativeKernel, is_linkable, processor, scratch_offsets
from locality.kernel.primitives import PRIMITIVES
from locality.kernel.printer import to_source
from locality.kernel.scratch import lift_arrays
from locality.kernel.usage import written_arrays
from locality.kernel.verify import verify

#: Runs kernels as plain Python if it is set and not 0: an oracle, and what a debugger or a measure of coverage sees.
INTERPRET_VARIABLE = "LOCALITY_INTERPRET"

#: Characters of a kernel's text from which on LLVM takes more than a second to optimise it as it does others, and up to
#: which it does it in a few seconds at all.
_LONG_TEXT, _MOST_TEXT = 30_000, 80_000

#: Kernels that stay loaded when nobody uses them.
_MOST_KERNELS = 1024

_lock = threading.Lock()
_kernels: OrderedDict[str, Kernel] = OrderedDict()
_recorded: ContextVar[list[Kernel] | None] = ContextVar("_recorded", default=None)


def is_interpreted() -> bool:
    """Whether kernels run as plain Python in this process."""
    return os.environ.get(INTERPRET_VARIABLE, "0") != "0"


class Compilations:
    """How many kernels this process has compiled, rather than found in the cache, and the seconds that this took.

    printed: how many it has generated as text, compiled or not, rather than kept from an earlier query of that form.
    """

    def __init__(self) -> None:
        self.kernels = 0
        self.seconds = 0.0
        self.printed = 0
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Counts one more."""
        with self._lock:
            self.kernels += 1
            self.seconds += seconds


compilations = Compilations()


class Kernel:
    """A loaded kernel.

    source: its Python text. key: the hash that names it. path: its file.
    """

    def __init__(self, function: ir.Function, allocations: tuple[ir.Allocate, ...], source: str, key: str) -> None:
        self._function = function
        self._allocations = allocations
        self._compiling = threading.Lock()
        self.source = source
        self.key = key

    @cached_property
    def path(self) -> Path:
        """The kernel's file in the cache directory."""
        return cache.write(self.key, self.source)

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The kernel as machine code: read from the cache, or compiled now; plain Python if nothing is compiled."""
        if is_interpreted():
            return self.interpreted
        function = self._function
        with self._compiling:
            result = None if function.result is None else function.result.type
            assert not isinstance(result, Array)
            given = function.parameters[: len(function.parameters) - len(self._allocations)]
            room = scratch_offsets([(_element(array), array.length) for array in self._allocations])[-1]
            return NativeKernel(self._code(), given, written_arrays(function), result, room)

    @property
    def is_compiled(self) -> bool:
        """Whether :attr:`compiled` will not take the time of a compilation."""
        return "compiled" in self.__dict__ or is_interpreted() or cache.keeps_code(self._code_name)

    def _code(self) -> bytes:
        code = cache.read_code(self._code_name)
        if code is None or not is_linkable(code):
            from locality.kernel.compiler import object_code

            started = time.perf_counter()
            code = object_code(self._optimised())
            compilations.add(time.perf_counter() - started)
            cache.write_code(self._code_name, code)
        return code

    @property
    def _code_name(self) -> str:
        return f"{self.key}_{hashlib.sha256(processor().encode()).hexdigest()[:16]}.o"

    def inspect(self) -> str:
        """The code that LLVM makes machine code of, to see what it vectorised; compiled anew."""
        return str(self._optimised())

    def _optimised(self) -> Any:
        from locality.kernel.compiler import optimised

        return optimised(self._function, self._python, self._allocations, quickly=len(self.source) > _LONG_TEXT)

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
    compiles in a few seconds. Nothing is compiled before :attr:`Kernel.compiled` is asked for.
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
    note(kernel)
    return kernel


def note(kernel: Kernel) -> None:
    """Has :func:`recording` know of a kernel that is used again."""
    if (recorded := _recorded.get()) is not None:
        recorded.append(kernel)


@contextmanager
def recording() -> Iterator[list[Kernel]]:
    """A list that gets the kernels which this thread loads, or is given again, in the body."""
    kernels: list[Kernel] = []
    token = _recorded.set(kernels)
    try:
        yield kernels
    finally:
        _recorded.reset(token)


def warm_up() -> None:
    """Imports and works out what the first kernel, and the first result, will need."""
    processor()
    cache.environment()
    importlib.import_module("pyarrow.compute")  # Arrow does so by itself at the first cast or take


@remember
def primitive(name: str) -> Callable[..., Any]:
    """A primitive as machine code that Python calls.

    It takes arrays as kernels do, and Python's or numpy's scalars; each combination of types is compiled by itself.
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
    return load(builder.build(call), f"The primitive {name}.").compiled


def _type_of(arg: Any) -> Type:
    dtype = np.asarray(arg).dtype
    scalar = Scalar.BOOL if dtype == np.bool_ else Scalar(dtype.name)
    return Array(scalar, arg.ndim) if isinstance(arg, np.ndarray) else scalar


def _element(allocation: ir.Allocate) -> Scalar:
    assert isinstance(allocation.target.type, Array)
    return allocation.target.type.element
