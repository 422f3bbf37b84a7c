"""A connection to a temporary store that holds the numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import locality
from locality.connection import Connection
from tests.connection.numbers import numbers


@pytest.fixture
def connection() -> Iterator[Connection]:
    with locality.connect() as made:
        made.ingest("t", numbers())
        yield made
