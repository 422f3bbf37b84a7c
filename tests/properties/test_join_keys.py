"""Joins and groups by free text, floats and wide integers through SQL, against DuckDB: all by Locality's operators."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from tests.properties.oracle import Pair

_PEOPLE, _VISITS = 3000, 9000
_QUERIES = (
    "select count(*), sum(v.n) from visits v join people p on v.name = p.name",
    "select p.id, v.n from visits v join people p on v.name = p.name and v.weight = p.weight",
    "select v.n from visits v where not exists (select 1 from people p where p.number = v.number)",
    "select count(*) from visits v left join people p on v.weight = p.weight where p.id is null",
    "select count(*) from visits v join people p on v.number = p.number and v.name is not distinct from p.name",
    "select p.id, p.name, count(*), sum(v.n) from visits v join people p on v.person = p.id group by 1, 2",
    "select p.name, sum(v.n) from visits v join people p on v.person = p.id group by 1 order by 2 desc, 1 limit 7",
    "select p.name, p.id, max(v.n) from visits v left join people p on v.person = p.id group by 1, 2",
    "select id, name, count(*) from people group by id, name having id < 40",
    "select n, (n, name) in (select id, name from people where name is not null) from visits",
    "select n, name in (select p.name from people p where p.id = visits.person) from visits",
    "select n, name not in (select p.name from people p where p.id > 2000 and p.id = visits.person) from visits",
    """select count(*) from visits v
    where exists (select 1 from people p where p.number = v.number and p.weight < v.n and p.id <> v.person)""",
    """select count(*) from visits v
    where not exists (select 1 from visits w where w.person = v.person and w.n <> v.n and w.weight > v.weight)""",
)


def _tables() -> dict[str, pa.Table]:
    rng = np.random.default_rng(11)
    names = np.array([f"{number:x} of a name that is long" if number % 3 else f"{number}" for number in range(_PEOPLE)])
    numbers = rng.integers(-(2**62), 2**62, 2500)
    weights = np.concatenate([rng.normal(size=200), [np.nan, 0.0, -0.0, np.inf]])

    def columns(rows: int, nulls: float) -> dict[str, pa.Array]:
        return {
            "weight": pa.array(weights[rng.integers(0, len(weights), rows)], mask=rng.random(rows) < nulls),
            "number": pa.array(numbers[rng.integers(0, len(numbers), rows)], mask=rng.random(rows) < nulls),
        }

    people = {"id": pa.array(np.arange(_PEOPLE)), "name": pa.array(names[rng.permutation(_PEOPLE)].tolist())}
    known = names[rng.integers(0, _PEOPLE, _VISITS)].tolist()
    visits = {
        "n": pa.array(np.arange(_VISITS) % 977),
        "person": pa.array(rng.integers(0, _PEOPLE + 50, _VISITS), mask=rng.random(_VISITS) < 0.1),
        "name": pa.array([name + "!" * (row % 2) for row, name in enumerate(known)]),
    }
    return {
        "people": pa.table({**people, **columns(_PEOPLE, 0.0)}),
        "visits": pa.table({**visits, **columns(_VISITS, 0.1)}),
    }


@pytest.fixture(scope="module", params=[1, 2], ids=["one thread", "two threads"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with Pair(threads=request.param) as made:
        for name, table in _tables().items():
            half = table.num_rows // 2
            made.load(name, [table.slice(0, half), table.slice(half)])
        yield made


@pytest.mark.parametrize("sql", _QUERIES)
def test_query(pair: Pair, sql: str) -> None:
    pair.check(sql)


def test_names_are_kept_raw(pair: Pair) -> None:
    columns = {column.name: column for table in pair.locality.info().tables for column in table.columns}
    assert columns["name"].encodings == ("text",)
