"""What is computed below an outer join is NULL in rows that the other side made."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

import locality


@pytest.mark.parametrize("kind", ["left", "right", "full"])
@pytest.mark.parametrize("computed", ["42", "coalesce(v, 7)"])
def test_computed_columns_of_either_side(kind: str, computed: str) -> None:
    tables = {
        "a": pa.table({"k": [1, 2, 2, 3], "v": [10, None, 20, 30]}),
        "b": pa.table({"k": [2, 3, 4], "v": [None, 5, 6]}),
    }
    side = f"(select k, {computed} as c from"
    sql = f"select x.k, x.c, y.k, y.c from {side} a) x {kind} join {side} b) y on x.k = y.k order by all"
    with locality.connect() as connection, duckdb.connect() as oracle:
        for name, table in tables.items():
            connection.ingest(name, table)
            oracle.from_arrow(table).create(name)
        result = connection.sql(sql)
        assert result.profile.engine == "locality"
        assert result.fetchall() == oracle.sql(sql).fetchall()
