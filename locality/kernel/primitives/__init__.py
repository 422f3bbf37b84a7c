"""Hand-written kernels by family, and the one registry of those that generated kernels may call.

Importing this package does not import numba; importing one of its modules does, because their functions are decorated
with :func:`jit`. The same files are also the modules of :mod:`locality.kernel.plain`, where nothing is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from locality.kernel.ir import Scalar
from locality.kernel.signature import Primitive, generic

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., object])


def jit(function: AnyFunction) -> AnyFunction:
    """Compiles a primitive at its first call for each signature, releasing the interpreter lock while it runs.

    Division by zero follows IEEE and numpy rather than raising, and the compiled code is kept on disk.
    """
    import numba

    return cast("AnyFunction", numba.njit(nogil=True, cache=True, error_model="numpy")(function))


SIGNED = (Scalar.I8, Scalar.I16, Scalar.I32, Scalar.I64)
T = generic("T", SIGNED)

PRIMITIVES: Mapping[str, Primitive] = {
    primitive.name: primitive
    for primitive in (
        Primitive("trunc_div", "integers", (T, T), T),
        Primitive("trunc_mod", "integers", (T, T), T),
    )
}
