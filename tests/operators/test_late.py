"""Functions that kernels lack over many rows, some at a time, and groups by the strings that they make."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from locality.operators import late
from tests.properties.oracle import Pair

ROWS = 1500


def _table(seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    words = np.array(["north", "South", "", "élan", "a b", "x%y_z"])

    def nulls(share: float = 0.1) -> np.ndarray:
        return rng.random(ROWS) < share

    free = [f"{words[a]} {b} {words[c]}" for a, b, c in rng.integers(0, [6, 10**6, 6], (ROWS, 3)).tolist()]
    return pa.table(
        {
            "id": pa.array(rng.permutation(ROWS) + ROWS * seed),
            "k": pa.array(rng.integers(0, 7, ROWS), mask=nulls()),
            "w": pa.array(words[rng.integers(0, 6, ROWS)], mask=nulls()),
            "s": pa.array(np.array(free, dtype=object), mask=nulls()),
            "t": pa.array([f"{a}-{b}" for a, b in zip(words[rng.integers(0, 6, ROWS)], free, strict=True)]),
            "d": pa.array(rng.integers(-(10**5), 10**5, ROWS).astype("int32"), mask=nulls()).cast(pa.date32()),
            "x": pa.array(rng.normal(size=ROWS) * 1000, mask=nulls()),
        }
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(late, "STEP", 1000)
        made.load("t", [_table(0), _table(1)])
        yield made


@pytest.mark.parametrize(
    "sql",
    [
        "select id, upper(s) as u, s || t as st, strftime(d, '%d/%m') as day, cast(x as varchar) as v from t",
        "select id, trim(s), length(trim(t)) from t where upper(s) like '%NORTH%' and k < 5",
        "select id from t where regexp_matches(t, '^[a-zé]* [0-9]+') and strlen(s) > 9 and x > 0",
        "select upper(s), count(*), sum(x), min(d) from t group by 1",
        "select s, count(*), count(s), max(t) from t group by s",
        "select k, s, right(t, 2), count(*) from t group by all",
        "select substring(t, 1, 9) as head, count(*) as n from t group by 1 order by n desc, head limit 7",
        "select k || '-' || w, count(*), count(distinct w || id % 3) from t group by 1",
        "select id, repeat(w, k % 3), coalesce(w, '?') || k, list_value(k, length(w)) from t where x > 0",
        "select left(s, 1), count(distinct t), count(distinct k) from t group by 1",
        "select count(distinct s), count(distinct lower(t)), count(distinct k) from t",
        "select count(distinct upper(s)) from t where k > 2",
        "select k, count(*) filter (s ilike '%SOUTH%'), max(upper(t)), min(s) from t group by k",
        "select min(length(replace(t, 'o', ''))), sum(cast(right(t, 5) = 'north' as int)) from t",
        "select distinct s from t where k = 1",
        "select t from t where upper(t) < 'N' order by reverse(t), id limit 5",
        "select k, count(*) from t where s || 'x' like '%5%x' group by k having count(*) > 1",
        "select a.k, lower(b.t) as w, count(*) from t a join t b on a.id = b.id + 1 group by all",
        "select count(*) from t where upper(s) = 'nothing'",
        "select id, null::int[] as l, [k, 1] as m, case when k > 2 then [k] end as c from t",
        "select len(l) as n, count(*) from (select k, list(s order by id) as l from t group by k) group by 1",
        "select 'x' || k as label, 1 as one from t where length(trim(s)) > 3",
    ],
)
def test_functions_of_duckdb_over_what_a_scan_leaves(sql: str, pair: Pair) -> None:
    pair.check(sql)


def test_lower_case_is_searched_in_the_scan() -> None:
    signs = ["k", "K", "\u212a", "I", "\u0130", "i", "\u00c9"]
    rows = [None if i % 11 == 0 else f"{signs[i % 7]}ey {i:04d} of The {signs[i % 5]}" for i in range(5000)]
    tests = (
        "s ilike '%THE K'",
        "s not ilike 'K%1_ of%i'",
        "lower(s) like '%e_ %2 of%'",
        "lower(s) not like 'Key%'",
        "starts_with(lower(s), 'i')",
        "lower(s) <> 'key 0001 of the k'",
        "s ilike '%\u00c9'",  # whose letters DuckDB folds
    )
    with Pair() as pair:
        pair.load("r", [pa.table({"id": range(5000), "s": rows})])
        for test in tests:
            sql = f"select count(*), max(id) from r where {test} and id > 20"
            pair.check(sql)
            assert ("1 computed" in str(pair.locality.explain(sql))) == test.isascii()


def test_an_error_is_the_one_of_sql(pair: Pair) -> None:
    profile = pair.check("select cast(s as integer) from t")
    assert "Could not convert string" in profile.reason
