"""Rows put in another order: that of parents too, refused where there is none, and read with fewer zones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.errors import CatalogError, MemoryLimitError, SchemaError, StoreError, StoreLockedError
from locality.storage.store import Store
from tests.connection.numbers import numbers

ROWS = 3 * 65_536


def numbered(connection: Connection, table: str = "t") -> list[int]:
    """The column ``number`` in the order that rows are stored in."""
    stored = Store.open(connection.info().path, create=False)
    with stored:
        rows = stored.snapshot().tables[table]
        batches = rows.to_batches([rows.column_names.index("number")])
        return [value for batch in batches for value in batch.column(0).to_pylist()]


@pytest.fixture
def shops(tmp_path: Path) -> Iterator[Connection]:
    """Sales, each of a shop or of none; shops, each of a country."""
    countries = pa.table({"country": list(range(7)), "name": [f"land {(5 * i) % 7}" for i in range(7)]})
    shops = pa.table(
        {"shop": list(range(50)), "country": [i * 3 % 7 for i in range(50)], "other": [i % 50 for i in range(50)]}
    )
    of_shops = [None if i % 11 == 0 else i * 17 % 50 for i in range(1000)]
    sales = pa.table({"number": list(range(1000)), "shop": pa.array(of_shops, pa.int64()), "shops.shop": [0] * 1000})
    with locality.connect(tmp_path / "s", threads=2) as con:
        con.ingest("countries", countries, primary_key="country")
        con.ingest("shops", shops, primary_key="shop", foreign_keys={"country": "countries"})
        con.ingest("sales", sales, foreign_keys={"shop": "shops"})
        yield con


def test_rows_lie_with_those_of_their_parents(shops: Connection) -> None:
    sql = """select number from sales s left join shops using (shop) left join countries c using (country)
             order by c.name nulls last, s.shop nulls last, number"""
    expected = [number for (number,) in shops.sql(sql).fetchall()]
    report = shops.optimize("sales", order=["Countries.NAME", "shop"])
    assert report.order == ("shops.countries.name", "shop")
    assert numbered(shops, "sales") == expected
    assert "in the order of shops.countries.name, shop" in str(shops.info())
    assert shops.info().tables[-1].foreign_keys[0].table == "shops"


def test_a_curve_excludes_zones_by_each_of_its_columns(tmp_path: Path) -> None:
    rows = 16 * 65_536
    day, user = [i % 1009 for i in range(rows)], [i * 7919 % 1013 for i in range(rows)]
    with locality.connect(tmp_path / "s") as con:
        con.ingest("t", pa.table({"day": day, "user": user}))
        report = con.optimize("t", curve=["DAY", "user"])
        assert report.order == ("curve(day, user)",)
        for column in ("day", "user"):
            found = con.sql(f"select count(*), sum(day + user) from t where {column} between 100 and 110")
            assert found.profile.engine == "locality"
            wanted = [d + u for d, u in zip(day, user, strict=True) if 100 <= (d if column == "day" else u) <= 110]
            assert found.fetchall() == [(len(wanted), sum(wanted))]
            assert sum(op.zones_read for op in found.profile.operators) <= 8


def test_a_columns_own_name_may_look_like_a_parents(shops: Connection) -> None:
    assert shops.optimize("sales", order="shops.shop").order == ("shops.shop",)
    assert numbered(shops, "sales") == list(range(1000))


@pytest.mark.parametrize(
    ("table", "order", "error", "message"),
    [
        ("nowhere", ["a"], CatalogError, "no table 'nowhere'"),
        ("sales", [], SchemaError, "no order was given"),
        ("sales", ["shop", "shops.country.more"], SchemaError, "table 'countries' has no column 'more'"),
        ("sales", ["missing"], SchemaError, "no column 'missing'"),
        ("sales", ["shops.missing"], SchemaError, "table 'shops' has no column 'missing'"),
        ("sales", ["nowhere.a"], CatalogError, "no table 'nowhere'"),
        ("countries", ["shops.shop"], SchemaError, "no foreign key leads from table 'countries' to 'shops'"),
    ],
)
def test_an_order_that_can_not_be_is_refused(
    shops: Connection, table: str, order: list[str], error: type[Exception], message: str
) -> None:
    before = str(shops.info())
    with pytest.raises(error, match=message):
        shops.optimize(table, order=order)
    assert str(shops.info()) == before


def test_a_curve_through_one_column_is_refused(shops: Connection) -> None:
    with pytest.raises(SchemaError, match="two columns or more"):
        shops.optimize("sales", order="number", curve=["shop"])


def test_two_ways_to_a_parent_are_refused(shops: Connection) -> None:
    rows = pa.table({"a": [1, 2], "b": [2, 1]})
    shops.ingest("moves", rows, foreign_keys={"a": "shops(shop)", "b": "shops(shop)"})
    with pytest.raises(SchemaError, match="more than one foreign key"):
        shops.optimize("moves", order="shops.country")


def test_a_nested_column_has_no_order_but_comes_along(connection: Connection) -> None:
    connection.ingest("nested", pa.table({"number": [2, 1], "list": [[1], None]}))
    with pytest.raises(SchemaError, match="'list'"):
        connection.optimize("nested", order="list")
    connection.optimize("nested", order="number")
    assert connection.sql("select * from nested").fetchall() == [(1, None), (2, [1])]


def test_filters_on_the_order_read_fewer_zones(tmp_path: Path) -> None:
    table = pa.table({"day": [i * 7919 % ROWS for i in range(ROWS)], "number": list(range(ROWS))})
    sql = "select count(*), sum(number) from t where day between 1000 and 2000"
    with locality.connect(tmp_path / "s") as con:
        con.ingest("t", table)
        scattered = con.sql(sql)
        con.optimize("t", order="day")
        ordered = con.sql(sql)
        assert ordered.fetchall() == scattered.fetchall()
        assert ordered.profile.engine == scattered.profile.engine == "locality"
        zones = [sum(op.zones_read for op in result.profile.operators) for result in (scattered, ordered)]
        assert zones[1] == 1 < zones[0]
        con.ingest("t", pa.table({"day": [1500], "number": [1]}), mode="append")
        assert con.sql("select count(*) from t where day = 1500").fetchall() == [(2,)]


def test_readers_go_on_over_the_old_order(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s") as con, Store.open(tmp_path / "s") as reader:
        con.ingest("t", pa.table({"number": [3, 1, 2]}))
        snapshot = reader.snapshot()
        con.optimize("t", order="number")
        assert [b.to_pydict() for b in snapshot.tables["t"].to_batches([0])] == [{"number": [3, 1, 2]}]
        assert numbered(con) == [1, 2, 3]


def test_what_can_not_be_written_stays_as_it_was(tmp_path: Path, connection: Connection) -> None:
    with Store.open(connection.info().path) as other, other.begin(), pytest.raises(StoreLockedError):
        connection.optimize("t", order="n")
    with locality.connect(tmp_path / "s") as con:
        con.ingest("t", numbers())
    with locality.connect(tmp_path / "s", read_only=True) as con, pytest.raises(StoreError, match="read-only"):
        con.optimize("t", order="n")
    with locality.connect(tmp_path / "s", memory_limit=100) as con, pytest.raises(MemoryLimitError, match="order"):
        con.optimize("t", order="n")


def test_superseded_files_go_as_soon_as_nobody_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with locality.connect(path) as con:
        con.ingest("t", pa.table({"a": list(range(1000)), "b": [i * 7 % 10 for i in range(1000)]}))
        asked = "select sum(a) from t where b = 3"
        wanted = con.sql(asked).fetchall()
        first = set(path.glob("segments/*"))
        con.optimize("t", order="b")
        second = set(path.glob("segments/*"))
        assert second and not first & second
        with locality.connect(path, read_only=True) as reader:
            assert reader.sql(asked).fetchall() == wanted
            con.optimize("t", order="a")
            assert second < set(path.glob("segments/*"))
            assert con.sql(asked).fetchall() == wanted
    # the reader was the last who needed them, and it may write nothing
    locality.connect(path).close()
    assert not second & set(path.glob("segments/*"))
