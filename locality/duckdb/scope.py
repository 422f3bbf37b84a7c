"""The caller's variables, where DuckDB looks for data frames that a query names: in the frame that calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FrameType, FunctionType
from typing import Any

Variables = Mapping[str, Any]


def variables_of(frame: FrameType) -> Variables:
    """The variables that are seen in ``frame``."""
    return {**frame.f_globals, **frame.f_locals}


def call_with(variables: Variables, call: Callable[[], Any]) -> Any:
    """Call ``call`` from a frame that has these variables, and none of ours."""
    return FunctionType(_here.__code__, dict(variables))(call)


def call_from(frame: FrameType, call: Callable[[], Any]) -> Any:
    """Call ``call`` from a frame that has the variables of ``frame``, and none of ours."""
    return call_with(variables_of(frame), call)


def _here(__call: Callable[[], Any]) -> Any:
    return __call()
