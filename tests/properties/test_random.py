"""Random queries over random tables, against DuckDB; whatever Locality leaves to DuckDB has a reason that is known."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pyarrow as pa
import pytest

from tests.properties.data import KINDS, NULLS, Kind, random_table
from tests.properties.effort import examples
from tests.properties.interpreted import interpreted_kernels
from tests.properties.oracle import Pair, reason_matches
from tests.properties.queries import Queries, columns_of

#: Why DuckDB may answer a random query: what our operators do not claim to do. Anything else is a defect.
EXPECTED_REASONS = (
    "row-by-row access to values of",  # of more than 63 bits, where they are computed with
    "comparison of strings of two columns",
    "Overflow|out of range|[Cc]onversion",  # DuckDB has to say whether it is an error
    "keys",
)
_QUERIES = 5


def random_parts(source: random.Random, kinds: list[Kind], rows: Sequence[int]) -> list[pa.Table]:
    """The tables of one to three ingests, each with its own sizes, values and share of NULLs."""
    pieces = source.choice((1, 1, 2, 3))
    return [
        random_table(source, source.choice(rows), kinds, [source.choice(tuple(NULLS)) for _ in kinds])
        for _ in range(pieces)
    ]


def check_random_queries(source: random.Random, rows: Sequence[int]) -> None:
    """A few queries over one random table, whose ingests have some of these numbers of rows."""
    kinds = source.sample(KINDS, source.randint(2, 6))
    with Pair() as pair:
        pair.load("t", random_parts(source, kinds, rows))
        columns = columns_of(pair.duckdb, "t", {f"c{i}": kind for i, kind in enumerate(kinds)})
        queries = Queries(source, "t", columns)
        for _ in range(_QUERIES):
            query = queries.query()
            profile = pair.check(query.sql, ordered=query.ordered, engine=None)
            if profile.engine == "duckdb":
                assert reason_matches(profile, EXPECTED_REASONS), f"{query.sql}\n{profile.reason}"


@pytest.mark.parametrize("seed", range(examples(60)))
def test_random_queries_with_interpreted_kernels(seed: int) -> None:
    with interpreted_kernels():
        check_random_queries(random.Random(seed), (0, 1, 2, 10, 60, 200))


@pytest.mark.parametrize("seed", range(examples(4)))
def test_random_queries_with_compiled_kernels(seed: int) -> None:
    check_random_queries(random.Random(seed), (900, 5000, 20_000))
