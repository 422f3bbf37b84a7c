"""The text of functions, as Python parses it, and the values of the names that they use."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from locality.kernel.ir import Scalar
from locality.kernel.lowering.emitter import constant
from locality.kernel.lowering.types import LoweringError, Value

_SCALARS = {getattr(np, scalar.value): scalar for scalar in Scalar}


def definition(function: Callable[..., Any]) -> ast.FunctionDef:
    """The syntax of a function at the top of its file."""
    found = _definitions(function.__code__.co_filename).get(function.__name__)
    if found is None:
        raise LoweringError(f"{function.__name__}, which is no function at the top of its file")
    return found


@cache
def _definitions(path: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(Path(path).read_bytes())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def scalar_of(thing: object) -> Scalar | None:
    """The scalar type that a name such as ``np.int64`` or ``bool`` stands for."""
    if thing is bool:
        return Scalar.BOOL
    if thing is int:
        return Scalar.I64
    if thing is float:
        return Scalar.F64
    return _SCALARS.get(thing) if isinstance(thing, type) else None


def constant_of(thing: object) -> Value:
    """A number of Python's or numpy's as a constant; raises LoweringError for anything else."""
    match thing:
        case bool() | np.bool_():
            return constant(bool(thing), Scalar.BOOL)
        case np.generic() if type(thing) in _SCALARS:
            return constant(thing.item(), _SCALARS[type(thing)])
        case int():
            if not -(2**63) <= thing < 2**64:
                raise LoweringError(f"{thing} has more than 64 bits")
            return constant(thing, Scalar.I64 if thing < 2**63 else Scalar.U64)
        case float():
            return constant(thing, Scalar.F64)
    raise LoweringError(f"{thing!r} in place of a number")
