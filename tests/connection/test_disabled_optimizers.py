"""Optimizer passes and operator choices that are switched off: the same answers, other plans, clear errors."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

import locality
from locality.connection import Connection
from locality.operators.build import CHOICES
from locality.optimizer import PASSES

NAMES = [*(each.name for each in PASSES if not each.required), *CHOICES]

QUERIES = (
    "select s.city, sum(o.amount) from orders o join shops s on o.shop = s.id where o.day < 30 group by s.city",
    "select o.day, o.amount from orders o order by o.amount desc, o.day limit 5",
    "select s.id from shops s where exists (select 1 from orders o where o.shop = s.id and o.amount > 990) order by 1",
    """with big as (select shop, sum(amount) as total from orders group by shop)
    select count(*) from big a where a.total > (select avg(total) from big)""",
    "select day from orders where amount < 5 except select id from shops",
    "select shop, count(*) from orders where day < 3 group by shop",
)


@pytest.fixture(scope="module")
def stores() -> Iterator[Connection]:
    rows = 20_000
    orders = {"shop": [i * 7 % 50 for i in range(rows)], "day": [i // 200 for i in range(rows)]}
    orders["amount"] = [i * 37 % 1000 for i in range(rows)]
    shops = {"id": list(range(50)), "city": [f"city {i % 9}" for i in range(50)]}
    with locality.connect() as connection:
        connection.ingest("orders", pa.table(orders))
        connection.ingest("shops", pa.table(shops), primary_key="id")
        yield connection


@pytest.fixture(scope="module")
def expected(stores: Connection) -> list[list[object]]:
    return [_rows(stores, sql) for sql in QUERIES]


def _rows(connection: Connection, sql: str) -> list[object]:
    result = connection.sql(sql)
    assert result.profile.engine == "locality", result.profile.reason
    return sorted(result.fetchall())


@pytest.mark.parametrize("name", NAMES)
def test_answers_stay_the_same(name: str, stores: Connection, expected: list[list[object]]) -> None:
    stores.settings.disabled_optimizers = frozenset({name})
    assert [_rows(stores, sql) for sql in QUERIES] == expected
    stores.settings.disabled_optimizers = frozenset()


@pytest.mark.parametrize(
    ("name", "query", "before", "after"),
    [
        ("top_n", 1, "top", "sort"),
        ("dense_groups", 5, "dense codes", "groups by hash"),
        ("zone_pruning", 5, "skipped by proof", None),
    ],
)
def test_plans_change_at_once_though_plans_are_cached(
    name: str, query: int, before: str, after: str | None, stores: Connection
) -> None:
    with_it = str(stores.explain(QUERIES[query], analyze=True))
    stores.settings.disabled_optimizers = frozenset({name})
    without = str(stores.explain(QUERIES[query], analyze=True))
    stores.settings.disabled_optimizers = frozenset()
    assert before in with_it.lower()
    assert before not in without.lower()
    assert after is None or after in without.lower()


def test_names_are_checked(stores: Connection) -> None:
    told = f"there is no optimizer 'ordr_joins'; those that can be disabled are {NAMES[0]}, "
    with pytest.raises(ValueError, match=told):
        locality.connect(disabled_optimizers=["ordr_joins"])
    with pytest.raises(ValueError, match="'decorrelate' can't be disabled: no plan runs without it"):
        locality.connect(disabled_optimizers=["decorrelate"])
    stores.settings.disabled_optimizers = frozenset({"nothing"})
    with pytest.raises(ValueError, match="there is no optimizer 'nothing'"):
        stores.sql("select count(*) from shops")
    stores.settings.disabled_optimizers = frozenset()
    with locality.connect(disabled_optimizers=["order_joins"]) as connection:
        assert connection.settings.disabled_optimizers == {"order_joins"}
