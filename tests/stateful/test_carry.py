"""Columns of parents that are stored with rows, against DuckDB's joins: true after each change, or not used."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import locality
from locality.errors import KeyViolation
from locality.runtime.statistics import StoredStatistics
from tests.storage.derived import derived_values

KEYS = st.integers(0, 9)
CARRIED = ["regions.name", "shops.size", "shops.region", "shops.rowid"]
NAMES = {"shops.regions.name": 1, "shops.size": 2, "shops.region": 3}
TRUTH = """
    select id, name, size, region from sales left join shops on shop = s left join regions on region = r order by id
"""
QUERIES = [
    "select count(*), sum(size), count(name) from sales left join shops on shop = s left join regions on region = r",
    "select name, count(*), min(id) from sales, shops, regions where shop = s and region = r group by name order by 1",
    "select count(*), sum(amount) from sales join shops on shop = s where size > 3",
    "select shop, sum(amount) from sales group by shop order by shop",
    "select count(*) from sales a where exists (from sales b where a.shop = b.shop and a.amount <> b.amount)",
]


def follows(statistics: StoredStatistics, table: str, layout: str, column: int) -> bool:
    """As it is of tables of many zones: rows lie in the order of their parents, whose keys are strewn."""
    return column >= len(statistics.tables[table].columns)


class CarryMachine(RuleBasedStateMachine):
    """Sales of shops of regions, with their parents' columns in two layouts; the same tables in DuckDB without keys."""

    @initialize(sizes=st.lists(st.one_of(st.none(), KEYS), min_size=1, max_size=8), nullable=st.booleans())
    def create(self, sizes: list[int | None], nullable: bool) -> None:
        self.nullable = nullable
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(StoredStatistics, "follows", follows)
        self.directory = Path(tempfile.mkdtemp(prefix="locality-test-"))
        self.oracle = duckdb.connect()
        self.connection = locality.connect(self.directory / "store", threads=1)
        count = len(sizes)
        tables = {
            "regions": pa.table({"r": [0, 1, 2], "name": ["a", "b", None]}),
            "shops": pa.table(
                {
                    "s": pa.array(range(count), pa.int64()),
                    "size": pa.array(sizes, pa.int32()),
                    "region": pa.array([i % 3 if i % 4 else None for i in range(count)], pa.int64()),
                }
            ),
            "sales": pa.table(
                {
                    "id": pa.array(range(3 * count), pa.int64()),
                    "shop": pa.array(
                        [i % count if i % 5 or not nullable else None for i in range(3 * count)], pa.int64()
                    ),
                    "amount": pa.array(range(3 * count), pa.int32()),
                }
            ),
        }
        keys = {"regions": ("r", {}), "shops": ("s", {"region": "regions"}), "sales": ("id", {"shop": "shops"})}
        for name, table in tables.items():
            primary, foreign = keys[name]
            self.connection.ingest(name, table, primary_key=primary, foreign_keys=foreign)
            self.oracle.from_arrow(table).create(name)
        self.id = 1000
        self.build()
        self.add_layout("shops.size")

    def teardown(self) -> None:
        self.patch.undo()
        self.connection.close()
        self.oracle.close()
        shutil.rmtree(self.directory)

    @rule(shops=st.lists(st.one_of(st.none(), KEYS), min_size=1, max_size=3))
    def append_sales(self, shops: list[int | None]) -> None:
        shops = [shop if shop is not None or self.nullable else 0 for shop in shops]
        rows = pa.table(
            {
                "id": pa.array(range(self.id, self.id + len(shops)), pa.int64()),
                "shop": pa.array(shops, pa.int64()),
                "amount": pa.array([1] * len(shops), pa.int32()),
            }
        )
        self.id += len(shops)
        self.both("insert into sales from rows", lambda: self.connection.ingest("sales", rows, mode="append"), rows)

    @rule(key=KEYS, size=st.one_of(st.none(), KEYS), region=st.sampled_from([0, 1, 2, None]))
    def upsert_shops(self, key: int, size: int | None, region: int | None) -> None:
        rows = pa.table(
            {
                "s": pa.array([key, key + 1], pa.int64()),
                "size": pa.array([size, 4], pa.int32()),
                "region": pa.array([region, 1], pa.int64()),
            }
        )
        sql = f"delete from shops where s in ({key}, {key + 1}); insert into shops from rows"
        self.both(sql, lambda: self.connection.upsert("shops", rows), rows)

    @rule(key=KEYS)
    def upsert_sales(self, key: int) -> None:
        rows = pa.table({"id": pa.array([key], pa.int64()), "shop": [0], "amount": pa.array([2], pa.int32())})
        sql = f"delete from sales where id = {key}; insert into sales from rows"
        self.both(sql, lambda: self.connection.upsert("sales", rows), rows)

    @rule(
        change=st.sampled_from(
            [
                "update sales set shop = {} where id % 3 = 1",
                "update sales set amount = amount + 1 where shop = {}",
                "update shops set size = {} where s % 2 = 0",
                "update shops set s = s + 1 where s > {}",
                "update regions set name = 'new' where r = {}",
                "delete from sales where shop > {}",
                "delete from sales",
                "delete from shops where s = {}",
                "delete from regions where r = {}",
                "insert into shops select max(s) + 1, {}, 2 from shops",
                "insert into regions select max(r) + 1, 'more' from regions",
            ]
        ),
        number=KEYS,
    )
    def change(self, change: str, number: int) -> None:
        sql = change.format(number)
        self.both(sql, lambda: self.connection.sql(sql))

    @rule()
    def build(self) -> None:
        self.connection.optimize("sales", order=["shops.size", "id"], carry=CARRIED)
        assert len(self.values("primary")) == len(CARRIED)

    @rule(order=st.sampled_from(["shops.regions.name", "shops.size", "amount"]))
    def add_layout(self, order: str) -> None:
        self.connection.optimize("sales", order=order, layout="other", columns=["id", "shop"], carry=CARRIED)
        assert len(self.values("other")) == len(CARRIED)

    @rule(table=st.sampled_from(["sales", "shops", "regions"]))
    def compact(self, table: str) -> None:
        self.connection.compact(table)
        if table == "sales":
            assert len(self.values("primary")) == len(CARRIED)

    @rule()
    def drop_layout(self) -> None:
        if len(self.connection._store.snapshot().tables["sales"].layouts) > 1:
            self.connection.drop_layout("sales", "other")

    @rule()
    def reopen(self) -> None:
        self.connection.close()
        self.connection = locality.connect(self.directory / "store", threads=1)

    @invariant()
    def what_is_carried_is_what_the_join_gives(self) -> None:
        truth = self.oracle.execute(TRUTH).fetchall()
        keys = dict(self.connection.sql("select s, rowid from shops").fetchall())
        shops = dict(self.oracle.execute("select id, shop from sales").fetchall())
        for layout in self.connection._store.snapshot().tables["sales"].layouts:
            for name, found in self.values(layout.name).items():
                if name == "shops.rowid":
                    assert found == {sale: keys.get(shop) for sale, shop in shops.items()}
                else:
                    assert found == {row[0]: row[NAMES[name]] for row in truth}, name

    @invariant()
    def answers_as_duckdb_does(self) -> None:
        for sql in QUERIES:
            result = self.connection.sql(sql)
            assert result.profile.engine == "locality", sql
            assert result.fetchall() == self.oracle.execute(sql).fetchall(), sql

    @invariant()
    def is_whole(self) -> None:
        self.connection.verify()

    def values(self, layout: str) -> dict[str, dict[Any, Any]]:
        return derived_values(self.connection._store.snapshot().tables["sales"], layout, "id")

    def both(self, theirs: str, ours: Any, rows: pa.Table | None = None) -> None:
        """Makes a change in DuckDB, and in ours if it leaves keys whole; else ours must refuse it."""
        self.oracle.execute("begin")
        self.oracle.execute(theirs)
        broken = """
            select (select count(*) from sales where shop not in (select s from shops))
                + (select count(*) from shops where region not in (select r from regions))
                + (select count(*) - count(distinct s) from shops)
        """
        if self.oracle.execute(broken).fetchone() == (0,):
            self.oracle.execute("commit")
            ours()
            return
        self.oracle.execute("rollback")
        try:
            ours()
        except KeyViolation:
            return
        raise AssertionError(f"{theirs} breaks a key")


TestCarry = CarryMachine.TestCase
TestCarry.settings = settings(max_examples=4, stateful_step_count=8, deadline=None)
