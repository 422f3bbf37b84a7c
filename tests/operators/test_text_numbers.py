"""Groups and distinct values of strings without a dictionary, in several parts and chunks: DuckDB's answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from locality.encodings import EncodedColumn
from locality.operators.aggregation import textkeys
from locality.operators.physical import Execution
from locality.operators.relations import textnumbers
from locality.operators.relations.textnumbers import TextNumbers, number_distinct
from tests.properties.oracle import Pair

#: The first row of '' is behind one of NULL, under which there is no text either.
ROWS = """
select
    case when i % 50 = 0 then null when i % 7 = 0 then ''
        else repeat(chr((945 + i % 3)::int), i % 11) || (i * 7919 % 9001) end as word,
    case when i % 41 = 5 then null else 'https://example.com/' || (i * 31 % 6007) end as page,
    i % 13 as kind
from range(14000) as r(i)
"""


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair(threads=2) as made:
        made.load("t", [made.duckdb.sql(ROWS).to_arrow_table()])
        yield made


@pytest.mark.parametrize("sql", [
    "select word, count(*), min(kind) from t group by word",
    "select count(distinct word), count(distinct page) from t",
    "select kind, count(distinct page) from t where kind <> 4 group by kind",
    "select page, kind, count(word) from t group by page, kind",
    "select page, word from t group by page, word having count(*) > 1",
    "select distinct page from t",
])  # fmt: skip
def test_strings_are_grouped_as_duckdb_groups_them(pair: Pair, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textnumbers, "_CHUNK_ROWS", 5000)
    monkeypatch.setattr(textnumbers, "_PART_ROWS", 1000)
    numbered = []

    def number(column: EncodedColumn, execution: Execution) -> TextNumbers:
        numbered.append(number_distinct(column, execution))
        return numbered[-1]

    monkeypatch.setattr(textkeys, "number_distinct", number)
    pair.check(sql)
    assert numbered
