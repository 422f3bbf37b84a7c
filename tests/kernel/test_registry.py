"""Every registered primitive is there, and machine code can be made of it with the result that its entry says."""

from __future__ import annotations

import importlib
import inspect
from types import FunctionType

import pytest

from locality.kernel.ir import Array, Scalar, Type
from locality.kernel.lowering.module import Module
from locality.kernel.primitives import PRIMITIVES
from locality.kernel.signature import Generic, GenericArray, Parameter, Primitive


def types_of(parameter: Parameter) -> list[Type]:
    """The types that a parameter may have."""
    match parameter:
        case Scalar() | Array():
            return [parameter]
        case Generic(_, choices):
            return [scalar for scalar in Scalar if scalar in choices]
        case GenericArray(element, ndim):
            return [Array(scalar, ndim) for scalar in Scalar if scalar in element.choices]


def function_of(primitive: Primitive) -> FunctionType:
    module = importlib.import_module(f"locality.kernel.primitives.{primitive.module}")
    function: FunctionType = getattr(module, primitive.name)
    return function


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=list(PRIMITIVES))
def test_the_function_is_there(primitive: Primitive) -> None:
    function = function_of(primitive)
    assert len(inspect.signature(function).parameters) == len(primitive.parameters)
    assert inspect.getdoc(function)


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=list(PRIMITIVES))
def test_it_can_be_compiled_for_every_type_that_it_may_be_called_with(primitive: Primitive) -> None:
    """Generic parameters take their types in step: the first of each, the second of each, and so on."""
    choices = [types_of(parameter) for parameter in primitive.parameters]
    for step in range(max(map(len, choices), default=1)):
        types = tuple(choice[step % len(choice)] for choice in choices)
        _, result = Module().instance(function_of(primitive), types)
        declared = primitive.result
        assert result is not None
        if isinstance(declared, Scalar):
            assert (result.is_float, result is Scalar.BOOL) == (declared.is_float, declared is Scalar.BOOL)


def test_the_keys_are_the_names() -> None:
    assert all(name == primitive.name for name, primitive in PRIMITIVES.items())
