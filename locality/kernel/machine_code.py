"""Primitives as numba compiles them, for kernels to call, and its cache of them, kept in our private directory.

By itself numba keeps code beside its source and trusts it while that one file is unchanged. But a primitive's code
holds that of the primitives it calls, in other files: it is stale as soon as one of them changes. So the code of each
state of all primitives, and of numba, numpy and Python, has a directory of its own.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.registry import CPUDispatcher

from locality.kernel import cache
from locality.kernel.parts import PartCompiler, Restoring


class _Locator:
    """What numba asks where and under which name to keep a function's code."""

    def __init__(self, line: int) -> None:
        self._line = line

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator:
        return cls(py_func.__code__.co_firstlineno)

    def ensure_cache_path(self) -> None:
        Path(self.get_cache_path()).mkdir(mode=0o700, exist_ok=True)

    def get_cache_path(self) -> str:
        return str(cache.machine_code_directory())

    def get_source_stamp(self) -> str:
        return cache.environment()

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Code(CompileResultCacheImpl):
    _locator_classes: list[type[object]] = [_Locator]  # noqa: RUF012 (so declared by numba)

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        restored = super().rebuild(Restoring(target_context), payload)  # type: ignore[no-untyped-call]
        return restored._replace(target_context=target_context)


class MachineCodeCache(FunctionCache):
    """The code of one function by its signatures. A cache that can't be read or written costs time, nothing else."""

    _impl_class = _Code

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with contextlib.suppress(OSError, EOFError, pickle.UnpicklingError):
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


class Compilable(CPUDispatcher):
    """A primitive: numba compiles it into its callers. A call from Python goes through a kernel of its own."""

    def __init__(self, function: Callable[..., Any], options: Mapping[str, object]) -> None:
        super().__init__(function, targetoptions={"nopython": True, **options}, pipeline_class=PartCompiler)
        self._cache = MachineCodeCache(function)

    def __call__(self, *args: Any) -> Any:
        from locality.kernel.loader import primitive

        return primitive(self.py_func.__name__)(*args)
