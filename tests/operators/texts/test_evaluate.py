"""Strings that kernels make, against DuckDB's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locality.operators import late
from locality.operators.texts import evaluate
from tests.properties.oracle import Pair

ROWS = 3000


def _table(seed: int, words: list[str]) -> pa.Table:
    rng = np.random.default_rng(seed)

    def nulls() -> np.ndarray:
        return rng.random(ROWS) < 0.1

    def texts() -> np.ndarray:
        return np.array([f"{words[a]}{b},{words[c]}" for a, b, c in rng.integers(0, [5, 10**6, 5], (ROWS, 3)).tolist()])

    return pa.table(
        {
            "id": pa.array(rng.permutation(ROWS) + seed * ROWS),
            "n": pa.array(rng.integers(-(2**40), 2**40, ROWS) >> rng.integers(0, 40, ROWS), mask=nulls()),
            "k": pa.array(rng.integers(-3, 9, ROWS), mask=nulls()),
            "w": pa.array(np.array(words)[rng.integers(0, 5, ROWS)], mask=nulls()),
            "s": pa.array(texts(), mask=nulls()),
            "t": pa.array(texts()),
            "m": pa.array(rng.integers(-(10**11), 10**11, ROWS), mask=nulls())
            .cast(pa.decimal128(19, 0))
            .cast(pa.decimal128(15, 3)),
            "d": pa.array(rng.integers(-(10**5), 10**5, ROWS).astype("int32"), mask=nulls()).cast(pa.date32()),
            "at": pa.array(rng.integers(-(10**15), 10**16, ROWS) // 10**3 * 10**2, pa.timestamp("us"), mask=nulls()),
        }
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Table ``t`` has characters of one byte alone, ``u`` others."""
    with Pair() as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(late, "STEP", 2000)
        for name, words in (("t", ["no", "So uth", "", "a, b", " x%"]), ("u", ["nö", "South", "", "é", "ß, 🦆"])):
            made.load(name, [_table(0, words), _table(1, words)])
        yield made


TEXTS = [
    "s || '-' || n",
    "concat(n, ':', s, w)",
    "concat_ws('/', k, s, w, t)",
    "cast(n as varchar)",
    "cast(m as varchar) || cast(d as varchar)",
    "cast(at as varchar)",
    "substr(s, 3, 2) || t",
    "substring(t, k + 4)",
    "left(t, k) || right(t, 3)",
    "right(s, k) || left(t, strpos(t, ',') - 1)",
    "upper(s) || lower(t)",
    "trim(s) || ltrim(t) || rtrim(s)",
    "reverse(s || '#')",
    "lpad(n::varchar, 7, 'xy') || rpad(s, 4, '.')",
    "split_part(s, ',', 2) || split_part(t, ', ', 3)",
    "coalesce(s, n::varchar, w, '?')",
    "case when k > 3 then 'b-' || n when k is null then t when s is not null then s end",
    "(n > 0)::varchar || t",
    "coalesce(nullif(w, 'no'), s)",
    "strftime(at, '%Y/%m/%d %H:%M:%S') || strftime(d, '%d.%m.%y 100%%')",
]


@pytest.mark.parametrize("text", TEXTS)
def test_strings_made_by_kernels(text: str, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.check(f"select id, {text} as v from u")
    monkeypatch.setattr(evaluate, "evaluate", _of_strings_no_more)
    pair.check(f"select id, {text} as v from t")
    pair.check(f"select {text} as v, count(*) from t where k < 3 group by v")


def _of_strings_no_more(expression: evaluate.Expression, inputs: dict[int, pa.Array]) -> pa.Array:
    """DuckDB's functions, for what makes no string."""
    few = all(len(each) < 200 for each in inputs.values())  # combinations of values
    assert few or str(expression.type) != "VARCHAR"
    return _evaluate(expression, inputs)


_evaluate = evaluate.evaluate


@pytest.mark.parametrize(
    "sql",
    [
        "select id, strpos(t, ',') as p, length(s || w) as l, instr(s, '99') as i from {}",
        "select id from {} where split_part(t, ',', 1) = 'no7' or cast(n as varchar) like '%99%'",
        "select count(*) from {} where strftime(at, '%H') = '07' and upper(s) <> 'NO'",
        "select id, regexp_replace(s || '-' || n, '[0-9]+', '#') as r from {}",
        "select part, count(*) from (select unnest(string_split(s, ',')) as part from {}) group by part",
        "select id, string_split(t, ', ') as parts, unnest(string_split(s, '1')) as part from {}",
        "select id, strftime(at, '%A %-d') as a, lpad(t, k + 5, 'x') as b, trim(t, 'n') as c from {}",
        "select id, substr(t, k, 2) as c, left(s, 1000) as d from {}",
        "select id, cast(cast(d as timestamp) + interval 9000 year as varchar) as far from {}",
        "select id, cast(n / 7.0 as varchar) || w as v from {}",
        "select id, cast(n::ubigint + 18446744073709551000 as varchar) as b from {} where n between 0 and 500",
    ],
)
def test_what_kernels_do_in_part_or_not_at_all(sql: str, pair: Pair) -> None:
    for name in ("t", "u"):
        pair.check(sql.format(name))


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3), st.sampled_from(["k > 2", "s is null", "id % 7 = 1"]))
def test_strings_of_strings(pair: Pair, texts: list[str], condition: str) -> None:
    whole = " || ".join(f"coalesce({text}, '0')" for text in texts)
    pair.check(f"select id, {whole} as v, substr(reverse({whole}), 2) as r from t where {condition}")


@pytest.mark.parametrize("table", ["t", "u"])
def test_sizes_in_bytes_are_told_by_offsets(table: str, pair: Pair) -> None:
    for sql in (
        f"select k, sum(strlen(s)), max(strlen(t)), count(strlen(s)) from {table} where strlen(t) > 12 group by k",
        f"select strlen(s) as size, count(*) from {table} group by size order by size",
        f"select id, strlen(s || 'é') from {table} where k = 2",
    ):
        pair.check(sql)
        assert "DuckDB's functions" not in str(pair.locality.explain(sql))
    pair.check(f"select a.k, sum(strlen(b.s)) from {table} a join {table} b on a.id = b.id + 1 group by all")
