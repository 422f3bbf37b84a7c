"""The primitives as plain Python: the files of ``locality/kernel/primitives``, loaded a second time, not compiled.

They say ``from . import jit`` and import each other relatively, so that a module of this package sees plain functions
only. Nothing here imports numba.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., object])

__path__ = [str(Path(__file__).parent.parent / "primitives")]


def jit(function: AnyFunction) -> AnyFunction:
    """The function itself."""
    return function


def jit_allocating(function: AnyFunction) -> AnyFunction:
    """The function itself."""
    return function
