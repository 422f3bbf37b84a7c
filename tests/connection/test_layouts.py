"""Several layouts of one table: made, dropped, kept up by every write, and read where they move less."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import locality
from locality.connection import Connection
from locality.errors import CatalogError, SchemaError
from locality.plan.expressions import Expression
from locality.plan.nodes import PRIMARY, Scan
from locality.runtime.statistics import StoredStatistics
from tests.properties.oracle import Pair

ROWS = 300_000
BY_DAY = "select count(*), sum(amount) from sales where day between 10 and 12"
BY_SHOP = "select count(*), sum(amount) from sales where shop = 7"


def sales(rows: int, first: int = 0) -> pa.Table:
    numbers = np.arange(first, first + rows)
    rng = np.random.default_rng(first)
    return pa.table(
        {
            "id": numbers,
            "day": pa.array(rng.integers(0, 1000, rows).astype(np.int32)),
            "shop": pa.array(rng.integers(0, 1000, rows).astype(np.int32)),
            "amount": pa.array(rng.integers(0, 100, rows).astype(np.int32)),
            "note": pa.array([f"note {number % 977}" for number in numbers]),
        }
    )


def layouts_read(connection: Connection, sql: str) -> str:
    result = connection.sql(sql)
    assert result.profile.engine == "locality", result.profile.reason
    return str(connection.explain(sql))


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("sales", [sales(ROWS)])
        made.locality.optimize("sales", order="day")
        made.locality.optimize("sales", order="shop", layout="by_shop", columns=["shop", "amount"])
        yield made


def test_each_query_reads_the_layout_that_moves_less(pair: Pair) -> None:
    assert "over sales:" in layouts_read(pair.locality, BY_DAY)
    assert "over sales (by_shop):" in layouts_read(pair.locality, BY_SHOP)
    assert "over sales:" in layouts_read(pair.locality, "select max(note) from sales where shop = 7")
    assert "over sales:" in layouts_read(pair.locality, "select sum(amount) from sales")  # a tie
    assert "layout by_shop: (shop, amount) in the order of shop, " in str(pair.locality.info())
    for sql in (BY_DAY, BY_SHOP, "select shop, sum(amount) from sales group by shop"):
        pair.check(sql)
    moved = pair.locality.sql(BY_SHOP).profile.bytes_moved
    pair.locality.settings.disabled_optimizers = frozenset({"route_scans"})
    assert "over sales:" in layouts_read(pair.locality, BY_SHOP)
    assert pair.locality.sql(BY_SHOP).profile.bytes_moved > 2 * moved
    pair.locality.settings.disabled_optimizers = frozenset()


def test_every_change_reaches_every_layout() -> None:
    with Pair() as pair:
        pair.load("sales", [sales(140_000)])
        connection = pair.locality
        connection.optimize("sales", order="shop", layout="by_shop", columns=["amount", "SHOP"])
        for change in (
            "delete from sales where shop = 7 and amount < 50",
            "update sales set amount = amount + 1, shop = 7 where day = 10",
            "insert into sales select * from sales where shop in (6, 7)",
            "delete from sales where day < 500",
        ):
            pair.check(change)
            assert "(by_shop)" in layouts_read(connection, BY_SHOP)
            pair.check(BY_SHOP)
            pair.check("select shop, count(*), sum(amount) from sales group by shop")
            connection.verify()
        connection.compact("sales")
        connection.optimize("sales", order="day")
        assert "(by_shop)" in layouts_read(connection, BY_SHOP)
        pair.check(BY_SHOP)
        pair.check("delete from sales where shop = 7")
        pair.check(BY_SHOP)
        pair.check("delete from sales")
        pair.check(BY_SHOP)
        connection.verify()


def test_an_append_writes_each_layout_once_and_says_so(tmp_path: object) -> None:
    with locality.connect() as connection:
        connection.ingest("sales", sales(200_000))
        connection.optimize("sales", order="shop", layout="by_shop")
        alone = connection.ingest("other", sales(70_000, ROWS)).bytes_written
        report = connection.ingest("sales", sales(70_000, ROWS), mode="append")
        assert alone < report.bytes_written < 2.5 * alone  # two copies, and row ids
        assert "(by_shop)" in layouts_read(connection, BY_SHOP)
        connection.verify()


def test_a_replaced_table_keeps_the_layouts_that_it_can() -> None:
    with Pair() as pair:
        pair.load("sales", [sales(140_000)])
        connection = pair.locality
        connection.optimize("sales", order="shop", layout="by_shop", columns=["amount", "shop"])
        connection.optimize("sales", order="day", layout="by_day")
        fewer = sales(140_000, ROWS).drop_columns(["note"])
        connection.ingest("sales", fewer, mode="replace")
        pair.duckdb.execute("create or replace table sales as select * from fewer")
        assert "(by_shop)" in layouts_read(connection, BY_SHOP)
        assert "over sales:" in layouts_read(connection, "select sum(id) from sales where day = 3")
        pair.check(BY_SHOP)


def test_layouts_are_replaced_and_dropped() -> None:
    with locality.connect() as connection:
        connection.ingest("sales", sales(140_000))
        connection.optimize("sales", order="day", layout="second")
        connection.optimize("sales", order="shop", layout="second", columns=["shop", "amount"])
        assert "(second)" in layouts_read(connection, BY_SHOP)
        assert "over sales:" in layouts_read(connection, BY_DAY)
        connection.drop_layout("sales", "second")
        assert "over sales:" in layouts_read(connection, BY_SHOP)
        with pytest.raises(CatalogError, match="no layout 'second'; its layouts: primary"):
            connection.drop_layout("sales", "second")
        with pytest.raises(CatalogError, match="can't be dropped"):
            connection.drop_layout("sales", "primary")
        with pytest.raises(SchemaError, match="primary layout"):
            connection.optimize("sales", order="day", columns=["day"])
        with pytest.raises(SchemaError, match="no column 'nothing'"):
            connection.optimize("sales", order="day", layout="x", columns=["nothing"])


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | st.text(max_size=3)), max_size=40),
    st.lists(st.integers(0, 9), max_size=3),
    st.sampled_from(["a", "b"]),
)
def test_answers_do_not_depend_on_layouts(rows: list[tuple[int, str]], gone: list[int], order: str) -> None:
    table = pa.table(
        {"a": pa.array([a for a, _ in rows], pa.int32()), "b": pa.array([b for _, b in rows], pa.string())}
    )
    costs = StoredStatistics.scan_bytes

    def secondary_first(statistics: StoredStatistics, scan: Scan, terms: Sequence[Expression]) -> float:
        cost = costs(statistics, scan, terms)
        return cost if math.isinf(cost) else float(scan.layout == PRIMARY)

    with Pair() as pair, mock.patch.object(StoredStatistics, "scan_bytes", secondary_first):
        pair.load("t", [table])
        pair.locality.optimize("t", order=order, layout="second")
        sql = f"select a, count(*), min(b) from t where {order} is not null group by a"
        for value in (None, *gone):
            if value is not None:
                pair.check(f"delete from t where a = {value}")
                pair.check("insert into t select a + 1, b from t where a < 5")
            pair.check(sql)
            if pair.locality._store.snapshot().tables.table("t").segments:
                assert "over t (second)" in layouts_read(pair.locality, sql)
        pair.locality.verify()
