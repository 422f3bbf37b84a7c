"""Kernels as plain Python: slow row by row, but nothing is compiled, so that small tables see many more queries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from locality.kernel.loader import Kernel


@contextmanager
def interpreted_kernels() -> Iterator[None]:
    """Runs every kernel's text as plain Python while the body lasts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Kernel, "compiled", property(lambda kernel: kernel.interpreted))
        yield
