"""Every registered primitive exists in both packages and compiles as its registry entry says."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numba
import pytest
from numba import types

from locality.kernel.ir import Array, Scalar
from locality.kernel.primitives import PRIMITIVES
from locality.kernel.signature import Generic, GenericArray, Parameter, Primitive


def choice(generic: Generic) -> Scalar:
    """One of the types that a generic parameter may have: the first in the order of their definition."""
    return next(scalar for scalar in reversed(Scalar) if scalar in generic.choices and not scalar.is_float)


def numba_type(parameter: Parameter, written: bool) -> Any:
    match parameter:
        case Scalar():
            return getattr(types, parameter.value)
        case Generic():
            return numba_type(choice(parameter), written)
        case Array(element, ndim) | GenericArray(element, ndim):
            return types.Array(numba_type(element, written), ndim, "C", readonly=not written)


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=list(PRIMITIVES))
def test_both_packages_have_the_function(primitive: Primitive) -> None:
    for package in ("primitives", "plain"):
        function = getattr(importlib.import_module(f"locality.kernel.{package}.{primitive.module}"), primitive.name)
        function = getattr(function, "py_func", function)
        assert len(inspect.signature(function).parameters) == len(primitive.parameters)
        assert inspect.getdoc(function)


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=list(PRIMITIVES))
def test_it_compiles_with_arrays_that_it_does_not_write_read_only(primitive: Primitive) -> None:
    dispatcher = getattr(importlib.import_module(f"locality.kernel.primitives.{primitive.module}"), primitive.name)
    signature = tuple(numba_type(p, i in primitive.writes) for i, p in enumerate(primitive.parameters))
    dispatcher.compile(signature)
    result = dispatcher.overloads[signature].signature.return_type
    declared = numba_type(primitive.result, False)
    assert isinstance(result, type(declared))
    if isinstance(result, types.Boolean):
        assert declared is types.bool_


def test_the_keys_are_the_names() -> None:
    assert all(name == primitive.name for name, primitive in PRIMITIVES.items())
