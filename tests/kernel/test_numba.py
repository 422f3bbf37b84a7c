"""The printed text as numba compiles it: another compiler's word on what machine code should do."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from locality.kernel import primitives
from locality.kernel.ir import Scalar
from locality.kernel.loader import load
from locality.kernel.scratch import lift_arrays
from tests.kernel.test_printer import KERNELS, data

numba = pytest.importorskip("numba")


@pytest.fixture(scope="module")
def package() -> str:
    """A package with the primitives' files whose ``jit`` is numba's."""
    module = ModuleType("primitives_by_numba")
    module.__path__ = [str(Path(primitives.__file__).parent)]
    module.jit = numba.njit(error_model="numpy")  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    return module.__name__


def compiled_by_numba(package: str, path: Path) -> Callable[..., Any]:
    spec = importlib.util.spec_from_file_location(f"{package}.kernel", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # numba looks a function's module up
    spec.loader.exec_module(module)
    kernel: Callable[..., Any] = module.kernel
    return kernel


@pytest.mark.parametrize("name", KERNELS)
def test_numba_gives_the_same(package: str, name: str) -> None:
    function = KERNELS[name]()
    kernel = load(function, "under test")
    _, allocations = lift_arrays(function)
    room = [np.empty(each.length, each.target.type.element.value) for each in allocations]  # type: ignore[union-attr]
    runs = []
    for run, local in ((kernel.compiled, []), (compiled_by_numba(package, kernel.path), room)):
        args = data()[name]()
        typed = [
            getattr(np, parameter.type.value)(arg) if isinstance(parameter.type, Scalar) else arg
            for parameter, arg in zip(function.parameters, args, strict=True)
        ]
        runs.append((run(*typed, *local), [arg for arg in args if isinstance(arg, np.ndarray)]))
    assert runs[0][0] == runs[1][0]
    for ours, theirs in zip(runs[0][1], runs[1][1], strict=True):
        np.testing.assert_array_equal(ours, theirs)
