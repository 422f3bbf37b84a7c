"""Ten questions of one table: few groups and many, of numbers and of text, sums and what is harder than sums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import nan
from statistics import median, stdev
from typing import Any

from ...model import AnswerRow, Program, Query, Row
from .frames import PROGRAMS

Tables = Mapping[str, Sequence[Row]]


def _groups(tables: Tables, *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in tables["x"]:
        groups[tuple([row[key] for key in keys])].append(row)
    return groups


def _totals(tables: Tables, keys: Sequence[str], values: Sequence[str]) -> dict[tuple[Any, ...], list[Any]]:
    """By group, its number of rows and the sum of each value."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for row in tables["x"]:
        key = tuple([row[name] for name in keys])
        state = groups.get(key)
        if state is None:
            state = groups[key] = [0] * (len(values) + 1)
        state[0] += 1
        for position, name in enumerate(values, 1):
            state[position] += row[name]
    return groups


def g01(tables: Tables) -> list[AnswerRow]:
    return [(*key, v1) for key, (_, v1) in _totals(tables, ["id1"], ["v1"]).items()]


def g02(tables: Tables) -> list[AnswerRow]:
    return [(*key, v1) for key, (_, v1) in _totals(tables, ["id1", "id2"], ["v1"]).items()]


def g03(tables: Tables) -> list[AnswerRow]:
    return [(*key, v1, v3 / n) for key, (n, v1, v3) in _totals(tables, ["id3"], ["v1", "v3"]).items()]


def g04(tables: Tables) -> list[AnswerRow]:
    totals = _totals(tables, ["id4"], ["v1", "v2", "v3"])
    return [(*key, v1 / n, v2 / n, v3 / n) for key, (n, v1, v2, v3) in totals.items()]


def g05(tables: Tables) -> list[AnswerRow]:
    return [(*key, *sums) for key, (_, *sums) in _totals(tables, ["id6"], ["v1", "v2", "v3"]).items()]


def g06(tables: Tables) -> list[AnswerRow]:
    answer: list[AnswerRow] = []
    for key, rows in _groups(tables, "id4", "id5").items():
        values = [row["v3"] for row in rows]
        answer.append((*key, median(values), stdev(values) if len(values) > 1 else None))
    return answer


def g07(tables: Tables) -> list[AnswerRow]:
    ranges: dict[str, list[int]] = {}
    for row in tables["x"]:
        state = ranges.setdefault(row["id3"], [row["v1"], row["v2"]])
        state[0] = max(state[0], row["v1"])
        state[1] = min(state[1], row["v2"])
    return [(key, most - least) for key, (most, least) in ranges.items()]


def g08(tables: Tables) -> list[AnswerRow]:
    groups = _groups(tables, "id6").items()
    return [(*key, v3) for key, rows in groups for v3 in sorted((row["v3"] for row in rows), reverse=True)[:2]]


def g09(tables: Tables) -> list[AnswerRow]:
    answer: list[AnswerRow] = []
    for key, rows in _groups(tables, "id2", "id4").items():
        n = len(rows)
        x, y = sum(row["v1"] for row in rows), sum(row["v2"] for row in rows)
        xy = n * sum(row["v1"] * row["v2"] for row in rows) - x * y
        xx = n * sum(row["v1"] ** 2 for row in rows) - x * x
        yy = n * sum(row["v2"] ** 2 for row in rows) - y * y
        answer.append((*key, xy**2 / (xx * yy) if xx * yy else nan))
    return answer


def g10(tables: Tables) -> list[AnswerRow]:
    keys = [f"id{number}" for number in range(1, 7)]
    return [(*key, v3, n) for key, (n, v3) in _totals(tables, keys, ["v3"]).items()]


_TOP_TWO = """
select id6, v3 as largest2_v3
from (select id6, v3, row_number() over (partition by id6 order by v3 desc) as position from x where v3 is not null)
where position <= 2
"""

_TEXTS: tuple[tuple[Callable[[Tables], list[AnswerRow]], str, str], ...] = (
    (g01, "sum v1 by id1", "select id1, sum(v1) as v1 from x group by id1"),
    (g02, "sum v1 by id1:id2", "select id1, id2, sum(v1) as v1 from x group by id1, id2"),
    (g03, "sum v1 mean v3 by id3", "select id3, sum(v1) as v1, avg(v3) as v3 from x group by id3"),
    (g04, "mean v1:v3 by id4", "select id4, avg(v1) as v1, avg(v2) as v2, avg(v3) as v3 from x group by id4"),
    (g05, "sum v1:v3 by id6", "select id6, sum(v1) as v1, sum(v2) as v2, sum(v3) as v3 from x group by id6"),
    (
        g06,
        "median v3 sd v3 by id4 id5",
        "select id4, id5, median(v3) as median_v3, stddev(v3) as sd_v3 from x group by id4, id5",
    ),
    (g07, "max v1 - min v2 by id3", "select id3, max(v1) - min(v2) as range_v1_v2 from x group by id3"),
    (g08, "largest two v3 by id6", _TOP_TWO),
    (g09, "regression v1 v2 by id2 id4", "select id2, id4, pow(corr(v1, v2), 2) as r2 from x group by id2, id4"),
    (
        g10,
        "sum v3 count by id1:id6",
        "select id1, id2, id3, id4, id5, id6, sum(v3) as v3, count(*) as count from x group by 1, 2, 3, 4, 5, 6",
    ),
)

# SQLite has no such aggregates, ClickHouse's median is another; PostgreSQL says it in the standard's way.
_DIALECTS: Mapping[str, Mapping[str, str | None]] = {
    "g06": {
        "sqlite": None,
        "chdb": None,
        "postgres": "select id4, id5, percentile_cont(0.5) within group (order by v3) as median_v3, "
        "stddev(v3) as sd_v3 from x group by id4, id5",
    },
    "g09": {"sqlite": None},
}


def _framed(name: str) -> Mapping[str, Program]:
    return {"pandas": PROGRAMS[name]} if name in PROGRAMS else {}


QUERIES = tuple(
    Query(
        name=program.__name__,
        title=title,
        tables=("x",),
        sql=sql,
        programs={"naive": program, **_framed(program.__name__)},
        dialects=_DIALECTS.get(program.__name__, {}),
        ordered=False,
    )
    for program, title, sql in _TEXTS
)
