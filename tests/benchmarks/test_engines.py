"""Every engine that is installed: loads, answers like the reference, takes parameters, and is opened again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from locality._suites.benchmarks.campaign import seats
from locality._suites.benchmarks.comparison import brief_difference
from locality._suites.benchmarks.engines import ENGINES
from locality._suites.benchmarks.engines.base import with_literals, with_quoted_intervals
from locality._suites.benchmarks.engines.pandas import PandasEngine
from locality._suites.benchmarks.model import AnswerRow, Query, Source
from locality._suites.benchmarks.outcome import Outcome
from locality._suites.benchmarks.reference import Reference
from locality._suites.benchmarks.seat import Seat
from locality._suites.benchmarks.worker import Contestant

TABLES = ("nation", "region")
SQL = """
select r_name, count(*) as nations, min(n_name) as first_name
from nation join region on n_regionkey = r_regionkey
where n_nationkey < ?
group by r_name order by r_name
"""


def limits(run: int) -> tuple[int]:
    return (20 - run,)


def naive(tables: Mapping[str, Any], limit: int) -> list[AnswerRow]:
    regions = {row["r_regionkey"]: row["r_name"] for row in tables["region"]}
    names: dict[str, list[str]] = {}
    for row in tables["nation"]:
        if row["n_nationkey"] < limit:
            names.setdefault(regions[row["n_regionkey"]], []).append(row["n_name"])
    return [(region, len(found), min(found)) for region, found in sorted(names.items())]


def framed(tables: Mapping[str, Any], limit: int) -> pd.DataFrame:
    nation = tables["nation"]
    joined = nation[nation["n_nationkey"] < limit].merge(
        tables["region"], left_on="n_regionkey", right_on="r_regionkey"
    )
    return joined.groupby("r_name").agg(n=("n_name", "count"), least=("n_name", "min")).sort_index().reset_index()


def mapped(tables: Mapping[str, Any], limit: int) -> list[AnswerRow]:
    names: dict[str, list[str]] = {}
    for nation in tables["nation"]:
        if nation.n_nationkey < limit:
            names.setdefault(tables["region"].get(nation.n_regionkey).r_name, []).append(nation.n_name)
    return [(region, len(found), min(found)) for region, found in sorted(names.items())]


def over_arrays(tables: Mapping[str, Any], limit: int) -> list[AnswerRow]:
    nation, region = tables["nation"], tables["region"]
    codes = dict(zip(region.columns["r_regionkey"].tolist(), region.columns["r_name"].tolist(), strict=True))
    names: dict[int, list[int]] = {}
    for number, key, name in zip(*(nation.columns[c] for c in ("n_nationkey", "n_regionkey", "n_name")), strict=True):
        if number < limit:
            names.setdefault(codes[key], []).append(name)
    texts = region.texts["r_name"], nation.texts["n_name"]
    return [(texts[0][code], len(found), texts[1][min(found)]) for code, found in sorted(names.items())]


PROGRAMS = {"naive": naive, "pandas": framed, "objects": mapped, "numba": over_arrays}
QUERY = Query("nations", "", TABLES, SQL, PROGRAMS, parameters=limits)


@pytest.fixture(scope="module")
def tables(sources: dict[str, Source]) -> dict[str, Source]:
    used = ("n_nationkey", "n_name", "n_regionkey", "r_regionkey", "r_name")
    key = {"nation": ("n_nationkey",), "region": ("r_regionkey",)}
    order = {"nation": ("n_name",), "region": ()}
    named = {"nation": used[:3], "region": used[3:]}
    return {name: Source(sources[name].path, key[name], named[name], order[name]) for name in TABLES}


@pytest.fixture(params=ENGINES)
def seat(request: pytest.FixtureRequest, tables: dict[str, Source]) -> Iterator[Seat]:
    engine = ENGINES[request.param]
    remedy = engine.missing()
    if remedy is not None:
        pytest.skip(remedy)
    with seats([Contestant(engine.name, engine)], tables, threads=1, memory_bytes=2 * 10**9) as (seat,):
        yield seat


def test_an_engine_loads_answers_and_is_opened_again(seat: Seat, tables: dict[str, Source]) -> None:
    seat.load(lambda text: None)
    assert seat.record.outcome is Outcome.OK, seat.record.message
    assert set(seat.record.rows) == set(TABLES)
    assert seat.record.version
    engine = seat.contestant.engine
    assert engine.answers(QUERY)
    reference = Reference(tables, 1)
    for number in range(2):
        reply = seat.run(QUERY, 60.0, limits(number))
        assert reply.outcome is Outcome.OK, reply.message
        expected = reference.answer(QUERY, None, limits(number))
        assert brief_difference(expected, reply.value.brief, ordered=True, exact=engine.exact) is None
    assert seat.reopen() == (engine.keeps == "disk")
    if engine.keeps == "disk":
        assert seat.run(QUERY, 60.0, limits(0)).value.count == 5
    reference.close()


def test_values_become_literals() -> None:
    text = with_literals("select ?, '?''?', ?, ?, ? where x = ?", [1, "it's", date(2024, 2, 29), Decimal("1.50"), 2.5])
    assert text == "select 1, '?''?', 'it''s', date '2024-02-29', 1.50 where x = 2.5"
    assert with_literals("?", [datetime(2024, 2, 29, 1, 2)]) == "timestamp '2024-02-29 01:02:00'"


def test_intervals_are_quoted() -> None:
    text = "date '1994-01-01' + interval 1 year - INTERVAL 3 month"
    assert with_quoted_intervals(text) == "date '1994-01-01' + interval '1' year - interval '3' month"


def test_frames_have_floats_for_decimals_and_instants_for_dates(sources: dict[str, Source]) -> None:
    from . import fakes

    pandas = PandasEngine(fakes.resources(sources["lineitem"].path.parent))
    pandas.load_table("lineitem", sources["lineitem"])
    frame = pandas.tables["lineitem"]
    assert frame["l_quantity"].dtype == "float64"
    assert pd.api.types.is_datetime64_any_dtype(frame["l_shipdate"])
    assert pandas.stored_bytes()
