"""Random queries over several related tables, against DuckDB; whatever is left to DuckDB has a reason that is known."""

from __future__ import annotations

import random

from hypothesis import event, given, settings
from hypothesis import strategies as st

from locality.runtime.profile import Profile
from tests.properties.effort import examples
from tests.properties.interpreted import interpreted_kernels
from tests.properties.oracle import Pair, reason_matches
from tests.properties.queries import Query
from tests.properties.related import random_tables
from tests.properties.related_queries import RelatedQueries

#: What of these queries DuckDB may answer: what our operators do not claim to do. Anything else is a defect, so take
#: a reason out when an operator comes.
EXPECTED_REASONS = (
    "^a mark join on several keys with NULLs$",
    r"^count\(DISTINCT ...\) of many values",
    "^row-by-row access to values of",  # a union of columns whose codes differ
    r"^function \S+$",  # of strings, over the rows of a shared result
)
_QUERIES = 4


def assert_native(query: Query, profile: Profile) -> None:
    """Locality answered by itself, or left the query to DuckDB for an expected reason, or the query is an error."""
    if profile.engine == "duckdb":
        assert reason_matches(profile, EXPECTED_REASONS), f"{query.sql}\n{profile.reason}"


def check_related_queries(source: random.Random) -> None:
    tables = random_tables(source)
    with Pair(threads=2) as pair:
        for table in tables:
            pair.load(table.name, table.parts)
        queries = RelatedQueries(source, tables)
        for _ in range(_QUERIES):
            query = queries.query()
            if "INTERNAL Error" in pair.ask_duckdb(query.sql).error:
                return  # a defect of DuckDB's, which can't go on after it: an anti join over a full join, for example
            profile = pair.check(query.sql, ordered=query.ordered, engine=None)
            event(f"{profile.engine}: {profile.reason}")
            assert_native(query, profile)


@given(st.randoms(use_true_random=True))
@settings(max_examples=examples(40))
def test_with_interpreted_kernels(source: random.Random) -> None:
    with interpreted_kernels():
        check_related_queries(source)


@given(st.randoms(use_true_random=True))
@settings(max_examples=examples(4))
def test_with_compiled_kernels(source: random.Random) -> None:
    check_related_queries(source)
