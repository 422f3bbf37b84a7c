"""A database file with tables that have layouts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import locality
from locality.duckdb import AttachedConnection

TABLES = """
create table p(a integer primary key, b varchar);
insert into p select range, 'x' || range % 7 from range(100);
create table t(a integer references p(a), v decimal(10,2), d timestamptz);
insert into t select range % 100, range / 7, timestamptz '2024-01-01 00:30:00+00' + to_hours(range) from range(3000);
create table loose(a integer);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with duckdb.connect(tmp_path / "my.duckdb") as connection:
        connection.execute(TABLES)
    return tmp_path / "my.duckdb"


@pytest.fixture
def con(path: Path) -> Iterator[AttachedConnection]:
    with locality.attach(duckdb.connect(path)) as connection:
        connection.accelerate("p", "t")
        yield connection
