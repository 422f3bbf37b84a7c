"""Rows that a query says itself, and unions of inputs, against SQL by the book and against DuckDB."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from locality.operators.union import FEW_ROWS
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, PhysicalValue
from locality.plan.nodes import Aggregate, Filter, Join, JoinKey, Node, Project, Scan, Union, Values
from locality.types import BIGINT, BOOLEAN, DATE, DOUBLE, HUGEINT, INTEGER, VARCHAR, DataType, decimal
from tests.operators.checks import check
from tests.operators.relations import execution, relation, run
from tests.properties.oracle import Pair

TYPES = (BIGINT, VARCHAR, DOUBLE)
SCAN = Scan("t", (0, 1, 2), TYPES)
N, S, X = (ColumnRef(i, dtype) for i, dtype in enumerate(TYPES))
PARTS = [
    pa.table({"n": [1, None, 3], "s": ["a", None, "b"], "x": [0.5, math.nan, None]}),
    pa.table({"n": [10**12, -5], "s": ["", "a"], "x": [math.inf, -0.0]}),
]
ROWS: tuple[tuple[PhysicalValue, ...], ...] = ((7, "zebra", 1.0), (None, None, None), (1, "a", math.nan))
POSITIVE = Filter(SCAN, Call(">", (N, Constant(0, BIGINT)), BOOLEAN))
NOTHING = Filter(SCAN, Call("<", (N, Constant(-(10**6), BIGINT)), BOOLEAN))
INPUTS: dict[str, tuple[Node, ...]] = {
    "table twice": (SCAN, SCAN),
    "table and values": (SCAN, Values(ROWS, TYPES)),
    "filters": (POSITIVE, NOTHING, POSITIVE),
    "nothing": (NOTHING, NOTHING),
    "nothing first": (NOTHING, SCAN),
    "NULLs": (Values(((None, None, None),), TYPES), SCAN),
    "union": (Union((SCAN, POSITIVE)), Values((), TYPES)),
    "groups": (Aggregate(SCAN, (N, S, X), ()), SCAN),
    "computed": (Project(SCAN, (Call("+", (N, Constant(1, BIGINT)), BIGINT), S, X)), SCAN),
}
COUNT = AggregateCall("count_star", (), BIGINT)
READERS = {
    "all": lambda rows: rows,
    "filter": lambda rows: Filter(rows, Call("=", (S, Constant("a", VARCHAR)), BOOLEAN)),
    "count": lambda rows: Aggregate(rows, (), (COUNT, AggregateCall("sum", (N,), HUGEINT))),
    "groups": lambda rows: Aggregate(rows, (S, N), (COUNT,)),
    "join": lambda rows: Join(rows, SCAN, "inner", (JoinKey(S, S),)),
    "right of a join": lambda rows: Join(SCAN, rows, "left", (JoinKey(S, S),)),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("inputs", INPUTS)
def test_unions(inputs: str, reader: str) -> None:
    check(READERS[reader](Union(INPUTS[inputs])), {"t": PARTS})


def test_rows_of_a_union_keep_their_order() -> None:
    rows = run(Union((Values(ROWS[:2], TYPES), SCAN)), relation(PARTS))
    assert [row[0] for row in rows] == [7, None, 1, None, 3, 10**12, -5]


@pytest.mark.parametrize("reader", ["filter", "count", "groups"])
def test_many_rows_stay_where_they_are(reader: str) -> None:
    words = np.array(["a", "b", "c"])
    count = FEW_ROWS // 2 + 1
    part = pa.table({"n": np.arange(count) % 100, "s": words[np.arange(count) % 3], "x": np.arange(count) / 2})
    half = Filter(SCAN, Call("<", (N, Constant(50, BIGINT)), BOOLEAN))
    node = READERS[reader](Union((SCAN, half, SCAN)))
    check(node, {"t": [part]}, interpret=False)


VALUES: dict[str, tuple[DataType, list[PhysicalValue]]] = {
    "booleans": (BOOLEAN, [True, None, False]),
    "integers": (INTEGER, [-(2**31), 2**31 - 1, None]),
    "unsigned": (DataType("UBIGINT"), [2**64 - 1, 0, None]),
    "huge": (HUGEINT, [2**100, -1, None]),
    "decimals": (decimal(10, 2), [125, None, -1]),
    "wide decimals": (decimal(38, 0), [10**37, None, -1]),
    "dates": (DATE, [0, None, -1]),
    "floats": (DataType("FLOAT"), [0.5, None, math.inf]),
    "doubles": (DOUBLE, [0.1, None, -math.inf]),
    "strings": (VARCHAR, ["", None, "é"]),
    "bytes": (DataType("BLOB"), [b"\xff", None, b""]),
    "nothing but NULL": (VARCHAR, [None, None]),
    "no rows": (INTEGER, []),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_have_the_form_of_their_type(name: str) -> None:
    dtype, values = VALUES[name]
    node = Values(tuple((value,) for value in values), (dtype,))
    got = [row[0] for row in run(node, {})]
    plain = [None if v is None else v for v in values]
    if dtype.is_decimal:
        assert [None if v is None else int(v.scaleb(dtype.scale)) for v in got] == plain
    elif dtype == DATE:
        assert [None if v is None else (v.toordinal() - 719163) for v in got] == plain
    else:
        assert got == plain


def test_the_memory_limit_holds_for_unions() -> None:
    from locality.errors import MemoryLimitError
    from locality.operators.union import Union as Operator
    from locality.operators.values import ValuesList

    values = ValuesList(Values(((1,),) * 10_000, (BIGINT,)))
    with execution(memory=100_000) as running, running.account, pytest.raises(MemoryLimitError, match="100,000"):
        Operator((values, values)).execute(running)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as made:
        made.load("t", PARTS)
        yield made


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 + 1 as two, 'a' || 'b', null::integer, date '2024-02-29', 1.5, interval 3 day",
        "select 1 where false",
        "select * from (values (1, 'a', 0.5::double), (null, 'b', 'nan'::double)) v(n, s, x) order by n",
        "select * from t where 1 = 0",
        "select count(*), sum(n) from t where 1 = 0",
        "select n, s from t union all select n, upper(s) from t union all select 5, 'five'",
        "select n, s, x from t union select n, s, x from t",
        "select s from t union select s from t where n > 1 union select 'new'",
        "select s, sum(n) from (select n, s from t union all select n * 2, s from t) group by s",
        "select n from t intersect select n from t where n > 1",
        "select s, x from t except select s, x from t where n = 1",
        "select x from t intersect select -x from t",
        "select n from t where n in (select 1 union all select 3)",
        "select n, (select max(n) from (select n from t union all select 4)) from t",
        "select n from t except select n from t",
        "select t.n, v.b from t join (values (1, true), (3, false)) v(a, b) on t.n = v.a",
    ],
)
def test_duckdb_gives_the_same(sql: str, pair: Pair) -> None:
    pair.check(sql, ordered="order by" in sql)


def test_set_operations_over_drawn_rows(pair: Pair) -> None:
    rng = np.random.default_rng(5)

    def part(rows: int) -> pa.Table:
        mask = rng.random(rows) < 0.2
        words = np.array(["a", "b", "é"])[rng.integers(0, 3, rows)]
        return pa.table({"k": pa.array(rng.integers(0, 4, rows), mask=mask), "w": pa.array(words, mask=mask[::-1])})

    for rows in (0, 1, 30):
        pair.load("l", [part(rows), part(9)])
        pair.load("r", [part(9), part(rows)])
        for operation in ("intersect", "except", "union"):
            pair.check(f"select k, w from l {operation} select k, w from r")
