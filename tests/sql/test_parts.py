"""What of a query's text is taken for a part, and what stays, over a judge that can run anything over its tables."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import partial

import pytest

from locality.errors import LocalityError
from locality.sql.parts import Column, Judge, Split, split
from locality.sql.planner import Planner
from locality.sql.templates import Templates
from locality.sql.tokens import lexemes_of
from tests.sql.tables import COLUMNS


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """Runs whatever binds over the tables ``t`` and ``u``, unless it says ``random``."""
    planner = Planner()
    planner.sync({"t": COLUMNS[:3], "u": COLUMNS[:4]})

    def columns(sql: str) -> Sequence[Column] | None:
        try:
            return [Column(name, f"c{i}") for i, name in enumerate(planner.names(sql))] if "random" not in sql else None
        except LocalityError:
            return None

    yield Judge(columns, lambda sql: columns(sql) is not None, planner.names, planner.parse)
    planner.close()


def test_splits(judge: Judge) -> None:
    found = split("select random() from t join u on t.a = u.a where t.b > 5 and random() < u.b", judge)
    assert found is not None
    assert [part.sql for part in found.parts] == ['select "t"."b", "u"."b" from t, u where (t.a = u.a) and (t.b > 5)']
    assert found.text == (
        'select random() from (select c0 as "b" from locality_part0) as "t" positional join'
        ' (select c1 as "b" from locality_part0) as "u" where (random() < u.b)'
    )


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("select * from other, (select a from t) x", ["select a from t"]),
        ("select x.a from other, (select a from t) x", ['select "x"."a" from (select a from t) x']),
        ("with c as (select a from t) select c.a, other.z from c join other on c.a = z",
         ['with c as (select a from t) select "c"."a" from c']),
        ("with c as (select a from t), d as (select random() from c) select * from d", ["select a from t"]),
        ("with c as (select a from t), d as (select a from c) select random() from d, other where d.a = z",
         ['with c as (select a from t), d as (select a from c) select "d"."a" from d']),
        ("with t as (select 1 as a) select random() from (select a from t) x",
         ['with t as (select 1 as a) select "x"."a" from (select a from t) x']),
        ("with recursive r as (select 1 as a union all select r.a from r, t where t.a = r.a) select * from r",
         ['select "t"."a" from t']),
        ("select z from other where z in (select a from t) and exists (select 1 from u where u.a = z)",
         ["select a from t", 'select "u"."a" from u']),
        ("select (select max(b) from u where u.a = other.a) from other",
         ['select "u"."a", "u"."b" from u']),
        ("select random() from t natural join u", []),
        ("select random(), t from t", []),
        ("select random(), t.rowid from t", []),
        ("select random() from t where a is distinct from b", ["select 1 from t where (a is distinct from b)"]),
        ("select random() from t where a > 1 or b > 1", ["select 1 from t where (a > 1 or b > 1)"]),
        ("select random(), b from t left join u using (a) where t.b > 1",
         ['select "t"."b", "u"."b" from t left join u using (a) where (t.b > 1)']),
        ("select random() from t full join u using (a)", []),
        ("select t.b from t left join u on t.a = u.a where t.b > 1 and random() > u.b",
         ['select "t"."b", "u"."b" from t left join u on t.a = u.a where (t.b > 1)']),
        ("select random(), * from t, u where t.a = u.a",
         ['select "t"."a", "t"."b", "t"."s", "u"."a", "u"."b", "u"."s", "u"."d" from t, u where (t.a = u.a)']),
        ("select random(), * from t, other", []),
        ("select random(), a from t using sample 3", []),
        ("select random() from t union all select random() + b from u where b = 1 order by 1",
         ['select "t"."b" from t', 'select "u"."b" from u where (b = 1)']),
        ("select random(), case when a and b then 1 end from t where case when a = 1 and b = 2 then true end and b = 3",
         ['select "t"."a", "t"."b" from t where (case when a = 1 and b = 2 then true end) and (b = 3)']),
        ("insert into t select a from u", ["select a from u"]),
        ("insert or ignore into t(a) (with c as (select a from u) select * from c) on conflict do nothing returning a;",
         ["with c as (select a from u) select * from c"]),
        ('insert into "select" values ((select a from t))', []),
        ("insert into t select random(), (select max(a) from u)", []),
        ("create or replace temp table x(y) as from t", ["from t"]),
        ("create table x(y int default 3, check (y in (select a from t)))", []),
        ("copy (select a from t) to 'x.csv' (header false)", ["select a from t"]),
        ("copy t from 'x.csv'", []),
        ("explain select a, random() from t", []),
        ("create view x as select a from t", []),
        ("create table x as select a from t; drop table t", []),
        ("select 1", []),
        ("select from (", []),
    ],
)  # fmt: skip
def test_parts(sql: str, parts: list[str], judge: Judge) -> None:
    found = split(sql, judge)
    assert ([part.sql for part in found.parts] if found else []) == parts


def test_texts_that_differ_in_values_of_conditions_are_split_once(judge: Judge) -> None:
    """The values in all of them are so many, and often so alike, that the first text doesn't tell which is which."""
    templates, found = Templates(), []
    pattern = (
        "with c as (select a from t where a > {} and a < {}) select z, 5, s from other, (select c.a as s from c where"
        " c.a <> {}) x where z = {} and z in (select a from u where a = {}) limit {}"
    )

    def find(sql: str) -> Split | None:
        found.append(sql)
        return split(sql, judge)

    rng = random.Random(1)
    texts = [pattern.format(5, 5, 5, 5, 5, 5), pattern.format(1, 2, 3, 4, 6, 5)]
    texts += [pattern.format(*(rng.randrange(9) for _ in range(5)), 5) for _ in range(30)]
    texts += [pattern.format(1, 2, 3, 4, 6, 6), pattern.format(1, 2, 3, 4, 6, 6)]
    for text in texts:
        got, wanted = templates.split(text, judge.parse, partial(find, text)), split(text, judge)
        assert got is not None and wanted is not None
        assert [spaced(part.sql) for part in got.parts] == [spaced(part.sql) for part in wanted.parts]
        assert (spaced(got.text), spaced(got.rest), spaced(got.query)) == (
            spaced(wanted.text), spaced(wanted.rest), spaced(wanted.query)
        )  # fmt: skip
        assert got.parts
    assert len(found) <= 4


def spaced(text: str) -> list[str]:
    return [each.text for each in lexemes_of(text)]
