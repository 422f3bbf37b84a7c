"""Queries that differ in their constants alone share kernels and what is prepared, and never an answer."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import locality
from locality.kernel.machinecode import compilations
from locality.operators.relations import memo
from locality.operators.relations.memo import Memo
from locality.operators.relations.scans import kept_relation
from locality.plan.nodes import Scan

_ROWS = 140_000  # three zones


def _table(rows: int, seed: int, first: int, widest: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    narrow = pa.array(rng.integers(-20, 20, rows).astype(np.int16), mask=rng.random(rows) < 0.1)
    words = np.array(["", "ant", "bee", "cat", "dog", "eel", "fox"])
    return pa.table(
        {
            "id": np.arange(first, first + rows),
            "day": pa.array(np.sort(rng.integers(18_000, 18_400, rows)).astype(np.int32)).cast(pa.date32()),
            "k": narrow,
            "s": pa.array(rng.choice(words, rows), mask=rng.random(rows) < 0.05),
            "v": rng.integers(-widest, widest, rows),
            "f": np.where(rng.random(rows) < 0.01, np.nan, rng.normal(0, 10, rows)),
        }
    )


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[locality.Connection, Any]]]:
    """The same table twice: as it came, and with appended rows of other widths and some deleted ones."""
    found = []
    for number in range(2):
        con = locality.connect(tmp_path_factory.mktemp("constants") / "s", threads=2)
        oracle = duckdb.connect()
        first = _table(_ROWS, 1, 0, 90)
        con.ingest("t", first)
        oracle.execute("create table t as from first")
        if number:
            more = _table(9_000, 2, _ROWS, 3_000_000_000)
            con.ingest("t", more, mode="append")
            oracle.execute("insert into t from more")
            for each in (con.sql, oracle.execute):
                each("delete from t where id % 1000 = 7")
        found.append((con, oracle))
    yield found
    for con, oracle in found:
        con.close()
        oracle.close()


_DAYS = st.integers(17_990, 18_410).map(lambda day: f"date '1970-01-01' + {day}")
_NARROW = st.sampled_from([-40_000, -21, -20, -3, 0, 1, 2, 7, 19, 20, 500])
_WIDE = st.sampled_from([-(2**62), -91, -90, 0, 5, 89, 90, 2_999_999_999, 2**62])
_TEXTS = st.sampled_from(["", "a", "ant", "cat", "cats", "fox", "zebra"])
_FLOATS = st.sampled_from(["-0.0", "0.0", "-1e300", "3.25", "'nan'::double", "'-inf'::double"])

#: Texts in which every {} is another constant: intervals, sets that become bits, NULLs, computed tests, all sinks.
_QUERIES: dict[str, Sequence[st.SearchStrategy[Any]]] = {
    "select count(*), sum(v), min(f), count(k) from t where day >= {} and day < {}": (_DAYS, _DAYS),
    "select s, count(*), sum(v) from t where k in ({}) and v <> {} group by s order by s": (
        st.lists(_NARROW, min_size=1, max_size=9).map(lambda values: ", ".join(map(str, values))),
        _WIDE,
    ),
    "select k, max(v), count(*) from t where (k is null or k < {}) and s >= '{}' group by k order by k": (
        _NARROW,
        _TEXTS,
    ),
    "select id, v from t where v > {} and s <> '{}' order by v desc, id limit 7": (_WIDE, _TEXTS),
    "select id, v * 2 as w from t where k = {} and f > {} and day < {} order by id": (_NARROW, _FLOATS, _DAYS),
    "select s, sum(case when v < {} then 1 else 0 end) from t where f <= {} group by s order by s": (_WIDE, _FLOATS),
}


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_series_of_constants_is_answered_as_duckdb_does(
    stores: list[tuple[locality.Connection, Any]], data: st.DataObject
) -> None:
    query = data.draw(st.sampled_from(list(_QUERIES)))
    series = data.draw(st.lists(st.tuples(*_QUERIES[query]), min_size=2, max_size=4))
    for constants in series:
        text = query.format(*constants)
        for con, oracle in stores:
            result = con.sql(text)
            assert result.profile.engine == "locality", result.profile.reason
            assert repr(result.fetchall()) == repr(oracle.execute(text).fetchall()), text


@pytest.mark.parametrize(
    ("query", "series"),
    [
        ("select sum(v), count(*) from t where day >= date '2019-{}' and k < {}", [("05-01", 3), ("06-11", 9)]),
        (
            "select s, count(*) from t where k in ({}) and v < {} group by s",
            [("1, 3, 5, 7, 9", 9), ("2, 4, 6, 8, 11", 50)],
        ),
        ("select id, v from t where k > {} and s = '{}' order by v desc limit 5", [(2, "cat"), (4, "dog")]),
        ("select id, v < {} as w from t where k = {} and f >= {}", [(55, 2, 1.5), (44, -4, 0.25)]),
        ("select s, sum(case when v < {} or f > {} then k end) from t group by s", [(5, 0.5), (7, -1.5)]),
        ("select id % 5000 as g, count(*) from t where k < {} group by g having sum(v) > {}", [(9, 20), (12, -40)]),
        (
            "select t.s, sum(t.v) from t join u on t.id = u.id where t.k < {} and u.x = {} group by t.s",
            [(3, 1), (5, 2)],
        ),
    ],
)
def test_other_constants_generate_no_kernel(
    stores: list[tuple[locality.Connection, Any]], query: str, series: list[tuple[Any, ...]]
) -> None:
    con, oracle = stores[1]
    if "u" not in con.tables():
        other = pa.table({"id": np.arange(0, _ROWS, 3), "x": np.arange(0, _ROWS, 3) % 7})
        con.ingest("u", other)
        oracle.execute("create table u as from other")
    counts = []
    for constants in series:
        before = compilations.printed
        text = query.format(*constants)
        result = con.sql(text)
        counts.append(compilations.printed - before)
        assert result.profile.engine == "locality", result.profile.reason
        assert sorted(result.fetchall(), key=repr) == sorted(oracle.execute(text).fetchall(), key=repr)
    assert counts[1:] == [0] * (len(series) - 1)


def test_threads_that_share_what_is_kept_get_their_own_answers(stores: list[tuple[locality.Connection, Any]]) -> None:
    con, oracle = stores[0]
    texts = [
        f"select s, sum(v), count(*) from t where k < {k} and f > 0.{k + 5} group by s order by s" for k in range(12)
    ]
    expected = [oracle.execute(text).fetchall() for text in texts]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(con.sql, texts))
    assert [result.profile.engine for result in results] == ["locality"] * len(texts)
    assert [result.fetchall() for result in results] == expected


def test_what_is_kept_goes_with_the_table(tmp_path: Path) -> None:
    with locality.connect(tmp_path / "s", threads=1) as con:
        con.ingest("t", _table(100, 1, 0, 9))
        assert con.sql("select sum(v) from t where k < 3").profile.engine == "locality"
        table = con._snapshot().tables["t"]
        relation = kept_relation(table, Scan("t", (2, 4), (table.columns[2].type, table.columns[4].type)))
        assert relation.prepared is not None
        assert len(relation.prepared) > 0
        kept = weakref.ref(relation)
        del relation, table
        con.ingest("t", _table(100, 2, 100, 9), mode="append")
        con.sql("select 1")  # plans over earlier snapshots are forgotten
        gc.collect()
        assert kept() is None


def test_memos_forget_what_was_asked_for_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "_BUDGET", memo._Budget())
    monkeypatch.setattr(memo, "MOST_BYTES", 1000)
    first, second = Memo(), Memo()
    for number in range(10):
        first.keep(number, number, 100)
    assert first.get(0) == 0
    second.keep("more", 1, 100)
    assert first.get(0) == 0
    assert second.get("more") == 1
    assert [first.get(number) for number in (1, 2, 3)] == [None] * 3
    assert first.get(9) == 9
