"""One planner for all tests of a module: making one takes longer than planning a hundred queries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from locality.sql.planner import Planner
from tests.sql.tables import TABLES


@pytest.fixture(scope="module")
def planner() -> Iterator[Planner]:
    made = Planner()
    made.sync(TABLES)
    yield made
    made.close()
