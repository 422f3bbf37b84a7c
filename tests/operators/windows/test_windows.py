"""Window functions over small relations, against every row looking at all rows of its partition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from locality.errors import Unsupported
from locality.operators.windows import ordered
from locality.plan.expressions import Call, Case, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import Aggregate, Filter, Node, Project, Scan, Window
from locality.plan.windows import Bound, Frame, WindowCall
from locality.types import BIGINT, BOOLEAN, DOUBLE, HUGEINT, VARCHAR, DataType
from tests.operators.checks import check
from tests.operators.relations import relation, run

TYPES = (BIGINT, BIGINT, VARCHAR, DOUBLE, BIGINT)
SCAN = Scan("t", (0, 1, 2, 3, 4), TYPES)
N, K, S, X, ID = (ColumnRef(i, dtype) for i, dtype in enumerate(TYPES))
ONE, TWO = Constant(1, BIGINT), Constant(2, BIGINT)
WHOLE = Frame("range", Bound("unbounded preceding"), Bound("unbounded following"))
RUNNING = Frame("range", Bound("unbounded preceding"), Bound("current row"))


def _part(seed: int, rows: int, nulls: float) -> pa.Table:
    """``k`` and ``s`` have few values, ``x`` sums exactly, ``id`` is unique and not in order."""
    rng = np.random.default_rng(seed)

    def mask() -> Any:
        return rng.random(rows) < nulls

    return pa.table(
        {
            "n": pa.array(rng.integers(-50, 50, rows), mask=mask()),
            "k": pa.array(rng.integers(0, 6, rows), mask=mask()),
            "s": pa.array(np.array(["", "a", "é"])[rng.integers(0, 3, rows)], pa.string(), mask=mask()),
            "x": pa.array(rng.integers(-20, 20, rows) / 4, mask=mask()),
            "id": pa.array(rng.permutation(rows) + 1000 * seed),
        }
    )


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions in parts of a few rows each, which are otherwise computed in one."""
    monkeypatch.setattr(ordered, "_SHARD_ROWS", 8)


TABLES = {
    "some": [_part(0, 23, 0.2), _part(1, 12, 0.0)],
    "NULLs": [_part(2, 7, 1.0)],
    "one": [_part(3, 1, 0.0)],
    "none": [_part(4, 0, 0.0)],
}


def shift(sign: str, key: Expression, distance: int) -> Expression:
    return Call(sign, (key, Constant(distance, key.type)), key.type)


def bounds(unit: Any, start: Any, end: Any) -> Frame:
    return Frame(unit, *(Bound(end) if isinstance(end, str) else Bound(end[0], end[1]) for end in (start, end)))


#: Frames by name; those of a range have keys that are K.
FRAMES: dict[str, Frame] = {
    "whole": WHOLE,
    "running": RUNNING,
    "rest": bounds("range", "current row", "unbounded following"),
    "running rows": bounds("rows", "unbounded preceding", "current row"),
    "rows around": bounds("rows", ("preceding", TWO), ("following", ONE)),
    "rows before": bounds("rows", ("preceding", Constant(5, BIGINT)), ("preceding", TWO)),
    "rows after": bounds("rows", ("following", ONE), "unbounded following"),
    "groups around": bounds("groups", ("preceding", ONE), ("following", ONE)),
    "groups before": bounds("groups", "unbounded preceding", ("preceding", ONE)),
    "groups after": bounds("groups", ("following", ONE), ("following", TWO)),
    "range around": bounds("range", ("preceding", shift("-", K, 1)), ("following", shift("+", K, 2))),
    "range before": bounds("range", ("preceding", shift("-", K, 3)), ("preceding", shift("-", K, 1))),
    "range after": bounds("range", ("following", shift("+", K, 1)), "unbounded following"),
}
EXCLUDES = ("no others", "current row", "group", "ties")
CALLS: dict[str, tuple[tuple[Expression, ...], DataType]] = {
    "row_number": ((), BIGINT),
    "rank": ((), BIGINT),
    "dense_rank": ((), BIGINT),
    "percent_rank": ((), DOUBLE),
    "cume_dist": ((), DOUBLE),
    "ntile": ((Constant(3, BIGINT),), BIGINT),
    "lag": ((N,), BIGINT),
    "lead": ((S, TWO, Constant("none", VARCHAR)), VARCHAR),
    "first_value": ((N,), BIGINT),
    "last_value": ((S,), VARCHAR),
    "nth_value": ((X, TWO), DOUBLE),
    "count_star": ((), BIGINT),
    "count": ((N,), BIGINT),
    "sum": ((N,), HUGEINT),
    "avg": ((N,), DOUBLE),
    "min": ((S,), VARCHAR),
    "max": ((N,), BIGINT),
}
PARTITIONS: dict[str, tuple[Expression, ...]] = {"all": (), "strings": (S,), "two": (S, K)}
ORDERS: dict[str, tuple[SortKey, ...]] = {
    "rows": (),
    "peers": (SortKey(K),),
    "peers descending": (SortKey(K, descending=True, nulls_first=True),),
    "unique": (SortKey(K, nulls_first=True), SortKey(ID, descending=True)),
}


def windowed(*calls: WindowCall) -> Node:
    return Window(SCAN, calls)


def call(name: str, frame: Frame = RUNNING, **options: Any) -> WindowCall:
    args, dtype = CALLS[name]
    return WindowCall(name, args, dtype, options.pop("partitions", ()), options.pop("keys", ()), frame, **options)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("partitions", PARTITIONS)
def test_functions(partitions: str, order: str, table: str) -> None:
    wanted = [call(name, partitions=PARTITIONS[partitions], keys=ORDERS[order]) for name in CALLS]
    check(windowed(*wanted), {"t": TABLES[table]})


def _framed(name: str, frame: str, order: str, exclude: Any) -> list[WindowCall]:
    """The calls that see a frame; a range's bounds are those of an ascending key or of a descending one."""
    chosen = FRAMES[frame]
    if order == "peers descending" and chosen.unit == "range":
        chosen = Frame("range", *(_mirrored(bound) for bound in (chosen.start, chosen.end)))
    return [call(name, chosen, partitions=(S,), keys=ORDERS[order], exclude=exclude)]


def _mirrored(bound: Bound) -> Bound:
    if not isinstance(bound.offset, Call):
        return bound
    return Bound(bound.kind, Call("+" if bound.offset.name == "-" else "-", bound.offset.args, bound.offset.type))


SEEING = [
    name for name in CALLS if name.endswith("_value") or name in ("count_star", "count", "sum", "avg", "min", "max")
]


@pytest.mark.parametrize("exclude", EXCLUDES)
@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("order", ["peers", "peers descending"])
def test_frames(order: str, frame: str, exclude: str) -> None:
    calls = [made for name in SEEING for made in _framed(name, frame, order, exclude)]
    check(windowed(*calls), {"t": TABLES["some"]})


@pytest.mark.parametrize("table", [name for name in TABLES if name != "some"])
@pytest.mark.parametrize("frame", FRAMES)
def test_frames_of_few_rows(frame: str, table: str) -> None:
    calls = [made for name in SEEING for made in _framed(name, frame, "peers", "no others")]
    check(windowed(*calls), {"t": TABLES[table]})


@pytest.mark.parametrize("frame", ["running rows", "rows around", "groups around"])
def test_filters_and_ignored_nulls(frame: str) -> None:
    positive = Call(">", (N, Constant(0, BIGINT)), BOOLEAN)
    keys = ORDERS["unique"]
    filtered = [call(name, FRAMES[frame], keys=keys, filter=positive) for name in ("count", "sum", "min", "count_star")]
    ignoring = [
        call(name, FRAMES[frame], keys=keys, partitions=(S,), ignore_nulls=True)
        for name in ("first_value", "last_value", "nth_value", "lag", "lead")
    ]
    check(windowed(*filtered, *ignoring), {"t": TABLES["some"]})


def test_offsets_and_defaults_of_each_row() -> None:
    small = Case(((Call("is null", (K,), BOOLEAN), ONE),), K, BIGINT)
    calls = [
        WindowCall("lag", (N, Call("-", (small, TWO), BIGINT), ID), BIGINT, (S,), ORDERS["unique"], RUNNING),
        WindowCall("lead", (N, small), BIGINT, (), ORDERS["unique"], RUNNING),
        WindowCall("ntile", (Call("+", (small, ONE), BIGINT),), BIGINT, (S,), ORDERS["unique"], RUNNING),
        WindowCall("nth_value", (S, small), VARCHAR, (), ORDERS["unique"], RUNNING),
        WindowCall("sum", (N,), HUGEINT, (), ORDERS["unique"], bounds("rows", ("preceding", small), "current row")),
    ]
    check(windowed(*calls), {"t": TABLES["some"]})


def test_what_reads_a_window_and_what_a_window_reads() -> None:
    number = call("row_number", partitions=(S,), keys=ORDERS["unique"])
    total = call("sum", partitions=(S,), keys=ORDERS["peers"])
    both = windowed(number, total)
    rank, sums, lagged = ColumnRef(5, BIGINT), ColumnRef(6, HUGEINT), ColumnRef(6, BIGINT)
    nodes = [
        Filter(both, Call("<=", (rank, TWO), BOOLEAN)),
        Project(both, (Call("+", (rank, N), BIGINT), S)),
        Aggregate(windowed(call("max", partitions=(S,)), call("lag", keys=ORDERS["unique"])), (rank, lagged), ()),
        Aggregate(both, (rank,), ()),
        Window(both, (WindowCall("max", (rank,), BIGINT, (sums,), (), WHOLE),)),
        Window(Filter(SCAN, Call(">", (N, Constant(0, BIGINT)), BOOLEAN)), (number,)),
    ]
    for node in nodes:
        check(node, {"t": TABLES["some"]})


def test_frames_as_machine_code() -> None:
    names = ("nth_value", "count", "sum", "max")
    calls = [made for name in names for made in _framed(name, "range around", "peers", "ties")]
    check(windowed(*calls), {"t": [_part(5, 300, 0.1)]}, interpret=False, threads=2)


REFUSED: dict[str, WindowCall] = {
    "window function fill": WindowCall("fill", (N,), BIGINT, (), (), RUNNING),
    r"sum\(DISTINCT ...\) over a window": call("sum", distinct=True),
    "negative or unknown number of rows": call("sum", bounds("rows", ("preceding", N), "current row")),
    "negative or unknown distance": call(
        "sum", bounds("range", ("preceding", shift("+", K, 1)), "current row"), keys=ORDERS["peers"]
    ),
    "a range of BIGINT up to DOUBLE": call(
        "sum", bounds("range", ("preceding", X), "current row"), keys=ORDERS["peers"]
    ),
    "ntile of no tiles": WindowCall("ntile", (Constant(0, BIGINT),), BIGINT, (), (), RUNNING),
    "sum of VARCHAR over a window": WindowCall("sum", (S,), HUGEINT, (), (), RUNNING),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_refusals(reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        run(windowed(REFUSED[reason]), relation(TABLES["some"]))
