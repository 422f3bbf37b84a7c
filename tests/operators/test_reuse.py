"""What is prepared for one output of an operator serves the next of the same form, and holds on to none."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.operators.aggregation.aggregate import Aggregation
from locality.operators.relations.batch import BatchSegment
from locality.operators.source import Preparation

QUERY = """
select p.k, sum(c.v) as total, max(p.s) as s from c join p on c.p = p.id
where c.v < ? and p.k > ? group by p.k order by p.k
"""


@pytest.fixture
def tables() -> dict[str, pa.Table]:
    rng = np.random.default_rng(3)
    parents = pa.table({"id": np.arange(300), "k": rng.integers(0, 9, 300), "s": [f"s{i % 7}" for i in range(300)]})
    children = pa.table({"p": rng.integers(0, 400, 5000), "v": rng.integers(-50, 50, 5000)})
    return {"p": parents, "c": children}


def test_runs_share_their_preparation(
    tmp_path: Path, tables: dict[str, pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[bool] = []
    get = Preparation.get

    def counted(self: Preparation[object], *args: object) -> object:  # type: ignore[type-var]
        before = self._last
        result = get(self, *args)  # type: ignore[arg-type]
        prepared.append(self._last is not before)
        return result

    monkeypatch.setattr(Preparation, "get", counted)
    with locality.connect(tmp_path / "s", threads=2) as con, duckdb.connect() as oracle:
        for name, table in tables.items():
            con.ingest(name, table)
            oracle.register(name, table)
        first, other, far = [40, 2], [30, 2], [30, 5]  # far: another number of rows to join with
        runs = ((first, True), (first, False), (other, False), (far, True), (far, False), (far, False))
        for params, anew in runs:  # operators are shared by runs with other values
            prepared.clear()
            result = con.sql(QUERY, params=params)
            assert result.profile.engine == "locality", result.profile.reason
            assert result.fetchall() == oracle.execute(QUERY, params).fetchall()
            assert any(prepared) == anew
        gc.collect()
        assert not [kept for kept in gc.get_objects() if isinstance(kept, BatchSegment)]


def test_threads_share_what_a_marking_join_prepared(tmp_path: Path, tables: dict[str, pa.Table]) -> None:
    query = "select id, s from p where k < ? and id in (select p from c where v < ?) order by s desc, id"
    values = [(k, v) for k in (0, 1, 5) for v in (-48, 20)]
    tables["c"] = pa.table({name: np.tile(tables["c"][name], 40) for name in ("p", "v")})
    with locality.connect(tmp_path / "s", threads=2) as con, duckdb.connect() as oracle:
        for name, table in tables.items():
            con.ingest(name, table)
            oracle.register("given", table)
            oracle.execute(f"create table {name} as from given")

        def ask(given: tuple[int, int]) -> list[tuple[int, str]]:
            result = con.sql(query, given)
            assert result.profile.engine == "locality", result.profile.reason
            return result.fetchall()

        assert "mark their matches" in str(con.explain(query, (1, 20)))
        for change in ("delete from p where id % 2 = 0", "insert into c values (null, -50), (7, -50)"):
            wanted = [oracle.execute(query, given).fetchall() for given in values]
            with ThreadPoolExecutor(3) as pool:
                assert list(pool.map(ask, values * 3)) == wanted * 3
            for database in (con.sql, oracle.execute):
                database(change)
        assert [ask(given) for given in values] == [oracle.execute(query, given).fetchall() for given in values]


@pytest.mark.parametrize(
    "query",
    [
        "select substring(name, 2, 1) as n, sum(k) from (select * from p where k < 3 order by id limit 20) group by n",
        "select sum(v) from c join p on c.p = p.id where name = 'nobody' and v < (select avg(v) from c where p = p.id)",
    ],
)
def test_groups_are_not_planned_again_where_kernels_refused_their_rows_or_had_none(
    tmp_path: Path, tables: dict[str, pa.Table], query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[object] = []
    plan = Aggregation.__init__

    def counted(self: Aggregation, *args: Any, **choices: Any) -> None:
        planned.append(self)
        plan(self, *args, **choices)

    monkeypatch.setattr(Aggregation, "__init__", counted)
    names = pa.array([f"n{i}-{i * 7919}" for i in range(3000)])
    tables["p"] = pa.table({"id": np.arange(3000), "k": np.arange(3000) % 9, "name": names})
    tables["c"] = pa.table({name: np.tile(tables["c"][name], 9) for name in ("p", "v")})
    with locality.connect(tmp_path / "s", threads=2) as con, duckdb.connect() as oracle:
        for name, table in tables.items():
            con.ingest(name, table)
            oracle.register(name, table)
        for _ in range(3):
            planned.clear()
            result = con.sql(query)
            assert result.profile.engine == "locality", result.profile.reason
            assert sorted(result.fetchall()) == sorted(oracle.execute(query).fetchall())
        assert not planned


def test_few_rows_get_a_kernel_when_they_are_asked_for_again(tmp_path: Path, tables: dict[str, pa.Table]) -> None:
    query = (
        "select k, avg(id) * 0.2 as a, sum(id) / 7.0 as b, case when max(s) > 's5' then 1 end as c from p group by k"
    )
    with locality.connect(tmp_path / "s", threads=2) as con, duckdb.connect() as oracle:
        con.ingest("p", tables["p"])
        oracle.register("p", tables["p"])
        expected = sorted(oracle.execute(query).fetchall(), key=repr)
        for _ in range(5):
            result = con.sql(query)
            assert result.profile.engine == "locality", result.profile.reason
            assert sorted(result.fetchall(), key=repr) == expected
