"""The generators of this project's own data: the same rows every time, keys that are keys, and what makes them real."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from locality._suites.datasets import billing, events, generate, h2o
from locality.errors import SourceError

Ensure = Callable[[float, Iterable[str]], dict[str, Path]]
SETS: dict[str, tuple[Ensure, tuple[generate.Table, ...]]] = {
    "groupby": (h2o.ensure_groupby, (h2o.GROUPBY,)),
    "join": (h2o.ensure_join, h2o.JOIN),
    "billing": (billing.ensure_tables, billing.TABLES),
    "events": (events.ensure_events, (events.EVENT,)),
}
SCALE = 0.0003


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCALITY_DATA_DIR", str(tmp_path))
    return tmp_path


def ask(sql: str, **paths: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as con:
        for name, path in paths.items():
            con.read_parquet(str(path)).create_view(name)
        return con.execute(sql).fetchall()


@pytest.mark.parametrize("name", SETS)
def test_the_same_rows_each_time_with_keys_that_are_keys(
    name: str, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ensure, tables = SETS[name]
    made = ensure(SCALE, [table.name for table in tables])
    assert list(made) == [table.name for table in tables]
    monkeypatch.setenv("LOCALITY_DATA_DIR", str(tmp_path_factory.mktemp("again")))
    for table in tables:
        rows = pq.read_table(made[table.name])
        assert 0 < rows.num_rows <= table.rows(SCALE)
        assert pq.read_table(ensure(SCALE, [table.name])[table.name]).equals(rows), (
            "one table is made without the others"
        )
        if table.key:
            assert len(set(zip(*(rows[column].to_pylist() for column in table.key), strict=True))) == rows.num_rows


def test_files_that_are_there_are_kept(data: Path) -> None:
    first = billing.ensure_tables(SCALE, ["tariff"])["tariff"]
    first.write_bytes(b"kept as it is")
    billing.ensure_tables(SCALE, ["tariff", "rate"])
    assert first.read_bytes() == b"kept as it is"


@pytest.mark.parametrize("scale", [0, -1, float("nan")])
def test_scale_must_be_positive(data: Path, scale: float) -> None:
    with pytest.raises(SourceError, match="not positive"):
        billing.ensure_tables(scale, ["tariff"])


def test_batches_do_not_change_the_columns(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setattr(generate, "BATCH_ROWS", 1000)
    paths = h2o.ensure_join(SCALE, ["x", "big"])
    assert {name: pq.read_metadata(path).num_rows for name, path in paths.items()} == {"x": 3000, "big": 3000}
    # 90% of the keys are in both, each once.
    assert ask("select count(*) from x join big using (id3)", **paths) == [(2700,)]


def test_texts_of_h2o_name_their_numbers(data: Path) -> None:
    assert ask("select count(*) from x where id6 <> 'id' || id3", **h2o.ensure_join(SCALE, ["x"])) == [(0,)]
    path = h2o.ensure_groupby(SCALE, ["x"])["x"]
    found = ask("select min(id1), max(id1), count(distinct id1), min(length(id3)), max(length(id3)) from x", x=path)
    assert found == [("id001", "id100", 100, 12, 12)]


def test_decimals_have_their_sign() -> None:
    scaled = np.array([-12345, 0, 99], np.int64)
    assert generate.decimals(scaled, 9, 3).to_pylist() == [Decimal("-12.345"), Decimal("0.000"), Decimal("0.099")]


_HIGHEST = "select max(kwh) / avg(kwh) as ratio from reading group by customer_id"
_STEPS = "select lag((customer_id, day, period)) over () < (customer_id, day, period) as up from reading"


def test_meters_fail_and_spike(data: Path) -> None:
    path = billing.ensure_tables(SCALE, ["reading"])["reading"]
    complete = 3 * 365 * 96
    assert 0.97 * complete < pq.read_metadata(path).num_rows < complete
    assert ask(f"select max(ratio) > 20 from ({_HIGHEST})", reading=path) == [(True,)]
    assert ask("select count(distinct quality) from reading", reading=path) == [(2,)]
    assert ask(f"select count(*) from ({_STEPS}) where not up", reading=path) == [(0,)]


def test_every_quarter_of_an_hour_has_a_price(data: Path) -> None:
    paths = billing.ensure_tables(SCALE, ["band", "rate", "calendar"])
    assert ask("select count(*) from band anti join rate using (tariff_id, band)", **paths) == [(0,)]
    kinds = dict(ask("select day_type, count(*) from calendar group by 1", **paths))
    assert kinds == {"workday": 252, "weekend": 104, "holiday": 9}
    # Tiers of a band begin where the one below ends.
    below = "select 1 from rate as low where (low.tariff_id, low.band, low.to_kwh) = (r.tariff_id, r.band, r.from_kwh)"
    assert ask(f"select count(*) from rate as r where from_kwh > 0 and not exists ({below})", **paths) == [(0,)]


def test_events_come_in_the_order_of_time_and_purchases_earn(data: Path) -> None:
    path = events.ensure_events(SCALE, ["event"])["event"]
    late = "select lag(moment) over (order by event_id) > moment as early from event"
    assert ask(f"select count(*) from ({late}) where early", event=path) == [(0,)]
    assert ask("select bool_and((revenue is not null) = (kind = 'purchase')) from event", event=path) == [(True,)]
    months = dict(ask("select month(moment), count(*) from event group by 1", event=path))
    assert months[12] > 1.2 * months[1]
    # Each product has one category and brand, each city one country.
    several = "select product_id from event group by 1 having count(distinct category) > 1 or count(distinct brand) > 1"
    assert ask(f"select count(*) from ({several})", event=path) == [(0,)]
    assert ask("select count(*) from event where not starts_with(city, country)", event=path) == [(0,)]
