"""Primitives as machine code and as plain Python, to be tested side by side."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from locality.kernel.primitives import PRIMITIVES


def both(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The compiled and the plain function of a registered primitive."""
    module = PRIMITIVES[name].module
    compiled = getattr(importlib.import_module(f"locality.kernel.primitives.{module}"), name)
    plain = getattr(importlib.import_module(f"locality.kernel.plain.{module}"), name)

    return _quiet(compiled), _quiet(plain)


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """Numpy warns of what kernels mean to wrap."""

    def quiet(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return quiet
