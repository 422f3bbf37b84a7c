"""Every family of kernels, compiled and interpreted, over segments of every encoding, against SQL by the book."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from locality.operators.relations.relation import Relation
from locality.plan.expressions import AggregateCall, Call, Case, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import Aggregate, Filter, Limit, Node, Project, Scan, Sort
from locality.types import BIGINT, BOOLEAN, DOUBLE, HUGEINT, VARCHAR, DataType
from tests.operators import naive
from tests.operators.relations import relation, run
from tests.properties.interpreted import interpreted_kernels

TYPES = (BIGINT, BIGINT, DOUBLE, VARCHAR, BOOLEAN)
N, K, X, S, B = (ColumnRef(i, dtype) for i, dtype in enumerate(TYPES))
SCAN = Scan("t", tuple(range(len(TYPES))), TYPES)


def _part(seed: int, rows: int, nulls: float) -> pa.Table:
    """``n`` is spread, ``k`` has few values, ``x`` has special values, ``s`` and ``b`` are what they are."""
    rng = np.random.default_rng(seed)
    reals = np.array([0.0, -0.0, 1.5, -2.25, 1e3, math.inf, -math.inf, math.nan])

    def mask() -> Any:
        return rng.random(rows) < nulls

    words = np.array(["", "a", "ab", "b", "zebra", "é", f"only {seed}"])
    return pa.table(
        {
            "n": pa.array(rng.integers(-1000, 1000, rows) * (seed + 1), mask=mask()),
            "k": pa.array(np.sort(rng.integers(0, 4, rows)) * 5 - 5, mask=mask()),
            "x": pa.array(reals[rng.integers(0, 5 if seed == 0 else 8, rows)], mask=mask(), from_pandas=False),
            "s": pa.array(words[rng.integers(0, len(words), rows)], pa.string(), mask=mask()),
            "b": pa.array(rng.random(rows) < 0.5, mask=mask()),
        }
    )


@pytest.fixture(scope="module")
def parts() -> list[pa.Table]:
    """Segments with and without NULLs, one of NULLs alone, one row, none."""
    return [_part(0, 70, 0.0), _part(1, 40, 0.3), _part(2, 9, 1.0), _part(3, 1, 0.0), _part(4, 0, 0.0)]


@pytest.fixture(scope="module")
def source(parts: list[pa.Table]) -> Relation:
    return relation(parts)


def call(name: str, *args: Expression, dtype: DataType = BOOLEAN) -> Call:
    return Call(name, args, dtype)


def integer(number: int) -> Constant:
    return Constant(number, BIGINT)


def aggregate(name: str, *args: Expression, dtype: DataType, where: Expression | None = None) -> AggregateCall:
    return AggregateCall(name, args, dtype, filter=where)


FILTERS: dict[str, Expression] = {
    "codes": call("<", N, integer(100)),
    "few values": call("in", K, integer(5), integer(77), Constant(None, BIGINT)),
    "not in with NULL": call("not", call("in", K, integer(5), Constant(None, BIGINT))),
    "null": call("is null", S),
    "string": call(">=", S, Constant("ab", VARCHAR)),
    "float": call(">", X, Constant(1.5, DOUBLE)),
    "nan": call("=", X, Constant(math.nan, DOUBLE)),
    "boolean": B,
    "not boolean": call("not", B),
    "two columns": call("<=", N, K),
    "or": call("or", call("=", K, integer(0)), call(">", X, Constant(0.0, DOUBLE))),
    "and not": call("and", call("not", call("and", B, call("<", N, integer(0)))), call("<>", K, integer(10))),
    "distinct": call("is distinct from", K, integer(5)),
    "case": Case(((B, call(">", N, integer(0))),), call("is null", K), BOOLEAN),
    "none": call(">", N, integer(10**6)),
    "all": call("or", call("is null", N), call("is not null", N)),
}
COMPUTED: tuple[Expression, ...] = (
    call("+", N, call("*", K, integer(3), dtype=BIGINT), dtype=BIGINT),
    call("-", X, Constant(0.5, DOUBLE), dtype=DOUBLE),
    call("coalesce", N, K, integer(-1), dtype=BIGINT),
    Case(((call("<", K, integer(5)), N), (B, K)), integer(0), BIGINT),
    call("<", N, K),
    call("and", B, call("is not null", X)),
)
TOTALS = (
    aggregate("count_star", dtype=BIGINT),
    aggregate("count", N, dtype=BIGINT),
    aggregate("sum", N, dtype=HUGEINT),
    aggregate("avg", N, dtype=DOUBLE),
    aggregate("min", N, dtype=BIGINT),
    aggregate("max", X, dtype=DOUBLE),
    aggregate("min", X, dtype=DOUBLE),
    aggregate("min", S, dtype=VARCHAR),
    aggregate("max", S, dtype=VARCHAR),
    aggregate("count_star", dtype=BIGINT, where=B),
    aggregate("sum", K, dtype=HUGEINT, where=call(">", N, integer(0))),
)
#: Too far apart to be numbered densely.
SCATTERED = call("*", N, integer(10**12), dtype=BIGINT)
WHERE = Filter(SCAN, call("<", N, integer(500)))
EVERY_KEY = tuple(SortKey(e) for e in (N, K, X, S, B))
PLANS: dict[str, Node] = {
    "scan": SCAN,
    "project": Project(WHERE, COMPUTED),
    "total": Aggregate(SCAN, (), TOTALS),
    "total of few": Aggregate(WHERE, (), TOTALS),
    "total of none": Aggregate(Filter(SCAN, FILTERS["none"]), (), TOTALS),
    "total of computed": Aggregate(SCAN, (), (aggregate("sum", COMPUTED[0], dtype=HUGEINT),)),
    "group by few": Aggregate(SCAN, (K,), TOTALS),
    "group by string": Aggregate(WHERE, (S,), TOTALS[:5]),
    "group by boolean": Aggregate(SCAN, (B,), TOTALS[:2]),
    "group by two": Aggregate(SCAN, (S, K), (aggregate("count_star", dtype=BIGINT),)),
    "group by expression": Aggregate(SCAN, (COMPUTED[3],), (aggregate("count_star", dtype=BIGINT),)),
    "group by float": Aggregate(SCAN, (X,), (aggregate("count", N, dtype=BIGINT),)),
    "group by scattered values": Aggregate(SCAN, (SCATTERED,), TOTALS),
    "group by scattered values and floats": Aggregate(WHERE, (SCATTERED, X, S), TOTALS[:3]),
    "distinct": Aggregate(WHERE, (K, B), ()),
    "distinct of scattered values": Aggregate(SCAN, (SCATTERED, B), ()),
    "group of groups": Aggregate(
        Aggregate(SCAN, (K,), (aggregate("count_star", dtype=BIGINT),)),
        (),
        (aggregate("sum", ColumnRef(1, BIGINT), dtype=HUGEINT),),
    ),
    "having": Filter(
        Aggregate(SCAN, (S,), (aggregate("count", N, dtype=BIGINT),)), call(">", ColumnRef(1, BIGINT), integer(3))
    ),
}
ORDERED: dict[str, Node] = {
    "sort": Sort(SCAN, EVERY_KEY),
    "sort descending": Sort(WHERE, (SortKey(X, True, True), SortKey(N, True), *EVERY_KEY[1:])),
    "top": Limit(Sort(SCAN, EVERY_KEY), 7),
    "top, NULLs first": Limit(Sort(SCAN, (SortKey(K, False, True), *EVERY_KEY)), 30),
    "top, descending": Limit(Sort(WHERE, (SortKey(S, True), SortKey(K, True, True), *EVERY_KEY)), 12, 5),
    "top of floats": Limit(Sort(SCAN, (SortKey(X, True), *EVERY_KEY)), 9),
    "top of nothing": Limit(Sort(SCAN, EVERY_KEY), 0),
    "top of projection": Limit(
        Sort(
            Project(SCAN, (COMPUTED[0], N, K)),
            (SortKey(ColumnRef(0, BIGINT)), *(SortKey(ColumnRef(i, BIGINT)) for i in (1, 2))),
        ),
        10,
    ),
    "limit": Limit(SCAN, 60, 50),
    "offset": Limit(WHERE, None, 33),
    "limit past the end": Limit(SCAN, 10, 1000),
}


def _rows(parts: list[pa.Table]) -> list[naive.Row]:
    return list(zip(*(column.to_pylist() for column in pa.concat_tables(parts).columns), strict=True))


def _same(mine: Any, theirs: Any) -> bool:
    if isinstance(theirs, float) and mine is not None:
        return (math.isnan(mine) and math.isnan(theirs)) or mine == theirs or math.isclose(mine, theirs, rel_tol=1e-12)
    return bool(mine == theirs)


def _order(row: naive.Row) -> Any:
    return [(item is None, 0 if item is None else -1 if item != item else item, item != item) for item in row]


def check(
    node: Node, source: Relation, parts: list[pa.Table], interpret: bool, ordered: bool, threads: int = 1
) -> None:
    with interpreted_kernels() if interpret else contextlib.nullcontext():
        got = run(node, source, threads)
    wanted = naive.evaluate(node, _rows(parts))
    if not ordered:
        got, wanted = sorted(got, key=_order), sorted(wanted, key=_order)
    assert len(got) == len(wanted)
    for mine, theirs in zip(got, wanted, strict=True):
        assert all(map(_same, mine, theirs)), f"{mine} for {theirs}"


@pytest.mark.parametrize("name", FILTERS)
def test_filters(source: Relation, parts: list[pa.Table], name: str) -> None:
    check(Filter(SCAN, FILTERS[name]), source, parts, True, ordered=True)


@pytest.mark.parametrize("name", PLANS)
def test_plans(source: Relation, parts: list[pa.Table], name: str) -> None:
    check(PLANS[name], source, parts, True, ordered=False)


@pytest.mark.parametrize("name", ORDERED)
def test_ordered_plans(source: Relation, parts: list[pa.Table], name: str) -> None:
    check(ORDERED[name], source, parts, True, ordered=True)


@pytest.mark.parametrize(
    "name",
    ["project", "total of few", "group by few", "group by scattered values and floats", "distinct", "top", "sort"],
)
def test_plans_as_machine_code(parts: list[pa.Table], name: str) -> None:
    """One of each family: what else is compiled is compared with DuckDB's answers."""
    few = parts[:2]
    node = ORDERED.get(name) or PLANS[name]
    check(node, relation(few), few, False, ordered=name in ORDERED)


@pytest.mark.parametrize("name", ["total", "group by few", "project"])
def test_plans_with_several_threads(source: Relation, parts: list[pa.Table], name: str) -> None:
    check(PLANS[name], source, parts, True, ordered=False, threads=3)


@pytest.mark.parametrize("name", ["project", "total", "group by string", "having"])
def test_plans_over_no_rows(parts: list[pa.Table], name: str) -> None:
    nothing = [parts[0].slice(0, 0)]
    check(PLANS[name], relation(nothing), nothing, True, ordered=False)
