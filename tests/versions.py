"""Marks for tests that don't apply to every version of DuckDB that is supported."""

from __future__ import annotations

import duckdb
import pytest

IS_2 = int(duckdb.__version__.partition(".")[0]) >= 2


def since_2(reason: str) -> pytest.MarkDecorator:
    """Skips a test on DuckDB 1.5; ``reason``: what that does otherwise."""
    return pytest.mark.skipif(not IS_2, reason=f"DuckDB 1.5: {reason}")
