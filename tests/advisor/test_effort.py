"""State that plans are estimated to have, beside what the ledger counts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.advisor.effort import Effort
from locality.connection import Connection
from locality.optimizer import optimize
from locality.optimizer.estimate import Estimator
from locality.runtime.query import PreparedQuery
from locality.runtime.statistics import StoredStatistics

ROWS = 1 << 18


@pytest.fixture(scope="module")
def con() -> Connection:
    rng = np.random.default_rng(2)
    days = rng.integers(0, 1000, ROWS // 2).astype("int32")
    numbers = 4 * rng.permutation(len(days))
    made = rng.integers(0, len(days), ROWS)
    con = locality.connect(threads=2)
    con.ingest("orders", pa.table({"number": numbers, "day": days}), primary_key="number")
    lines = {"number": numbers[made], "shipped": days[made] + rng.integers(1, 100, ROWS).astype("int32")}
    con.ingest("line", pa.table({**lines, "amount": rng.integers(0, 60_000, ROWS)}))
    return con


@pytest.mark.parametrize(
    "sql",
    [
        # rows shipped late of orders made early are few: their groups are at most as many as there are such orders
        "select number, sum(amount) from line join orders using (number) where shipped > 500 and day < 500 group by 1",
        # keys with gaps take bits for each that there might be
        "select sum(amount) from line join orders using (number) where day < 300",
    ],
)
def test_state_is_about_as_much_as_is_counted(con: Connection, sql: str) -> None:
    con.sql(sql)
    profile = con.sql(sql).profile
    assert profile.engine == "locality"
    snapshot = con._snapshot()
    prepared = con._plan(sql, None, snapshot)
    assert isinstance(prepared, PreparedQuery)
    statistics = StoredStatistics(snapshot.scanned)
    work = Effort(Estimator(statistics), 2)
    work.walk(optimize(prepared.root, statistics))
    measured = profile.bytes_moved - sum(profile.touched.values())
    assert measured / 2 <= work.state <= measured * 2
