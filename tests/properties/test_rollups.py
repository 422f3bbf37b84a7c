"""Random rollups and aggregations: answers are DuckDB's, and the rollup is read where it tells what is asked alone."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from locality.runtime.profile import Profile
from tests.properties.effort import examples
from tests.properties.interpreted import interpreted_kernels
from tests.properties.oracle import Pair

#: Every row comes that many times, so that reading groups is worth it.
_COPIES = 16
_ROWS = f"""
    select moments[1 + (hash(i, $seed) % 12)::int] as moment,
        ['a', 'b', '', 'ü', null][1 + (hash(i, $seed + 1) % 5)::int] as word,
        [0, 1, 2, 3, -128, 127][1 + (hash(i, $seed + 2) % 6)::int]::tinyint as kind,
        case when hash(i, $seed + 3) % 4 > 0 then (hash(i) % 4294967296)::bigint - 2147483648 end::integer as number,
        case when hash(i, $seed + 4) % 5 > 0 then (hash(i, 7) % 999999999)::bigint / 100 end::decimal(12, 2) as price,
        [true, false, null][1 + (hash(i, $seed + 5) % 3)::int] as flag,
        [0.5, -1e300, 'inf'::double, 'nan'::double, null][1 + (hash(i, $seed + 6) % 5)::int] as ratio
    from range($rows) r(i), range({_COPIES}), (select [
        timestamp '2024-01-31 23:59:59.999999', timestamp '2024-02-01', timestamp '2024-02-01 00:00:59',
        timestamp '2024-02-29 12:34:56', timestamp '2024-12-31 23:00:00', timestamp '1969-12-31 23:59:59',
        timestamp '1582-10-04', timestamp '0004-02-29', timestamp '9999-12-31', timestamp '2024-02-29 12:34:00',
        null, null
    ] moments)
"""
#: What the table is joined with, and how: each row has several matches, one, or none.
_OTHER = """
    select * from (
        values ('a', 1::tinyint, 'one'), ('a', 2, null), ('b', null, 'two'), (null, 3, 'one'), ('ü', -128, 'x')
    ) d(name, size, note)
"""
_JOINS = (
    "t join d on word = name",
    "t left join d on kind = size and size < 3",
    "d join t on word = name and kind is distinct from size",
    "d left join t on word = name",
    "t semi join d on word = name",
    "t anti join d on kind = size",
)
_MINUTE, _DAY, _MONTH = (f"date_trunc('{period}', moment)" for period in ("minute", "day", "month"))
_DATE, _YEAR = "moment::date", "year(moment)"
_BY_DAY = ("moment", _MINUTE, _DAY, _DATE)
#: What queries group by, and the groups of rollups each of which tells it.
GROUPS: Mapping[str, Sequence[str]] = {
    "moment": ("moment",),
    _MINUTE: ("moment", _MINUTE),
    _DAY: _BY_DAY,
    _DATE: _BY_DAY,
    _MONTH: (*_BY_DAY, _MONTH),
    _YEAR: (*_BY_DAY, _MONTH, _YEAR),
    "date_trunc('week', moment)": _BY_DAY,
    "extract(hour from moment) + 1": ("moment", _MINUTE),
    "word": ("word",),
    "upper(word) || '!'": ("word",),
    "kind": ("kind",),
    "case when kind > 1 then 'many' end": ("kind",),
}
#: Conditions, and the groups that tell them; None for one that is told in parts.
CONDITIONS: Mapping[str, Sequence[str] | None] = {
    "moment >= timestamp '2024-02-01'": (*_BY_DAY, _MONTH),
    "moment <= timestamp '2024-02-29 23:59:59.999999'": (*_BY_DAY, _MONTH),
    "moment < timestamp '2024-02-29'": _BY_DAY,
    "timestamp '1970-01-01' <= moment": (*_BY_DAY, _MONTH),
    "moment > timestamp '2024-02-01 00:00:30'": None,
    "moment < timestamp '2024-02-29 12:34:30'": None,
    "moment is not null": (*_BY_DAY, _MONTH),
    f"{_YEAR} = 2024": None,  # which DuckDB makes a range of
    f"{_YEAR} % 4 = 0": (*_BY_DAY, _MONTH, _YEAR),
    "not (kind = 3 or kind = 127)": ("kind",),
    "kind in (0, 1, 2)": ("kind",),
    "kind < 2": ("kind",),
    "coalesce(word, 'z') > 'a'": ("word",),
    "number > 0": (),
}
#: Aggregates of queries, and what must be stored of each group for them.
AGGREGATES: Mapping[str, Sequence[str]] = {
    "count(*)": (),
    "count(number)": ("count(number)",),
    "sum(number)": ("sum(number)",),
    "avg(number)": ("sum(number)", "count(number)"),
    "sum(price)": ("sum(price)",),
    "avg(price)": ("sum(price)", "count(price)"),
    "min(price)": ("min(price)",),
    "max(word)": ("max(word)",),
    "bool_or(flag)": ("bool_or(flag)",),
    "max(ratio)": ("max(ratio)",),
    "sum(kind * 1000)": ("sum(kind * 1000)",),
    "sum(ratio)": ("nothing",),
    "median(number)": ("nothing",),
}
#: Aggregates that groups tell by themselves.
_OF_GROUPS = {"word": "max(word)", "kind": "sum(kind * 1000)"}
#: What happens to the rows between queries.
CHANGES = dict.fromkeys(
    (
        "delete from t where kind = 2 or word is null",
        "delete from t where number % 3 = 0",
        "delete from t where price = (select max(price) from t)",
        "update t set number = ~number, word = 'b' where kind < 1",
        "update t set moment = null where word = 'a'",
        "insert into t select * from t where kind = 3",
    )
)


@dataclass(frozen=True)
class Stored:
    """A rollup: what it groups by, what of it, and of which rows."""

    groups: Sequence[str]
    aggregates: Sequence[str]
    conditions: Sequence[str]

    @property
    def sql(self) -> str:
        return _sql([*self.groups, *self.aggregates], self.groups, self.conditions)

    def _tell(self, given: Sequence[str]) -> bool:
        return bool(set(given) & set(self.groups))

    def tells(self, groups: Sequence[str], aggregates: Sequence[str], conditions: Sequence[str]) -> bool | None:
        """Whether an aggregation is told; None where this model does not know."""
        parts = {"count(*)"}.union(*(AGGREGATES[each] for each in self.aggregates))
        parts |= {call for group, call in _OF_GROUPS.items() if group in self.groups}
        if not parts.issuperset(part for each in aggregates for part in AGGREGATES[each]):
            return False
        if not all(self._tell(GROUPS[each]) for each in groups):
            return False
        asked = [each for each in conditions if each not in self.conditions]
        untold = [each for each in asked if (given := CONDITIONS[each]) is not None and not self._tell(given)]
        if untold:  # the ends of ranges of moments may be read of the table
            return None if all(" moment" in f" {each}" for each in untold) else False
        if self.conditions and not conditions:
            return False
        if not set(self.conditions) <= set(conditions):
            return None
        return None if any(CONDITIONS[each] is None for each in conditions) else True


def _sql(outputs: Sequence[str], groups: Sequence[str], conditions: Sequence[str], rows: str = "t") -> str:
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return f"select {', '.join(outputs)} from {rows}{where}" + (f" group by {', '.join(groups)}" if groups else "")


def _reads_rollup(profile: Profile) -> bool:
    return any(column.startswith("rollup ") for column in profile.touched)


def _some(source: random.Random, given: Mapping[str, object], least: int, most: int) -> list[str]:
    return source.sample(list(given), source.randint(least, most))


def check_random_rollup(source: random.Random) -> int:
    """A rollup, and some queries; how many of them it told."""
    stored_groups = {each: None for each in GROUPS if GROUPS[each][-1] == each}
    stored_aggregates = {each: None for each in AGGREGATES if AGGREGATES[each] != ("nothing",)}
    told = 0
    with Pair() as pair:
        rows = source.choice((0, 9, 30, 30))
        table = pair.duckdb.execute(_ROWS, {"seed": source.randrange(10**6), "rows": rows}).to_arrow_table()
        pair.load("t", [table])
        pair.load("d", [pair.duckdb.sql(_OTHER).to_arrow_table()])
        conditions = _some(source, CONDITIONS, 0, 1) if source.random() < 0.3 else []
        rollup = Stored(_some(source, stored_groups, 0, 3), _some(source, stored_aggregates, 1, 6), conditions)
        pair.locality.rollup("r", rollup.sql)
        for number in range(4):
            for statement in _some(source, CHANGES, 0, 2) if number == 2 else ():
                pair.locality.sql(statement)
                pair.duckdb.execute(statement)
            groups, aggregates = _some(source, GROUPS, 0, 2), _some(source, AGGREGATES, 1, 3)
            if source.random() < 0.8:
                groups = [each for each in groups if set(GROUPS[each]) & set(rollup.groups)]
                aggregates = [each for each in rollup.aggregates if source.random() < 0.5] or ["count(*)"]
            asked = list(dict.fromkeys((*rollup.conditions, *_some(source, CONDITIONS, 0, 2))))
            sql = _sql([*groups, *aggregates], groups, asked)
            profile = pair.check(sql)
            tells = rollup.tells(groups, aggregates, asked)
            if tells is False:
                assert not _reads_rollup(profile), f"{sql}\n{rollup.sql}"
            if tells and any(column.startswith("t.") and column != "t.live" for column in profile.touched):
                raise AssertionError(f"{sql}\nis told by\n{rollup.sql}\n{rows} rows, {profile.touched}")
            told += _reads_rollup(profile)
            told += _reads_rollup(check_random_join(pair, source, rollup, groups, asked))
    return told


def check_random_join(
    pair: Pair, source: random.Random, rollup: Stored, groups: Sequence[str], asked: Sequence[str]
) -> Profile:
    """An aggregation of the table joined with another one, of what the rollup stores and of the other's columns."""
    join = source.choice(_JOINS)
    theirs = [] if "semi" in join or "anti" in join else ["note"]
    aggregates = [
        "count(*)",
        *rollup.aggregates[:2],
        *(f"{name}({each})" for each in theirs for name in ("count", "max")),
    ]
    aggregates += ["sum(size)"] if theirs else []
    keys = [*groups[:1], *theirs[: source.randint(0, 1)]]
    sql = _sql([*keys, *aggregates], keys, asked[:1], join)
    profile = pair.check(sql)
    if not (set(rollup.groups) & {"word", "kind"}):
        assert not _reads_rollup(profile), f"{sql}\n{rollup.sql}"
    return profile


@pytest.mark.parametrize("seed", range(examples(2)))
def test_random_queries_are_answered_from_random_rollups(seed: int) -> None:
    source = random.Random(seed)
    with interpreted_kernels():
        assert sum(check_random_rollup(source) for _ in range(2)) > 0
