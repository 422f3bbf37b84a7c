"""What tests expect of one version of DuckDB that is supported, and not of another."""

from __future__ import annotations

import duckdb
import pytest

IS_2 = int(duckdb.__version__.partition(".")[0]) >= 2


def since_2(reason: str) -> pytest.MarkDecorator:
    """Skips a test on DuckDB 1.5; ``reason``: what that does otherwise."""
    return pytest.mark.skipif(not IS_2, reason=f"DuckDB 1.5: {reason}")


def is_its_own(reason: str) -> bool:
    """Whether DuckDB answers because its version means something else by a function or cast."""
    return not IS_2 and reason.endswith(f"as of DuckDB {duckdb.__version__}")
