"""Primitives as machine code and as plain Python, to be tested side by side."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from locality.kernel.loader import primitive
from locality.kernel.primitives import PRIMITIVES


def both(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The compiled and the plain function of a registered primitive."""
    plain = getattr(importlib.import_module(f"locality.kernel.primitives.{PRIMITIVES[name].module}"), name)
    return _quiet(primitive(name)), _quiet(plain)


def _quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """Numpy warns of what kernels mean to wrap."""

    def quiet(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return quiet
