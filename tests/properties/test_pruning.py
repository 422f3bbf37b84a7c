"""Zones that a filter skips: on clustered data it must skip some, and whatever it skips, the answer stays the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pytest

from locality.runtime.profile import Profile
from tests.properties.effort import examples
from tests.properties.oracle import Pair

ZONE = 65_536
ZONES = 4
ROWS = ZONES * ZONE + 1000


def _clustered() -> pa.Table:
    """Columns in the order of the rows, so that every zone has values of its own."""
    n = np.arange(ROWS)
    zone = n // ZONE
    rng = np.random.default_rng(3)
    floats = n / 8.0
    floats[rng.integers(0, ROWS, 50)] = np.nan
    floats[zone == 2] = np.nan
    words = np.array(["apple", "banana", "cherry", "date", "elder"])[zone]
    return pa.table(
        {
            "n": n - 1000,
            "offset_n": n * 10 + 10**12,
            "day": pa.array((n // 1000).astype(np.int32)).cast(pa.date32()),
            "price": pa.array(n // 7 * 25).cast(pa.decimal128(20, 0)).cast(pa.decimal128(18, 2)),
            "x": pa.array(floats),
            "x4": pa.array((zone * 10 + rng.integers(0, 9, ROWS)).astype(np.float32)),
            "word": pa.array(words),
            "raw": pa.array([f"{z}-{k}" for z, k in zip(zone.tolist(), n.tolist(), strict=True)]),
            "run": zone,
            "gap": pa.array(n, mask=(zone == 1) | (rng.random(ROWS) < 0.1)),
            "late": pa.array(n, mask=zone != 3),
            "flag": zone == 3,
            "noise": rng.integers(0, 100, ROWS),
        }
    )


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", [_clustered()])
        yield made


def _zones(profile: Profile) -> tuple[int, int]:
    return sum(o.zones_read for o in profile.operators), sum(o.zones_total for o in profile.operators)


@pytest.mark.parametrize(
    ("predicate", "most"),
    [
        ("n < 0", 1),
        ("n = 70000", 1),
        ("n between 70000 and 80000", 1),
        ("n in (5, 200000)", 2),
        ("5 > n", 1),
        ("not (n >= 0)", 1),
        ("n > 100000000", 0),
        ("run < 1 or run > 3", 2),
        ("n < 100 and noise < 50", 1),
        ("offset_n = 1000000000010", 1),
        ("offset_n < 1000000000005", 1),
        ("day < '1970-01-10'::date", 1),
        ("year(day) = 1970 and month(day) = 1", 1),
        ("price < 10.5", 1),
        ("x < 10", 1),
        ("x > 30000 and x < 1e9", 4),
        ("x4 > 35", 2),
        ("word = 'banana'", 1),
        ("word in ('apple', 'elder')", 2),
        ("word like 'c%'", 1),
        ("word > 'cz' and word < 'dz'", 1),
        ("upper(word) = 'DATE'", 1),
        ("run = 2", 1),
        ("run % 2 = 1", 2),
        ("gap < 100", 1),
        ("late is not null", 1),
        ("late > 0", 1),
        ("flag", 1),
        ("case when run = 1 then true else false end", 1),
    ],
)
def test_zones_are_skipped_where_no_row_can_match(pair: Pair, predicate: str, most: int) -> None:
    profile = pair.check(f"select count(*), sum(n), min(noise), max(word) from t where {predicate}")
    read, total = _zones(profile)
    assert total == ZONES + 1
    assert read <= most


@pytest.mark.parametrize(
    ("predicate", "least"),
    [
        ("gap is null", ZONES + 1),
        ("late is null", ZONES),
        ("x = 'nan'::double", ZONES),
        ("x > 1e300", ZONES),
        ("x is distinct from 7", ZONES + 1),
        ("late is distinct from 200000", ZONES + 1),
        ("n <> 5", ZONES + 1),
        ("n >= -1000", ZONES + 1),
    ],
)
def test_zones_with_matches_are_read(pair: Pair, predicate: str, least: int) -> None:
    """NaN is greater than every number, and NULL is distinct from every value: such rows are not in a zone's bounds."""
    profile = pair.check(f"select count(*), sum(noise) from t where {predicate}")
    read, total = _zones(profile)
    answered = sum(operator.zones_answered for operator in profile.operators)
    assert total == 0 or read + answered >= least


_COLUMNS: Mapping[str, Callable[[int], str]] = {
    "n": lambda k: str(k - 1000),
    "offset_n": lambda k: str(k * 10 + 10**12),
    "day": lambda k: f"date '1970-01-01' + {k // 1000}",
    "price": lambda k: f"{k // 28}.25",
    "x": lambda k: f"{k / 8}::double",
    "x4": lambda k: f"{k % 50}.0::float",
    "word": lambda k: "'" + ("apple", "b", "banana", "cherry", "dates", "z")[k % 6] + "'",
    "raw": lambda k: f"'{k % 6}-{k}'",
    "gap": str,
    "late": str,
}


@pytest.mark.parametrize("name", _COLUMNS)
def test_skipped_zones_change_no_answer(pair: Pair, name: str) -> None:
    """Bounds of random places, the edges of zones among them."""
    source = random.Random(name)
    value = _COLUMNS[name]
    skipped = 0
    for operator in ("=", "<", "<=", ">", ">="):
        for _ in range(examples(4)):
            edge = source.randint(0, ZONES) * ZONE + source.choice((-1, 0, 1))
            place = max(0, source.choice((edge, source.randrange(ROWS))))
            profile = pair.check(f"select count(*), min(n), max(n) from t where {name} {operator} {value(place)}")
            read, total = _zones(profile)
            skipped += total - read
    assert skipped > 0


def test_rows_of_skipped_zones_do_not_raise_errors(pair: Pair) -> None:
    """As in DuckDB, what is computed of rows that a filter excludes can't overflow."""
    pair.check("select sum(offset_n * 1000000 // 1000) from t where n < 100")
    pair.check("select count(*) from t where n > 100000000 and noise // 0 = 1", engine=None)
