"""Tables as datasets: other engines' filters skip zones, and never a row that passes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings

import locality
from locality.errors import CatalogError
from locality.storage.zones import ZONE_ROWS
from tests.properties.effort import examples
from tests.versions import IS_2

ROWS = 2 * ZONE_ROWS + 1000


def _table() -> pa.Table:
    """Columns of every encoding, with NULLs, NaN and characters of several bytes, that mostly rise."""
    ids = np.arange(ROWS)
    floats = np.where(ids < ZONE_ROWS, ids / 7 - 100, np.where(ids % 1000 == 0, np.nan, -0.0))
    texts = pa.array([f"{'ä' * (i % 9)}{i // 3:07} tail" for i in range(ROWS)])
    middle = (ids >= ZONE_ROWS) & (ids < 2 * ZONE_ROWS)
    return pa.table(
        {
            "id": ids,
            "small": pa.array((ids // 500).astype("int16"), mask=ids % 11 == 0),
            "gap": pa.array(ids * 10, mask=middle),
            "never": pa.nulls(ROWS, pa.int32()),
            "same": pa.array(np.full(ROWS, 5)),
            "f": pa.array(floats, mask=ids % 13 == 0),
            "g": pa.array((ids / 3).astype("float32")),
            "text": texts,
            "code": pc.utf8_slice_codeunits(texts, 0, 3),
            "day": pa.array((19_700 + ids // 2000).astype("int32")).cast(pa.date32()),
            "money": pa.array(ids - 1000).cast(pa.decimal128(19, 0)).cast(pa.decimal128(21, 2)),
            "at": pa.array(ids * 1_000_000, pa.timestamp("us", "UTC")),
            "odd": pa.array(ids % 2 == 1),
            "blob": pa.array([b"\xff" * (i // 50_000) + b"x" for i in range(ROWS)]),
        }
    )


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return _table()


@pytest.fixture(scope="module")
def con(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[locality.Connection]:
    with locality.connect(tmp_path_factory.mktemp("store") / "s") as made:
        made.ingest("t", table)
        yield made


OPERATORS: list[Any] = [pc.equal, pc.not_equal, pc.less, pc.less_equal, pc.greater, pc.greater_equal]


@st.composite
def comparisons(draw: st.DrawFn, table: pa.Table) -> ds.Expression:
    name = draw(st.sampled_from(table.column_names))
    field = ds.field(name)
    if draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from([field.is_null(), field.is_valid(), field.is_null(nan_is_null=True)]))
    value = table[name][draw(st.integers(0, ROWS - 1))]
    if draw(st.integers(0, 5)) == 0:
        found = field.isin(pa.array([value, table[name][draw(st.integers(0, ROWS - 1))]]))
        return pc.if_else(field.is_valid(), found, pa.scalar(None, pa.bool_())) if draw(st.booleans()) else found
    return draw(st.sampled_from(OPERATORS))(field, value)


def filters(table: pa.Table) -> st.SearchStrategy[ds.Expression]:
    return st.recursive(
        comparisons(table),
        lambda inner: st.one_of(
            st.builds(lambda a, b: a & b, inner, inner),
            st.builds(lambda a, b: a | b, inner, inner),
            st.builds(lambda a: ~a, inner),
        ),
        max_leaves=4,
    )


@settings(max_examples=examples(40))
@given(data=st.data())
def test_no_filter_loses_or_adds_a_row(data: st.DataObject, con: locality.Connection, table: pa.Table) -> None:
    predicate = data.draw(filters(table))
    expected = ds.dataset(table).to_table(columns=["id"], filter=predicate)["id"]
    assert con.dataset("t").to_table(columns=["id"], filter=predicate)["id"].equals(expected), str(predicate)


@pytest.mark.parametrize(
    ("predicate", "zones"),
    [
        (ds.field("id") == ZONE_ROWS + 5, [1]),
        (ds.field("small") < 3, [0]),
        (ds.field("gap") > 5, [0, 2]),
        (ds.field("never") == 1, []),
        (ds.field("same") > 5, []),
        (ds.field("f") > 0, [0, 1, 2]),  # of zones with NaN nothing is known
        (ds.field("g") > 30_000, [1, 2]),
        (ds.field("text") > "å", []),
        (ds.field("day") < dt.date(2023, 12, 10), [0]),
        (ds.field("money") > Decimal("130000.00"), [1, 2]),
        (ds.field("money") > Decimal("131000.00"), [2]),
        (ds.field("at") < dt.datetime(1970, 1, 1, 1, tzinfo=dt.UTC), [0]),
        ((ds.field("id") == 1) | (ds.field("id") == ROWS - 1), [0, 2]),
    ],
)
def test_zones_that_cannot_match_are_not_read(con: locality.Connection, predicate: ds.Expression, zones: Any) -> None:
    read: list[Any] = []
    dataset = con.dataset("t")
    source = dataset.source

    def to_batches(columns: Any, *, zones: Any = None) -> Any:
        read.append(zones)
        return source.to_batches(columns, zones=zones)

    object.__setattr__(dataset, "source", source.__class__(**{**source.__dict__, "to_batches": to_batches}))
    dataset.to_table(filter=predicate)
    assert sorted(read[0]) == zones


def test_deleted_rows_are_not_there(table: pa.Table) -> None:
    with locality.connect() as con:
        con.ingest("t", table.select(["id", "small"]))
        before = con.dataset("t")
        con.delete("t", "id % 2 = 0 and id > 1000")
        after = con.dataset("t")
        predicate = ds.field("id") > ROWS - 7
        assert after.to_table(filter=predicate)["id"].to_pylist() == [ROWS - 5, ROWS - 3, ROWS - 1]
        assert before.count_rows() == ROWS and after.count_rows() == len(after.to_table())
        assert after.count_rows(predicate) == 3
        assert before.head(3, columns=["id"])["id"].to_pylist() == [0, 1, 2]


def test_engines_read_it(con: locality.Connection, table: pa.Table) -> None:
    stored = con.dataset("t")
    day = dt.date(2023, 12, 20)
    expected = table.filter((pc.field("day") >= day) & (pc.field("small") < 100) & (pc.field("code") == "ää0"))
    wanted = [(len(expected), pc.sum(expected["id"]).as_py())]
    sql = "select count(*), sum(id)::bigint from stored where day >= date '2023-12-20' and small < 100 and code = 'ää0'"
    with duckdb.connect() as plain:
        assert plain.sql(sql).fetchall() == wanted
        plain.register("registered", stored)
        assert plain.sql(sql.replace("stored", "registered")).fetchall() == wanted
        if IS_2:  # DuckDB 1.5 leaves NaN out in filters of Arrow data
            found = plain.sql("select count(*) from stored where f > 5").fetchall()
            assert found == con.sql("select count(*) from t where f > 5").fetchall()
    lazy = pl.scan_pyarrow_dataset(stored).filter(pl.col("day") >= day, pl.col("small") < 100, pl.col("code") == "ää0")
    assert lazy.select(pl.len(), pl.col("id").sum()).collect().rows() == wanted
    assert pl.scan_pyarrow_dataset(stored).head(2).select("id").collect().rows() == [(0,), (1,)]
    frame = stored.to_table(filter=(ds.field("id") < 3)).to_pandas()
    assert frame["id"].tolist() == [0, 1, 2]


def test_datafusion_reads_it(con: locality.Connection, table: pa.Table) -> None:
    datafusion = pytest.importorskip("datafusion")
    context = datafusion.SessionContext()
    context.register_dataset("t", con.dataset("t"))
    for text in ("select count(*) from t", "select count(*), sum(id) from t where small = 7 and text > '0001'"):
        found = [tuple(row.values()) for row in context.sql(text).to_arrow_table().to_pylist()]
        assert found == con.sql(text).fetchall()


def test_every_method_of_a_dataset(con: locality.Connection, table: pa.Table) -> None:
    """Those of pyarrow's that are not overridden would follow a null pointer."""
    stored = con.dataset("t").filter(ds.field("id") < 5).filter(ds.field("id") > 1)
    assert stored.to_table(columns={"double": ds.field("id") * 2})["double"].to_pylist() == [4, 6, 8]
    assert stored.count_rows() == 3 and stored.count_rows(filter=ds.field("odd")) == 1
    assert stored.take(pa.array([1]), columns=["id"])["id"].to_pylist() == [3]
    assert stored.head(1, columns=["id"])["id"].to_pylist() == [2]
    assert sum(len(batch) for batch in stored.to_batches(columns=["id"], batch_size=2)) == 3
    assert stored.sort_by([("id", "descending")]).to_table()["id"].to_pylist() == [4, 3, 2]
    right = ds.dataset(pa.table({"id": [3, 9], "x": [1, 2]}))
    assert stored.join(right, "id", join_type="inner").to_table()["x"].to_pylist() == [1]
    assert stored.replace_schema(stored.schema) is stored
    with pytest.raises(ValueError, match="own schema"):
        stored.replace_schema(pa.schema([]))
    assert stored.schema.names == table.column_names
    assert str(stored.partition_expression) == "true"
    (fragment,) = stored.get_fragments()
    assert fragment.count_rows() == 3 and fragment.head(1, columns=["id"]).to_pydict() == {"id": [2]}
    assert fragment.physical_schema == stored.schema and str(fragment.partition_expression) == "true"
    assert fragment.to_table(columns=["id"], filter=ds.field("odd")).to_pydict() == {"id": [3]}
    assert "StoredDataset t" in repr(stored) and "StoredFragment t" in repr(fragment)
    with pytest.raises(CatalogError):
        con.dataset("nowhere")


def test_a_table_without_rows() -> None:
    with locality.connect() as con:
        con.ingest("t", pa.table({"a": pa.array([], pa.int32())}))
        stored = con.dataset("t")
        assert stored.to_table(filter=ds.field("a") > 1).num_rows == stored.count_rows() == 0
        assert duckdb.sql("select count(*) from stored").fetchall() == [(0,)]
        assert [fragment.count_rows() for fragment in stored.get_fragments()] == [0]


def test_a_dataset_outlives_its_connection(tmp_path: Path, table: pa.Table) -> None:
    with locality.connect(tmp_path / "s") as con:
        con.ingest("t", table.select(["id"]).slice(0, 10))
        stored = con.dataset("t")
        con.ingest("t", table.select(["id"]).slice(10, 10), mode="append")
    assert stored.to_table().num_rows == 10
