"""Random tables that relate: keys, references to them, and columns of few values that occur in all of them."""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from locality.types import parse, to_arrow
from tests.properties.queries import literal

#: Few values of each type, so that tables meet; sums of them are exact in any order, and no product overflows.
POOLS: Mapping[str, Sequence[Any]] = {
    "SMALLINT": (-3, -1, 0, 1, 2, 7),
    "INTEGER": (-3, 0, 1, 2, 3, 5, 90_000),
    "BIGINT": (-(2**40), 0, 1, 2, 3, 5),
    "DECIMAL(9,2)": tuple(map(Decimal, ("-1.50", "0.00", "0.01", "2.00", "2.25", "10000.00"))),
    "DECIMAL(15,3)": tuple(map(Decimal, ("-1.500", "0.000", "0.001", "2.000", "70000000.125"))),
    "DOUBLE": (0.0, -0.0, 1.5, 2.0, -2.25, float("inf"), float("-inf"), float("nan")),
    "FLOAT": (0.0, 1.5, 2.0, -2.25, float("nan")),
    "VARCHAR": ("", "a", "A", "ab", "é", "zebra", "longer than twelve bytes"),
    "DATE": tuple(map(datetime.date.fromisoformat, ("1969-12-31", "2024-02-29", "2024-03-01", "9999-12-31"))),
    "TIMESTAMP": tuple(
        map(datetime.datetime.fromisoformat, ("1969-12-31T23:59:59.999999", "2024-02-29", "2024-03-01"))
    ),
    "BOOLEAN": (True, False),
}
NUMBERS = frozenset(name for name, values in POOLS.items() if isinstance(values[0], int | float | Decimal)) - {
    "BOOLEAN"
}
_ROWS = (0, 1, 3, 8, 20, 50)
_NULLS = (0.0, 0.0, 0.15, 0.5, 1.0)


@dataclass(frozen=True)
class Column:
    """A column of a table, or anything else that has a type: its text in SQL, and literals to compare it with."""

    text: str
    type: str
    literals: tuple[str, ...]

    @property
    def is_number(self) -> bool:
        return self.type in NUMBERS


@dataclass(frozen=True)
class Related:
    """A table: its columns, and its rows as one or two ingests."""

    name: str
    columns: tuple[Column, ...]
    parts: tuple[pa.Table, ...]


def random_tables(source: random.Random) -> list[Related]:
    """Two to four tables; each has a unique ``id``, most have a ``ref`` with values of such ids and NULLs."""
    return [_table(source, f"t{number}") for number in range(source.randint(2, 4))]


def _table(source: random.Random, name: str) -> Related:
    sizes = [source.choice(_ROWS) for _ in range(source.choice((1, 1, 2)))]
    total = sum(sizes)
    ids = list(range(1, total + 1))
    source.shuffle(ids)
    names, arrays = ["id"], [pa.array(ids, to_arrow(parse(source.choice(("INTEGER", "BIGINT")))))]
    if source.random() < 0.8:
        names.append("ref")
        arrays.append(_column(source, "INTEGER", range(1, 25), total))
    for position, dtype in enumerate(source.sample(sorted(POOLS), source.randint(1, 4))):
        names.append(f"c{position}")
        arrays.append(_column(source, dtype, POOLS[dtype], total))
    whole = pa.table(arrays, names=names)
    parts, start = [], 0
    for size in sizes:
        parts.append(whole.slice(start, size))
        start += size
    columns = (_described(field) for field in whole.schema)
    return Related(name, tuple(columns), tuple(parts))


def _column(source: random.Random, dtype: str, pool: Sequence[Any], rows: int) -> pa.Array:
    """Values of some of the pool, and NULLs."""
    values = source.sample(pool, source.randint(1, len(pool)))
    nulls = source.choice(_NULLS)
    drawn = [None if nulls and source.random() < nulls else source.choice(values) for _ in range(rows)]
    return pa.array(drawn, to_arrow(parse(dtype)))


def _described(field: pa.Field) -> Column:
    dtype = next(name for name in POOLS if to_arrow(parse(name)) == field.type)
    values = (*POOLS[dtype], *range(4, 7)) if field.name in ("id", "ref") else POOLS[dtype]
    texts = ("1" if value is True else "0" if value is False else str(value) for value in values)
    return Column(field.name, dtype, tuple(literal(text, dtype) for text in texts))
