"""Integer arithmetic that Python's operators and the machine's disagree on."""

from __future__ import annotations

from . import jit


@jit
def trunc_div(a: int, b: int) -> int:
    """The quotient rounded toward zero, of the operands' type; ``b`` is not 0. The least value by -1 wraps."""
    quotient = a // b
    if quotient < 0 and quotient * b != a:
        quotient += 1
    return quotient


@jit
def trunc_mod(a: int, b: int) -> int:
    """The remainder of :func:`trunc_div`, with the sign of ``a``."""
    return a - trunc_div(a, b) * b
