"""How much the random tests try: ``LOCALITY_TEST_EFFORT=20`` takes twenty times the examples of a default run."""

from __future__ import annotations

import os

EFFORT = max(1, int(os.environ.get("LOCALITY_TEST_EFFORT", "1")))


def examples(usual: int) -> int:
    """The number of examples of a test."""
    return usual * EFFORT
