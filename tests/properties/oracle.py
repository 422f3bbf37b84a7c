"""The same tables in Locality and in DuckDB, and the comparison of their answers to one query."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

import locality
from locality.errors import QueryError
from locality.runtime.profile import Profile
from tests.versions import IS_2, is_its_own

#: Relative difference that a sum or an average of floats may have, since the order of additions is not part of SQL.
TOLERANCE = 1e-9

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Answer:
    """What an engine says to a query: its rows, or that it raises an error."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    table: pa.Table
    error: str = ""

    @classmethod
    def of_error(cls, error: Exception) -> Answer:
        return cls((), (), pa.table({}), str(error))


class Pair:
    """A Locality store and a DuckDB database with the same tables."""

    def __init__(self, threads: int | None = None) -> None:
        self.locality = locality.connect(threads=threads)
        self.duckdb = duckdb.connect(config={"threads": 2})

    def load(self, name: str, parts: Sequence[pa.Table]) -> None:
        """Makes table ``name`` of the rows of ``parts``, each of which Locality ingests by itself."""
        self.locality.ingest(name, parts[0], mode="replace")
        for part in parts[1:]:
            self.locality.ingest(name, part, mode="append")
        self.duckdb.register("parts", pa.concat_tables(parts))
        self.duckdb.execute(f"create or replace table {name} as select * from parts")
        self.duckdb.unregister("parts")

    def check(self, sql: str, params: Any = None, *, ordered: bool = False, engine: str | None = "locality") -> Profile:
        """Asserts that both give the same answer, by ``engine`` unless None; returns Locality's profile.

        What the installed version of DuckDB means otherwise is its own to answer. Where DuckDB raises an error,
        Locality must raise QueryError: then the profile is that of no engine.
        """
        wanted = self.ask_duckdb(sql, params)
        got, profile = self.ask_locality(sql, params)
        context = f"{sql}\nparameters {params}, engine {profile.engine}: {profile.reason}"
        assert bool(got.error) == bool(wanted.error), f"{context}\n{got.error or 'rows'} for {wanted.error or 'rows'}"
        assert got.names == wanted.names, context
        assert got.types == wanted.types, context
        difference = compare(got.table, wanted.table, ordered)
        assert not difference, f"{context}\n{difference}"
        if engine is not None and not wanted.error:
            assert profile.engine == engine or is_its_own(profile.reason), context
        return profile

    def ask_duckdb(self, sql: str, params: Any = None) -> Answer:
        try:
            if not IS_2 and not sql.lstrip().lower().startswith(("select", "with", "from", "values", "(")):
                done = self.duckdb.execute(sql, params)  # con.sql gives nothing then
                return Answer(*zip(*((c[0], str(c[1])) for c in done.description), strict=True), done.to_arrow_table())
            relation = self.duckdb.sql(sql, params=params)
            table = relation.to_arrow_table()
        except duckdb.Error as error:
            return Answer.of_error(error)
        return Answer(tuple(relation.columns), tuple(str(dtype) for dtype in relation.types), table)

    def ask_locality(self, sql: str, params: Any = None) -> tuple[Answer, Profile]:
        try:
            result = self.locality.sql(sql, params)
        except QueryError as error:
            return Answer.of_error(error), Profile(engine="none", reason=str(error))
        return Answer(tuple(result.columns), tuple(result.types), result.to_arrow_table()), result.profile

    def close(self) -> None:
        self.locality.close()
        self.duckdb.close()

    def __enter__(self) -> Pair:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def compare(got: pa.Table, wanted: pa.Table, ordered: bool) -> str:
    """What differs, or an empty text. Rows are in order, or a multiset."""
    if got.schema.types != wanted.schema.types:
        return f"Arrow types {got.schema.types} for {wanted.schema.types}"
    if got.num_rows != wanted.num_rows:
        return f"{got.num_rows} rows for {wanted.num_rows}: {_rows(got.slice(0, 3))} for {_rows(wanted.slice(0, 3))}"
    if all(map(_equal_columns, got.columns, wanted.columns)):
        return ""
    mine, theirs = _rows(got), _rows(wanted)
    if not ordered:
        mine, theirs = sorted(mine, key=_sort_key), sorted(theirs, key=_sort_key)
    for number, pair in enumerate(zip(mine, theirs, strict=True)):
        if not all(map(_equal, *pair)):
            return f"row {number} of {len(mine)}: {pair[0]} for {pair[1]}"
    return ""


def _rows(table: pa.Table) -> list[Row]:
    return list(zip(*(_as_python(column).to_pylist() for column in table.columns), strict=True))


def _as_python(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Dates and timestamps as numbers, since Python's own types end at the year 9999."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.int64())
    return column.cast(pa.int32()) if pa.types.is_date32(column.type) else column


def _equal_columns(mine: pa.ChunkedArray, theirs: pa.ChunkedArray) -> bool:
    """Whether whole columns are equal row by row, NaN being equal to NaN."""
    if not pa.types.is_floating(mine.type):
        return bool(mine.equals(theirs))
    nulls, other_nulls = mine.is_null().to_numpy(), theirs.is_null().to_numpy()
    return np.array_equal(nulls, other_nulls) and np.allclose(
        mine.fill_null(0).to_numpy(), theirs.fill_null(0).to_numpy(), rtol=TOLERANCE, atol=0, equal_nan=True
    )


def _equal(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, float) and isinstance(theirs, float):
        if math.isnan(mine) or math.isnan(theirs):
            return math.isnan(mine) and math.isnan(theirs)
        return mine == theirs or math.isclose(mine, theirs, rel_tol=TOLERANCE)
    return bool(mine == theirs)


def _sort_key(row: Row) -> tuple[Any, ...]:
    """Exact values first, so that floats that differ in the last digits hardly decide about the order."""
    exact = tuple(repr(value) for value in row if not isinstance(value, float))
    floats = tuple((math.isnan(v), 0.0 if math.isnan(v) else v) for v in row if isinstance(v, float))
    return exact, floats


def reason_matches(profile: Profile, patterns: Iterable[str]) -> bool:
    """Whether the reason why DuckDB answered is one of those that are expected."""
    return any(re.search(pattern, profile.reason) for pattern in patterns)
