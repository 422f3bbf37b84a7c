"""TPC-H's 22 queries over tables that carry what the queries read of their parents: the answers stay DuckDB's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from locality._suites.datasets.tpch import PARENTS, PRIMARY_KEYS, ensure_tables
from tests.properties.oracle import Pair
from tests.tpch.standard import QUERIES

BUYER, SELLER = "orders.customer", "supplier"
CARRIED = {
    "orders": ["customer.c_mktsegment", "customer.nation.n_name"],
    "partsupp": ["part.p_size", "part.p_type", "part.p_brand", "supplier.nation.n_name"],
    "lineitem": [
        *(f"orders.{name}" for name in ("o_orderdate", "o_shippriority", "o_orderpriority", "o_orderstatus")),
        *("orders.o_custkey", f"{BUYER}.c_mktsegment", f"{BUYER}.c_nationkey", f"{BUYER}.nation.n_name"),
        *(f"{BUYER}.nation.region.r_name", f"{SELLER}.s_nationkey", f"{SELLER}.nation.n_name"),
        *(f"part.{name}" for name in ("p_brand", "p_type", "p_container", "p_size")),
        "partsupp.ps_supplycost",
    ],
}
#: Queries that read a table or two where they would join others, too: what is left of the tables, as small as they are.
LEFT = {
    "q03": {"lineitem"},
    "q05": {"lineitem"},
    "q08": {"lineitem"},
    "q09": {"lineitem", "part"},
    "q10": {"lineitem", "customer"},
    "q12": {"lineitem"},
    "q14": {"lineitem"},
    "q16": {"partsupp", "supplier"},
    "q17": {"lineitem"},
    "q21": {"lineitem", "supplier"},
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALITY_DATA_DIR", str(tmp_path_factory.getbasetemp() / "tpch"))
        files = ensure_tables(0.01)
    with Pair(threads=2) as made:
        for name, key in PRIMARY_KEYS.items():
            made.locality.ingest(name, files[name], primary_key=key, foreign_keys=PARENTS.get(name))
            made.duckdb.execute(f"create table {name} as from read_parquet(?)", [str(files[name])])
        made.locality.optimize("partsupp", order=["ps_partkey"], carry=CARRIED["partsupp"])
        made.locality.optimize("orders", order=["o_orderdate", "o_orderkey"], carry=CARRIED["orders"])
        made.locality.optimize("lineitem", order=["orders.o_orderdate", "l_orderkey"], carry=CARRIED["lineitem"])
        yield made


@pytest.mark.parametrize("name", QUERIES)
def test_query(name: str, pair: Pair) -> None:
    profile = pair.check(QUERIES[name], ordered=True)
    if name in LEFT:
        assert {column.split(".")[0] for column in profile.touched} == LEFT[name]


def test_what_is_carried_is_told_and_can_be_left_alone(pair: Pair) -> None:
    assert "orders.customer.c_mktsegment carried in lineitem" in str(pair.locality.explain(QUERIES["q03"]))
    pair.locality.settings.disabled_optimizers = frozenset({"use_carried_columns"})
    touched = pair.check(QUERIES["q03"]).touched
    pair.locality.settings.disabled_optimizers = frozenset()
    assert {"customer.c_mktsegment", "orders.o_custkey"} <= touched.keys()  # bounds tell the dates
