"""Columns of parents that layouts carry: built, kept up by appends, left alone once they are old, refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.errors import CatalogError, CorruptStoreError, SchemaError
from locality.plan.virtual import ROW_ID
from locality.storage.manifest import read
from tests.properties.oracle import Pair
from tests.storage.derived import derived_values

ROWS = 1000


@pytest.fixture
def shops(tmp_path: Path) -> Iterator[Connection]:
    """Sales, each made in a shop and sent from another or from none; shops, each of a country."""
    countries = pa.table({"country": [3 * i for i in range(7)], "name": [f"land {5 * i % 7}" for i in range(7)]})
    shops = pa.table({"shop": range(50), "country": [i % 7 * 3 if i % 5 else None for i in range(50)]})
    sales = pa.table(
        {
            "id": range(ROWS),
            "made": [i * 17 % 50 for i in range(ROWS)],
            "sent": [i * 7 % 50 if i % 11 else None for i in range(ROWS)],
            "shops.country": [0] * ROWS,
        }
    )
    with locality.connect(tmp_path / "s", threads=2) as con:
        con.ingest("countries", countries, primary_key="country")
        con.ingest("shops", shops, primary_key="shop", foreign_keys={"country": "countries"})
        con.ingest("sales", sales, foreign_keys={"made": "shops", "sent": "shops"})
        con.ingest("visits", pa.table({"id": range(9), "shop": range(9)}), foreign_keys={"shop": "shops"})
        yield con


NAMES = ["sent.countries.name", "made.country", "MADE.Country", "sent.rowid"]


def values(connection: Connection, layout: str = "primary") -> dict[str, dict[int, object]]:
    return derived_values(connection._store.snapshot().tables["sales"], layout, "id")


def expected(connection: Connection) -> dict[str, dict[int, object]]:
    sql = """select id, name, m.country, s.rowid from sales left join shops s on sent = s.shop
             left join countries on s.country = countries.country join shops m on made = m.shop"""
    rows = connection.sql(sql).fetchall()
    names = ("sent.countries.name", "made.country", "sent.rowid")
    return {name: {row[0]: row[i] for row in rows} for i, name in enumerate(names, 1)}


def test_layouts_carry_the_columns_of_parents_along_their_keys(shops: Connection) -> None:
    shops.optimize("sales", order="made.countries.name", carry=NAMES)
    shops.optimize("sales", order="id", layout="small", columns=["id"], carry="sent.country")
    assert values(shops) == expected(shops)
    assert list(values(shops, "small")) == ["sent.country"]
    table = shops._store.snapshot().tables["sales"]
    assert [column.plan.number for column in table.derived_columns] == [4, 5, 6, 7]
    assert table.derived_columns[2].plan.column == ROW_ID
    assert [reference.table for reference in table.derived_columns[0].plan.path] == ["shops", "countries"]
    assert table.statistics(5).null_count == sum(value is None for value in values(shops)["made.country"].values())
    before = shops.sql("select * from sales order by id").fetchall()
    with locality.connect(shops._store.path) as other:
        assert values(other) == expected(shops)
        assert other.sql("select * from sales order by id").fetchall() == before
    shops.verify()
    shops.optimize("sales", order="id")
    assert values(shops) == expected(shops)
    shops.optimize("sales", order="id", carry=[])
    assert values(shops) == {}


def test_rows_that_come_have_their_parents_columns_at_once(shops: Connection) -> None:
    shops.optimize("sales", carry=NAMES)
    shops.optimize("sales", order="made.country", layout="other", carry=NAMES)
    shops.sql("insert into shops values (77, 6), (78, null)")
    shops.sql("insert into sales values (5000, 77, 78, 1), (5001, 78, null, 1), (5002, 3, 77, 1)")
    assert values(shops) == values(shops, "other") == expected(shops)
    shops.sql("update sales set sent = 77, made = made + 1 where id in (3, 5)")
    shops.sql("delete from sales where id % 3 = 0")
    assert values(shops) == values(shops, "other") == expected(shops)
    shops.verify()
    shops.compact("sales")
    assert values(shops) == values(shops, "other") == expected(shops)


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("update countries set name = 'x' where country = 3", ["made.country", "sent.rowid"]),
        ("update shops set country = 0 where shop = 3", []),
        ("insert into countries values (1, 'new')", ["sent.countries.name", "made.country", "sent.rowid"]),
    ],
)
def test_what_is_old_is_left_alone_until_it_is_built_again(shops: Connection, change: str, left: list[str]) -> None:
    shops.optimize("sales", carry=NAMES)
    shops.sql(change)
    assert list(values(shops)) == left
    shops.sql("insert into sales values (5000, 3, 4, 1)")
    shops.compact("sales")
    assert values(shops) == expected(shops)


def test_what_is_carried_is_told_and_verified(shops: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    shops.optimize("sales", carry=["made.country", "sent.countries.name"])
    shops.optimize("sales", order="id", layout="other", columns=["id"], carry="made.rowid")
    shops.sql("update countries set name = 'x' where country = 3")
    text = str(shops.info())
    assert "\ncarries made.country, sent.countries.name (outdated)\n" in text
    assert "in the order of id, " in text
    assert "\ncarries made.rowid\n" in text
    shops.verify()
    monkeypatch.setattr("locality.storage.derived.is_true", lambda column, entry, tables: True)
    with locality.connect(shops._store.path) as other, pytest.raises(CorruptStoreError) as caught:
        other.verify()
    assert "sales: column sent.countries.name of layout 'primary' is not what its parents have" in str(caught.value)


def test_positions_are_old_once_rows_of_the_parent_moved(shops: Connection) -> None:
    shops.optimize("sales", carry=NAMES)
    shops.optimize("shops", order="country")
    assert list(values(shops)) == ["sent.countries.name", "made.country"]
    shops.compact("sales")
    assert values(shops) == expected(shops)


def test_a_replaced_table_carries_nothing(shops: Connection) -> None:
    shops.optimize("sales", order="id", layout="other", carry=NAMES)
    rows = shops.sql("select * from sales").to_arrow_table()
    shops.ingest("sales", rows, mode="replace", foreign_keys={"sent": "shops", "made": "shops"})
    assert values(shops, "other") == {}
    shops.verify()


def test_a_layout_with_a_parents_column_but_without_one_of_the_tables_does_not_serve(shops: Connection) -> None:
    shops.optimize("sales", order="id", layout="other", columns=["id"], carry=["made.country"])
    sql = "select count(*), sum(sent) from sales join shops on made = shop where country = 3"
    found = shops.sql(sql)
    assert found.profile.engine == "locality"
    shops.settings.disabled_optimizers = frozenset({"use_carried_columns"})
    assert found.fetchall() == shops.sql(sql).fetchall()


def test_rows_still_come_when_no_key_leads_to_what_they_were_ordered_by(shops: Connection) -> None:
    shops.optimize("sales", order=["made.countries.name", "id"], carry=NAMES)
    shops.optimize("sales", order="made.countries.name", layout="other", columns=["id"])
    shops.ingest("shops", shops.sql("select * from shops").to_arrow_table(), mode="replace", primary_key="shop")
    assert values(shops) == {}
    shops.sql("insert into sales values (5000, 3, 4, 1)")
    shops.compact("sales")
    assert shops.sql("select count(*) from sales").fetchall() == [(ROWS + 1,)]
    assert list(values(shops)) == ["made.country", "sent.rowid"]
    shops.verify()


@pytest.mark.parametrize(
    ("table", "name", "error", "message"),
    [
        ("sales", "id", SchemaError, "'id' is not one of a parent of table 'sales'"),
        ("sales", "shops.country", SchemaError, "not one of a parent"),  # a column of its own is called so
        ("sales", "shops.shop", SchemaError, "name 'made' or 'sent' instead"),
        ("sales", "countries.name", SchemaError, "more than one foreign key leads from table 'sales' to 'countries'"),
        ("sales", "made.missing", SchemaError, "table 'shops' has no column 'missing'"),
        ("sales", "made.countries.missing", SchemaError, "table 'countries' has no column 'missing'"),
        ("sales", "nowhere.a", CatalogError, "no table 'nowhere'"),
        ("countries", "shops.shop", SchemaError, "no foreign key leads from table 'countries' to 'shops'"),
    ],
)
def test_what_can_not_be_carried_is_refused(
    shops: Connection, table: str, name: str, error: type[Exception], message: str
) -> None:
    before = read(shops._store.path)
    with pytest.raises(error, match=message):
        shops.optimize(table, carry=[name])
    assert read(shops._store.path) == before


def test_a_way_that_comes_back_to_the_table_is_refused() -> None:
    with locality.connect() as con:
        con.ingest(
            "people", pa.table({"id": [1, 2], "boss": [2, None]}), primary_key="id", foreign_keys={"boss": "people"}
        )
        with pytest.raises(SchemaError, match="comes back to table 'people'"):
            con.optimize("people", carry=["people.boss"])


def test_short_names_take_the_shortest_way(shops: Connection) -> None:
    shops.optimize("visits", carry=["countries.name"])
    (column,) = shops._store.snapshot().tables["visits"].derived_columns
    assert column.name == "shops.countries.name"


def zones_of(connection: Connection, layout: str, column: str) -> int:
    """How many values the zones of a layout's last segments may have, in all."""
    table = connection._store.snapshot().tables["lines"]
    found = table.layout(layout)
    place = found.positions[table.column_names.index(column)]
    zones = found.segments[-1].zones(place)
    assert zones.minimum is not None and zones.maximum is not None
    return int((zones.maximum - zones.minimum + 1).sum())


def test_appended_rows_are_sorted_by_parents_and_along_curves() -> None:
    rng = np.random.default_rng(3)
    new = 4 * 65_536

    def lines(count: int) -> pa.Table:
        numbers = {name: pa.array(rng.integers(0, 1024, count).astype(np.int32)) for name in ("parent", "a", "b")}
        return pa.table(numbers)

    with Pair() as pair:
        parents = pa.table({"k": pa.array(range(1024), pa.int32()), "day": list(range(1024))[::-1]})
        rows, more = lines(2000), lines(new)
        con = pair.locality
        con.ingest("parents", parents, primary_key="k")
        con.ingest("lines", rows, foreign_keys={"parent": "parents"})
        for name, table in (("parents", parents), ("lines", rows)):
            pair.duckdb.from_arrow(table).create(name)
        con.optimize("lines", order="parents.day", carry="parents.day")
        con.optimize("lines", curve=["a", "b"], layout="curve", columns=["a", "b"])
        con.optimize("lines", order="parents.day", layout="other", columns=["a", "parent"])
        report = con.ingest("lines", more, mode="append")
        pair.duckdb.execute("insert into lines from more")
        assert zones_of(con, "primary", "parent") <= 1024 + 8
        assert zones_of(con, "other", "parent") <= 1024 + 8
        assert zones_of(con, "curve", "a") + zones_of(con, "curve", "b") <= 5 * 1024  # of 8 * 1024 without any order
        assert report.bytes_written < 2 * report.rows * (2 * 3 + 2 + 2 * 2 + 4 + 2 * 2 + 4)  # each layout once
        pair.check("select sum(a + b), count(*) from lines where parent between 10 and 30")
        pair.check("select day, sum(a) from lines join parents on parent = k where day < 50 group by day")
        con.verify()
