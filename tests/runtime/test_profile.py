"""The ledger by stored column, against what the encodings of the columns say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import locality
from locality import Connection
from locality.storage.zones import ZONE_ROWS

SALES, SHOPS = 100_000, 1_000


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    directory: Path = tmp_path_factory.mktemp("ledger")
    rows = range(SALES)
    sales = {
        "day": [r // 500 for r in rows],
        "shop": [r * 7 % SHOPS for r in rows],
        "n": [r * 31 % 50_000 for r in rows],
    }
    shops = {"shop": list(range(SHOPS)), "size": [s % 30_000 for s in range(SHOPS)], "unused": list(range(SHOPS))}
    with locality.connect(directory / "s") as con:
        con.ingest("sales", pa.table(sales))
        con.ingest("shops", pa.table(shops))
        yield con


def touched(con: Connection, sql: str) -> dict[str, int]:
    result = con.sql(sql)
    assert result.profile.engine == "locality", result.profile.reason
    return result.profile.touched


def test_a_scan_reads_the_columns_that_it_names_as_wide_as_they_are_kept(connection: Connection) -> None:
    found = touched(connection, "select sum(n + 1), max(shop + 1) from sales")
    assert found == {"sales.n": 2 * SALES, "sales.shop": 2 * SALES}


def test_statistics_of_zones_count_as_what_they_take(connection: Connection) -> None:
    zones = -(-SALES // ZONE_ROWS)
    found = touched(connection, "select sum(n), max(shop) from sales")
    assert found == {"sales.n": 8 * zones, "sales.shop": 8 * zones}


def test_excluded_zones_are_not_read(connection: Connection) -> None:
    found = touched(connection, "select sum(n) from sales where day = 3")
    assert set(found) == {"sales.day", "sales.n"}
    assert 500 * 2 <= found["sales.n"] < 2 * SALES


def test_a_joined_tables_columns_are_read_once_not_for_each_row(connection: Connection) -> None:
    found = touched(connection, "select sum(sales.n * shops.size) from sales join shops using (shop)")
    assert set(found) == {"sales.n", "sales.shop", "shops.shop", "shops.size"}
    assert found["sales.shop"] == 2 * SALES
    assert found["shops.size"] == 2 * SHOPS


def test_late_columns_of_a_result_count_the_lines_that_they_lie_on(connection: Connection) -> None:
    found = touched(connection, "select n from sales where day = 3 order by n limit 1")
    assert set(found) == {"sales.day", "sales.n"}


def test_explain_analyze_lists_the_columns(connection: Connection) -> None:
    text = str(connection.explain("select sum(n) from sales where day = 3", analyze=True))
    line = next(line for line in text.splitlines() if line.startswith("columns read: "))
    assert "sales.n" in line
    assert "sales.shop" not in line
