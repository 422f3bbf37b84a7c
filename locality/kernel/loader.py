"""Turns loop IR into functions that can be called: verified, printed to a file, compiled by numba and cached on disk.

A kernel's file is named by a hash of everything that its machine code depends on: its text, its parameters' types, the
text of the primitives, and the versions of Python, numpy, numba and llvmlite. An intact file is never rewritten.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from locality.kernel import cache, ir
from locality.kernel.ir import Array, Scalar
from locality.kernel.printer import to_source
from locality.kernel.usage import written_arrays
from locality.kernel.verify import verify

_lock = threading.RLock()
_kernels: dict[str, Kernel] = {}


class Kernel:
    """A loaded kernel.

    source: its Python text. key: the hash that names it. path: its file.
    """

    def __init__(self, function: ir.Function, source: str, key: str) -> None:
        self._function = function
        self.source = source
        self.key = key

    @cached_property
    def path(self) -> Path:
        """The kernel's file in the cache directory."""
        return cache.write(self.key, self.source)

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The kernel as machine code: compiled now, or read from the cache, for the types of the IR and no others.

        Arrays must be C-contiguous and of the exact element type; those that the kernel does not write may be
        read-only. Scalars may be Python's or numpy's.
        """
        with _lock:
            dispatcher = self._module("primitives").kernel
            if not hasattr(dispatcher, "compile"):  # NUMBA_DISABLE_JIT: nothing is compiled
                return self.interpreted
            dispatcher.compile(_signature(self._function))
            dispatcher.disable_compile()
            compiled: Callable[..., Any] = dispatcher
            return compiled

    @cached_property
    def interpreted(self) -> Callable[..., Any]:
        """The same text as plain Python, without numba: right for a few dozen rows, and an oracle in tests."""
        with _lock:
            kernel = self._module("plain").kernel
        casts = [getattr(np, p.type.value) if isinstance(p.type, Scalar) else None for p in self._function.parameters]

        def interpreted(*args: Any) -> Any:
            if len(args) != len(casts):
                raise TypeError(f"the kernel takes {len(casts)} arguments, not {len(args)}")
            typed = (arg if cast is None else cast(arg) for cast, arg in zip(casts, args, strict=True))
            with np.errstate(all="ignore"):
                result = kernel(*typed)
            return result.item() if isinstance(result, np.generic) else result

        return interpreted

    def _module(self, package: str) -> ModuleType:
        name = f"locality.kernel.{package}.kernel_{self.key}"
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None
        assert spec.loader is not None
        importlib.import_module(f"locality.kernel.{package}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # numba looks a function's module up, also when it reads the cache
        spec.loader.exec_module(module)
        return module


def load(function: ir.Function, doc: str = "") -> Kernel:
    """The kernel of ``function``, the same object for equal text and types; ``doc`` is what its docstring says.

    Raises :class:`locality.kernel.verify.VerificationError` for IR that breaks a rule. Nothing is compiled before
    :attr:`Kernel.compiled` is asked for.
    """
    verify(function)
    source = to_source(function, doc)
    # The text names no types, and kernels over columns of different widths often have the same text.
    parameters = " ".join(str(parameter.type) for parameter in function.parameters)
    key = cache.key(f"{parameters}\n{source}")
    with _lock:
        return _kernels.setdefault(key, Kernel(function, source, key))


def _signature(function: ir.Function) -> tuple[Any, ...]:
    """The numba types of the parameters."""
    from numba import types

    written = written_arrays(function)

    def numba_type(parameter: ir.Var) -> Any:
        match parameter.type:
            case Array(element, ndim):
                readonly = parameter.name not in written
                return types.Array(_scalar_type(element), ndim, "C", readonly=readonly)
            case scalar:
                return _scalar_type(scalar)

    def _scalar_type(scalar: Scalar) -> Any:
        return getattr(types, scalar.value)

    return tuple(numba_type(parameter) for parameter in function.parameters)
