"""Signatures of primitives: which argument types a call may have, and the type of its result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from locality.kernel.ir import Array, Scalar, Type


@dataclass(frozen=True, slots=True)
class Generic:
    """A scalar type that the caller chooses among ``choices``; equal names in a signature are equal types."""

    name: str
    choices: frozenset[Scalar]


@dataclass(frozen=True, slots=True)
class GenericArray:
    """An array over a generic element type."""

    element: Generic
    ndim: int = 1


Parameter = Scalar | Array | Generic | GenericArray


def generic(name: str, choices: Iterable[Scalar]) -> Generic:
    """A generic scalar parameter."""
    return Generic(name, frozenset(choices))


@dataclass(frozen=True, slots=True)
class Primitive:
    """A hand-written function that kernels may call.

    module: its file in ``locality/kernel/primitives``. Every primitive returns one scalar, of type ``result``.
    writes: the positions of the array arguments that it stores to.
    """

    name: str
    module: str
    parameters: tuple[Parameter, ...]
    result: Scalar | Generic
    writes: tuple[int, ...] = ()

    def result_type(self, arguments: tuple[Type, ...]) -> Scalar:
        """The type of a call with arguments of these types; raises TypeError if they do not fit."""
        if len(arguments) != len(self.parameters):
            raise TypeError(f"{self.name} takes {len(self.parameters)} arguments, not {len(arguments)}")
        bound: dict[str, Scalar] = {}
        for position, (parameter, argument) in enumerate(zip(self.parameters, arguments, strict=True)):
            if not _fits(parameter, argument, bound):
                raise TypeError(f"{self.name}: argument {position} is {argument}, not {parameter}")
        return bound[self.result.name] if isinstance(self.result, Generic) else self.result


def _fits(parameter: Parameter, argument: Type, bound: dict[str, Scalar]) -> bool:
    match parameter, argument:
        case GenericArray(element, ndim), Array():
            return argument.ndim == ndim and _fits(element, argument.element, bound)
        case Generic(name, choices), Scalar():
            return argument in choices and bound.setdefault(name, argument) is argument
    return parameter == argument
