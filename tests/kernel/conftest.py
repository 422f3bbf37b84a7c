"""Kernels and primitives are tested as the optimised code that they run as in the end; test_machinecode.py compares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from locality.kernel import loader
from locality.kernel.machinecode import OPTIMISE_VARIABLE


@pytest.fixture(scope="package", autouse=True)
def _optimised() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(OPTIMISE_VARIABLE, "1")
        patch.setattr(loader, "_kernels", type(loader._kernels)())
        loader.primitive.cache_clear()
        yield
