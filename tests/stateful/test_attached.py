"""Random statements over attached and plain connections to equal databases: every answer is the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import locality
from locality.duckdb import native
from locality.duckdb.native.building import is_built
from locality.runtime import parts
from tests.properties.effort import EFFORT
from tests.versions import since_2

QUERIES = [
    "select count(*), sum(a), min(b) from t",
    "select b, count(*) from t group by b order by all",
    "select t.a, u.c from t join u on t.a = u.a order by all limit 5",
    "select a / 2 as h, b from t order by b, a limit 4",
    "select * from main.u order by all",
    "with s as (select a from t where a > 3) select count(*) from s",
    "select count(*) from v",
    "select v.b, sum(u.c) from v join my.main.u on v.a = my.main.u.a group by all order by all",
    "select sum(f(a)) from u",
    "select count(*), max(b) from below(4)",
    "select b, count(*) from s.t group by b",
    "select approx_count_distinct(a) from t",
    "select o.a, s.n from other o, (select a, count(*) as n from t group by a) s where s.a >= o.a order by all",
    "with s as (select b, max(a) as m from t group by b) select f(m), b from s order by all",
    "select t.b, sum(u.c) from t, u where t.a = u.a and random() >= 0 group by all order by all",
    "select b, count(*) over (partition by b) from t where a in (select a from u where c > 1) order by all",
    "select cast(b as integer) from t",
    "select a // 2, sum(a) from t group by all order by 1 desc nulls last limit 3",
]
WRITES = [
    "insert into t values (7, 'x'), (null, null)",
    "insert into u select range, range * 2 from range(3)",
    "update t set a = a + 1 where b = 'x'",
    "delete from u where a = 1",
    "with w as (insert into t values (9, 'w') returning a) select * from w",
    "with z as (select 5 as a) insert into t select a, 'z' from z",
    "insert into other values (1)",
    "select count(*) from other",
    "merge into u using (select 2 as a, 50 as c) s on u.a = s.a when matched then update set c = s.c",
    "create or replace temp table tmp as select count(*) as n from t",
    "insert into other select count(*) from t",
    "insert into t(b, a) with s as (select b, max(a) as m from t group by b) select b, m from s",
    "create or replace table other as (select u.a::int as a from t join u using (a) where c > 1)",
    "truncate other",
    "checkpoint",
]
CHANGES = [
    "create or replace table t as select range as a, 'b' || range % 3 as b from range(20)",
    "create or replace view v as select * from t where a > 2",
    "create or replace temp table u as select 1 as a, 2 as c",
    "drop table if exists temp.u",
    "create or replace macro f(x) as x + 1",
    "create or replace macro below(n) as table select * from v where a < n",
    "create or replace temp view t as select 1 as a, 'hidden' as b",
    "drop view if exists temp.t",
    "create or replace temp macro f(x) as x - 1",
    "drop macro if exists temp.f",
    "create schema if not exists s; create table if not exists s.t as select 1 as a, 's' as b",
    "use s",
    "use my",
    "use memory",
    "set default_null_order = 'nulls_first'",
    "reset default_null_order",
    "set integer_division = true",
    "reset integer_division",
    "set default_order = 'desc'",
    "reset default_order",
]
TRANSACTIONS = ["begin", "commit", "rollback"]
WHO = st.integers(0, 2)


class Attached(RuleBasedStateMachine):
    """Three connections of each kind: two that came from the first by ``cursor``."""

    def __init__(self) -> None:
        super().__init__()
        self.least, parts.LEAST_BYTES = parts.LEAST_BYTES, 0
        self.folder = Path(tempfile.mkdtemp(prefix="locality-test-"))
        self.plain: list[Any] = []
        self.attached: list[Any] = []
        self.asked: list[Any] = []

    @initialize()
    def begin(self) -> None:
        self.open()
        self.attached[0].execute(QUERIES[0])
        assert self.attached[0].last_profile.engine == "locality"

    def connect(self) -> tuple[Any, Any]:
        """A plain connection and an attached one, to databases of one name."""
        paths = [self.folder / kind / "my.duckdb" for kind in ("plain", "attached")]
        for path in paths:
            path.parent.mkdir(exist_ok=True)
        return duckdb.connect(paths[0]), locality.attach(duckdb.connect(paths[1]))

    def open(self) -> None:
        first, second = self.connect()
        self.plain = [first, first.cursor(), first.cursor()]
        self.asked = self.attached = [second, second.cursor(), second.cursor()]
        self.both(
            0,
            "create table if not exists u as select range % 4 as a, range as c from range(8);"
            "create table if not exists t as select range as a, 'b' || range % 3 as b from range(10);"
            "create table if not exists other(a int); create view if not exists v as select * from t;"
            "create macro if not exists f(x) as x * 2;"
            "create macro if not exists below(n) as table select * from t where a < n",
        )
        self.accelerate(0)

    @rule(who=WHO, text=st.sampled_from(QUERIES), lazily=st.booleans())
    def ask(self, who: int, text: str, lazily: bool) -> None:
        self.both(who, text, lambda con: (con.sql(text) if lazily else con.execute(text)).fetchall())

    @rule(who=WHO, text=st.sampled_from(WRITES + CHANGES + TRANSACTIONS))
    def write(self, who: int, text: str) -> None:
        self.both(who, text)

    @rule(who=WHO)
    def accelerate(self, who: int) -> None:
        self.lay(lambda: self.attached[who].accelerate("t", "u"))

    @rule(who=WHO)
    def refresh(self, who: int) -> None:
        self.lay(self.attached[who].refresh)

    def lay(self, tables: Callable[[], None]) -> None:
        try:
            tables()
        except locality.CatalogError:
            assert not {("t",), ("u",)} <= set(self.tables())
        except locality.StoreError as error:  # in memory, where that ends all use of layouts
            if "a query that changes rows" not in str(error):
                raise

    @rule(who=WHO, commits=st.booleans())
    def read_in_a_transaction(self, who: int, commits: bool) -> None:
        self.both(who, "begin")
        for text in (QUERIES[0], QUERIES[1], WRITES[0], QUERIES[0]):
            self.both(who, text)
        self.both(who, "commit" if commits else "rollback")

    @rule()
    def restart(self) -> None:
        for con in (*self.plain, *self.attached):
            con.close()
        self.open()

    def tables(self) -> list[tuple[str]]:
        found = self.attached[0].cursor().execute("select table_name from duckdb_tables() where not temporary")
        return list(found.fetchall())

    def both(self, who: int, text: str, ask: Callable[[Any], Any] = lambda con: None) -> None:
        def run(con: Any) -> Any:
            try:
                return ask(con) or con.execute(text).fetchall()
            except duckdb.Error as error:
                return type(error)

        assert run(self.asked[who]) == run(self.plain[who]), text

    def teardown(self) -> None:
        for con in (*self.plain, *self.attached):
            con.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        parts.LEAST_BYTES = self.least


class InMemory(Attached):
    """The same, in memory: a restart forgets all."""

    def connect(self) -> tuple[Any, Any]:
        return duckdb.connect(":memory:"), locality.attach(duckdb.connect(":memory:"))


class Hooked(Attached):
    """The same, asked of connections that nobody attached: the extension offers what they run."""

    def connect(self) -> tuple[Any, Any]:
        plain, attached = (self.folder / kind / "my.duckdb" for kind in ("plain", "attached"))
        for path in (plain, attached):
            path.parent.mkdir(exist_ok=True)
        return duckdb.connect(plain), locality.attach(
            duckdb.connect(attached, config={"allow_unsigned_extensions": True})
        )

    def open(self) -> None:
        super().open()
        raw, _ = self.attached[0].parts()
        self.hook = native.install(self.attached[0])
        self.asked = [raw.cursor() for _ in self.plain]

    @initialize()
    def begin(self) -> None:
        self.open()
        self.asked[0].execute(QUERIES[0]).fetchall()
        assert self.hook.last_profile is not None and self.hook.last_profile.engine == "locality"


InMemory.TestCase.settings = settings(max_examples=2 * EFFORT, stateful_step_count=25)
TestInMemory = since_2("databases in memory have no layouts")(InMemory.TestCase)
Attached.TestCase.settings = settings(max_examples=3 * EFFORT, stateful_step_count=25)
TestAttached = Attached.TestCase
Hooked.TestCase.settings = settings(max_examples=EFFORT, stateful_step_count=25)


@pytest.mark.skipif(not is_built(), reason="the extension was not compiled: make native")
class TestHooked(Hooked.TestCase):
    """Where it was compiled."""
