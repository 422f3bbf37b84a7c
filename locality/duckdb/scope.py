"""The caller's variables, where DuckDB looks for data frames that a query names: in the frame that calls it."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType, FunctionType
from typing import Any


def call_from(frame: FrameType, call: Callable[[], Any]) -> Any:
    """Call ``call`` from a frame that has the variables of ``frame``, and none of ours."""
    return FunctionType(_here.__code__, {**frame.f_globals, **frame.f_locals})(call)


def _here(__call: Callable[[], Any]) -> Any:
    return __call()
