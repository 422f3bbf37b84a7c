"""Layouts and rollups being built when the process dies, the disk is full, or another process builds, too."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

import locality
from locality.errors import StoreFullError, StoreLockedError
from locality.storage.store import Store
from tests.storage.faults import fill

ROOT = Path(__file__).parents[2]
ROWS = 30_000
TABLE = pa.table(
    {
        "n": range(ROWS),
        "shop": [n * 7919 % 97 for n in range(ROWS)],
        "note": [f"note {n * 31 % 1009}" for n in range(ROWS)],
    }
)
SHOPS = pa.table({"shop": range(97), "city": [f"city {n * 5 % 7}" for n in range(97)]})
SUMS = "select shop, count(*), sum(n) from t group by shop order by shop"
#: Builds layouts and rollups of a store until it is stopped; prints a line at each.
BUILDER = """
import sys, locality
with locality.connect(sys.argv[1], workload_log=False) as con:
    print("open", flush=True)
    while True:
        con.optimize("t", order=["shops.city", "note"], carry=["shops.city"])
        con.optimize("t", order="shop", layout="by_shop", columns=["shop", "n"])
        con.rollup("by shop", "select shop, count(*), sum(n) from t group by shop")
        print("built", flush=True)
        con.optimize("t", order="n")
        con.drop_layout("t", "by_shop")
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with locality.connect(tmp_path / "s", workload_log=False) as con:
        con.ingest("shops", SHOPS, primary_key="shop")
        con.ingest("t", TABLE, foreign_keys={"shop": "shops"})
    return tmp_path / "s"


def check_whole(path: Path) -> None:
    """That all rows are there, every layout and rollup tells the same of them, and no file is left over."""
    with locality.connect(path, workload_log=False) as con:
        with Store.open(path) as opened, opened.begin():
            pass  # which tidies up
        con.verify()
        rows = con.sql("select * from t order by n").to_arrow_table()
        assert rows.equals(TABLE.cast(rows.schema))
        shops = TABLE.group_by("shop").aggregate([("n", "count"), ("n", "sum")]).sort_by("shop")
        assert con.sql(SUMS).fetchall() == list(zip(*shops.to_pydict().values(), strict=True))
        assert con.sql("select count(*) from t join shops using (shop) where city = 'city 3'").fetchall() == [
            (sum(city == "city 3" for city in SHOPS["city"].take(TABLE["shop"]).to_pylist()),)
        ]
    with Store.open(path, create=False) as opened:
        needed = {file.path for entry in opened.snapshot().entries.values() for file in entry.files}
    found = {f"{kind}/{file.name}" for kind in ("segments", "dictionaries") for file in (path / kind).glob("*")}
    assert found == needed
    assert not (path / "staging").exists()


def test_a_killed_builder_leaves_the_store_as_it_was(store: Path) -> None:
    seed = random.Random(3)
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", BUILDER, str(store)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(0.2 + seed.random())
        process.kill()
        process.wait()
        check_whole(store)


def test_two_builders(store: Path) -> None:
    """The second is told to wait, and goes on over what the first one made."""
    with locality.connect(store, workload_log=False) as con:
        with Store.open(store) as other, other.begin():
            with pytest.raises(StoreLockedError, match="wait until it is done"):
                con.optimize("t", order="shop")
            with pytest.raises(StoreLockedError, match="wait until it is done"):
                con.rollup("by shop", "select shop, count(*) from t group by shop")
        with locality.connect(store, workload_log=False) as other:
            con.optimize("t", order="shop")
            other.optimize("t", order="note", layout="by_note")
            con.rollup("by shop", "select shop, count(*), sum(n) from t group by shop")
            assert other.sql(SUMS).fetchall() == con.sql(SUMS).fetchall()
    check_whole(store)


def test_a_full_disk_at_some_writes(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there before stays, and serves; a build after it succeeds."""
    with locality.connect(store, workload_log=False, threads=1) as con:
        con.optimize("t", order="note", layout="by_note")
        con.rollup("by shop", "select shop, count(*), sum(n) from t group by shop")

        def build() -> None:
            con.optimize("t", order=["shops.city"], carry=["shops.city"])

        with monkeypatch.context() as patched:
            disk = fill(patched, 0)
            build()
        assert disk.count > 15
        for fail_at in range(1, disk.count, max(disk.count // 6, 1)):
            with monkeypatch.context() as patched:
                fill(patched, fail_at)
                with pytest.raises(StoreFullError, match=str(store)):
                    build()
            assert con.sql(SUMS).profile.engine == "locality"
    check_whole(store)
