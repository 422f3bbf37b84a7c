"""A module of LLVM's: a kernel with all the functions that it calls, and its entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from locality.kernel.ir import Scalar, Type
from locality.kernel.lowering.emitter import UNROLL
from locality.kernel.lowering.entry import entry_text
from locality.kernel.lowering.intrinsics import DECLARATIONS
from locality.kernel.lowering.statements import FunctionLowering
from locality.kernel.lowering.syntax import definition
from locality.kernel.lowering.types import LoweringError

_DECLARATIONS = (
    *(f"declare i64 @llvm.{name}.i64(i64, i64)" for name in ("smin", "smax", "umin")),
    "declare i64 @llvm.abs.i64(i64, i1)",
    "declare float @llvm.fabs.f32(float)",
    *(
        f"declare double @llvm.{name}.f64(double)"
        for name in ("sqrt", "exp", "log", "log2", "log10", "sin", "cos", "trunc", "floor", "ceil", "rint", "fabs")
    ),
    *(f"declare double @llvm.{name}.f64(double, double)" for name in ("pow", "copysign")),
    *(f"declare double @{name}(double) memory(none) nounwind" for name in ("tan", "atan")),
    "declare double @fmod(double, double) memory(none) nounwind",
    *DECLARATIONS,
)


def module_text(kernel: Callable[..., Any], parameters: Sequence[Type], scratch: Sequence[tuple[int, int]]) -> str:
    """LLVM's text of a kernel and its entry, see :mod:`locality.kernel.native`.

    scratch: for each of the last parameters, arrays of the kernel's own, where it lies in their room, in bytes, and its
    length.
    """
    module = Module()
    name, result = module.instance(kernel, tuple(parameters), len(scratch))
    functions = [*module.texts, entry_text(name, parameters, result, scratch)]
    return _numbered("\n".join([*_DECLARATIONS, *functions]))


def _numbered(text: str) -> str:
    """The text with a node of metadata for each loop that is to be written out, which names itself."""
    first, *rest = text.split(UNROLL)
    marked = "".join(f"!llvm.loop !{number}{part}" for number, part in enumerate(rest, 1))
    nodes = "".join(f"!{number} = distinct !{{!{number}, !0}}\n" for number in range(1, len(rest) + 1))
    return f'{first}{marked}\n!0 = !{{!"llvm.loop.unroll.full"}}\n{nodes}'


class Module:
    """The functions so far, each once for each combination of its arguments' types."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._instances: dict[tuple[Callable[..., Any], tuple[Type, ...]], tuple[str, Scalar | None]] = {}

    def instance(
        self, function: Callable[..., Any], types: tuple[Type, ...], private: int = 0
    ) -> tuple[str, Scalar | None]:
        """The name and the result's type of a function of arguments of these types.

        private: how many of the last arguments are arrays that nothing else has the memory of.
        """
        key = (function, types)
        if key not in self._instances:
            self._instances[key] = self._lower(function, types, private)
        return self._instances[key]

    def _lower(self, function: Callable[..., Any], types: tuple[Type, ...], private: int) -> tuple[str, Scalar | None]:
        arguments = [argument.arg for argument in definition(function).args.args]
        if len(arguments) != len(types):
            raise LoweringError(f"{function.__name__} takes {len(arguments)} arguments, not {len(types)}")
        name = f"{function.__name__}.{len(self._instances)}"
        known: dict[str, Type] = dict(zip(arguments, types, strict=True))
        result: Scalar | None = None
        while True:
            lowering = FunctionLowering(self, function, known, result)
            text = lowering.text(name, types, private)
            if not lowering.grown:
                break
            known, result = lowering.types, lowering.result
        self.texts.append(text)
        return name, lowering.result
