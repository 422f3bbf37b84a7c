"""Blocks cut at the ends of runs: which columns are chosen, and that every answer is DuckDB's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import numpy as np
import pyarrow as pa
import pytest

from locality.kernel.ir import Var
from locality.operators import fused
from locality.operators.codegen.parameters import Parameters
from locality.operators.codegen.pieces import Piece, even_columns
from tests.operators.relations import relation
from tests.properties.oracle import Pair

RNG = np.random.default_rng(7)
ROWS = 100_000
#: Ends of runs that meet ends of blocks, or each other, or neither.
LENGTHS = [1, 1023, 1024, 1, 2048, 300, 700, 96, 96, 64, 5000]


def runs_of(lengths: list[int], values: int) -> np.ndarray:
    """Runs of these lengths over and over, of changing values that fit 16 bits."""
    count = (ROWS // sum(lengths) + 1) * len(lengths)
    number: np.ndarray = np.repeat(np.arange(count), np.resize(lengths, count))[:ROWS]
    return (number * 7919) % values


TABLE = pa.table(
    {
        "site": runs_of([35_000], 50).astype(np.int32),
        "day": pa.array(runs_of(LENGTHS, 300).astype(np.int32), pa.date32()),
        "tag": np.array([f"tag {n}" for n in range(40)])[runs_of([400, 624, 1], 40)],
        "late": pa.array(runs_of([900, 100], 30), mask=runs_of([1000], 9) == 3),
        "slot": (np.arange(ROWS) % 96).astype(np.int16),
        "amount": pa.array(RNG.integers(-1000, 1000, ROWS), mask=RNG.random(ROWS) < 0.1),
        "real": RNG.integers(0, 64, ROWS) / 8,
    }
)
SITES = pa.table({"site": np.arange(5, 45).astype(np.int32), "zone": [n % 3 for n in range(40)]})
DAYS = pa.table({"day": pa.array(range(250), pa.int32()).cast(pa.date32()), "kind": [f"k{n % 4}" for n in range(250)]})
RATES = pa.table({"zone": [z for z in range(3) for _ in range(96)], "slot": list(range(96)) * 3, "rate": range(288)})


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", [TABLE.slice(0, 70_000), TABLE.slice(70_000)])
        made.load("sites", [SITES])
        made.load("days", [DAYS])
        made.load("rates", [RATES])
        yield made


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many columns each kernel that was generated had its blocks cut at."""
    found: list[int] = []
    real = fused.pieces

    def recorded(parameters: Parameters, columns: Sequence[int], *rows: Var) -> AbstractContextManager[Piece]:
        found.append(len(columns))
        return real(parameters, columns, *rows)

    monkeypatch.setattr(fused, "pieces", recorded)
    return found


@pytest.mark.parametrize(
    "query",
    [
        "select count(*), sum(amount), min(real) from t where day > '1970-05-01'",
        "select site, count(*), sum(amount), sum(real), min(amount), max(slot) from t group by site",
        "select day, count(amount), sum(amount) from t where slot < 40 group by day",
        "select day, late, sum(amount) from t group by all",
        "select tag, slot, count(*), avg(real) from t where site <> 7 group by all",
        "select extract(month from day), count(distinct slot), sum(amount) from t group by all",
        "select zone, kind, sum(amount), count(*) from t join sites using (site) join days using (day) group by all",
        "select site, slot % 4, sum(amount), max(amount), count(*) from t where amount > -900 group by all",
        "select site, late % 3, sum(slot), count(amount) from t join sites using (site) where slot <> 5 group by all",
        "select day, stddev(real), sum(amount) filter (slot > 9) from t join sites using (site) group by day",
        """select zone, sum(amount * rate) from t join sites using (site) join days using (day)
           join rates using (zone, slot) where kind <> 'k1' group by zone""",
        "select count(*), sum(w.zone) from t left join (select * from sites where zone = 1) w using (site)",
        "select day, amount from t where site in (select site from sites where zone = 2) and amount > 990",
        "select count(*) from t where site not in (select site from sites where zone = 2) and late = 3",
        "select site, day, slot, amount from t join sites using (site) where zone = 0 order by amount, 1, 2, 3 limit 9",
        "select count(*) from t where 100 / (site - 7) > 3 and site <> 7",
    ],
)
def test_answers(pair: Pair, cut: list[int], query: str) -> None:
    pair.check(query)
    assert cut and max(cut) >= 1


def test_no_row_is_met_where_a_run_raises_an_error(pair: Pair) -> None:
    """A row that an earlier test has dropped raises none, whatever its run has."""
    pair.check("select sum(amount) from t where slot = 97 and 100 / (site - 7) > 3")


def test_columns_with_long_runs_are_chosen_fewest_runs_first() -> None:
    rows = np.arange(6400)
    table = pa.table({"a": rows // 70, "b": rows // 80 % 50, "short": rows // 2})
    source = relation([table], lambda segment, found: next(c for c in found if c.encoding == "rle"))
    (segment,) = source.segments
    assert even_columns(source, segment, [0, 2]) == {0}
    assert even_columns(source, segment, [0, 1]) == {1}
