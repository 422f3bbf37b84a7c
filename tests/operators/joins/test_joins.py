"""Joins of every kind over small relations of several segments, against every pair of rows looked at."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest

from locality.errors import Unsupported
from locality.operators.relations.relation import Relation
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant, Expression
from locality.plan.nodes import Aggregate, Filter, Join, JoinKey, JoinKind, Node, Project, Scan
from locality.types import BIGINT, BOOLEAN, HUGEINT, INTEGER, VARCHAR
from tests.operators import naive
from tests.operators.relations import relation, run
from tests.properties.interpreted import interpreted_kernels

TYPES = (BIGINT, INTEGER, VARCHAR, BIGINT)
LEFT, RIGHT = Scan("l", (0, 1, 2, 3), TYPES), Scan("r", (0, 1, 2, 3), TYPES)
WORDS = ["", "a", "ab", "b", "zebra", "é"]
KINDS: tuple[JoinKind, ...] = get_args(JoinKind)


def _part(seed: int, rows: int, spread: int, nulls: float) -> pa.Table:
    """``id`` is unique and ascending, ``k`` is neither, ``s`` has few values, ``v`` is what is left to compare."""
    rng = np.random.default_rng(seed)

    def mask() -> Any:
        return rng.random(rows) < nulls

    ids = np.sort(rng.permutation(2 * rows)[:rows]) + 1000 * seed
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "k": pa.array(rng.integers(-spread, spread, rows), pa.int32(), mask=mask()),
            "s": pa.array(np.array(WORDS)[rng.integers(seed % 3, len(WORDS), rows)], pa.string(), mask=mask()),
            "v": pa.array(rng.integers(0, 5, rows), mask=mask()),
        }
    )


SIDES: dict[str, tuple[list[pa.Table], list[pa.Table]]] = {
    "both": ([_part(0, 40, 9, 0.2), _part(1, 25, 9, 0.0)], [_part(0, 30, 9, 0.2), _part(1, 7, 9, 0.5)]),
    "no left rows": ([_part(0, 0, 9, 0.0)], [_part(0, 9, 9, 0.2)]),
    "no right rows": ([_part(0, 9, 9, 0.2)], [_part(0, 0, 9, 0.0)]),
    "right of NULLs": ([_part(0, 9, 9, 0.2)], [_part(0, 5, 9, 1.0)]),
    "one right row": ([_part(0, 30, 3, 0.2)], [_part(0, 1, 3, 0.0)]),
}


def key(left: int, right: int, null_safe: bool = False) -> JoinKey:
    return JoinKey(ColumnRef(left, TYPES[left]), ColumnRef(right, TYPES[right]), null_safe)


def shifted(column: int) -> Expression:
    return Call("+", (ColumnRef(column, BIGINT), Constant(1, BIGINT)), BIGINT)


KEYS: dict[str, tuple[JoinKey, ...]] = {
    "unique": (key(0, 0),),
    "unique on the right": (key(3, 0),),
    "repeated": (key(1, 1),),
    "strings": (key(2, 2),),
    "null-safe": (key(1, 1, True),),
    "null-safe strings": (key(2, 2, True),),
    "two": (key(1, 1), key(2, 2)),
    "two, one null-safe": (key(1, 1), key(2, 2, True)),
    "unique and another": (key(0, 0), key(2, 2)),
    "computed": (JoinKey(shifted(3), shifted(3)),),
    "none": (),
}
CONDITIONS: dict[str, Expression | None] = {
    "no condition": None,
    "left below right": Call("<", (ColumnRef(3, BIGINT), ColumnRef(7, BIGINT)), BOOLEAN),
    "differing strings": Call("<>", (ColumnRef(2, VARCHAR), ColumnRef(6, VARCHAR)), BOOLEAN),
}


def _rows(parts: Sequence[pa.Table]) -> list[naive.Row]:
    return list(zip(*(column.to_pylist() for column in pa.concat_tables(parts).columns), strict=True))


def _order(row: naive.Row) -> list[tuple[bool, Any]]:
    return [(item is None, 0 if item is None else item) for item in row]


def check(node: Node, sides: tuple[list[pa.Table], list[pa.Table]], interpret: bool = True, threads: int = 1) -> None:
    relations: dict[str, Relation] = {"l": relation(sides[0]), "r": relation(sides[1])}
    try:
        wanted = naive.evaluate(node, {"l": _rows(sides[0]), "r": _rows(sides[1])})
    except ValueError:
        with pytest.raises(Unsupported, match="more than one row"):
            run(node, relations, threads)
        return
    with interpreted_kernels() if interpret else contextlib.nullcontext():
        got = run(node, relations, threads)
    assert sorted(got, key=_order) == sorted(wanted, key=_order)


def _can_mark(keys: tuple[JoinKey, ...], condition: Expression | None) -> bool:
    """Columns other than the first have NULLs."""
    return condition is None and sum(key.left != ColumnRef(0, BIGINT) and not key.null_safe for key in keys) < 2


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind: JoinKind, keys: str, condition: str) -> None:
    join = Join(LEFT, RIGHT, kind, KEYS[keys], CONDITIONS[condition])
    if kind == "mark" and not _can_mark(join.keys, join.residual):
        with pytest.raises(Unsupported, match="mark join"):
            check(join, SIDES["both"])
        return
    check(join, SIDES["both"])


@pytest.mark.parametrize("sides", [name for name in SIDES if name != "both"])
@pytest.mark.parametrize("keys", ["unique", "repeated", "strings", "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_few_rows(kind: JoinKind, keys: str, sides: str) -> None:
    if kind == "mark" and not _can_mark(KEYS[keys], None):
        return
    check(Join(LEFT, RIGHT, kind, KEYS[keys]), SIDES[sides])


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("keys", [name for name in KEYS if name != "none"])
@pytest.mark.parametrize("kind", ["semi", "anti"])
def test_backward(kind: JoinKind, keys: str, sides: str) -> None:
    join = Join(LEFT, Filter(RIGHT, _at_most(3)), kind, KEYS[keys], backward=True)
    check(join, SIDES[sides])
    check(Filter(join, _at_most(2)), SIDES[sides], threads=2)
    check(Join(join, RIGHT, "inner", KEYS["unique"]), SIDES[sides])


def _above(join: Join) -> dict[str, Node]:
    """What reads the rows of an inner or left join: a filter of either side, a computation, an aggregation."""
    n, s = ColumnRef(3, BIGINT), ColumnRef(6, VARCHAR)
    near = Call("<", (n, Constant(3, BIGINT)), BOOLEAN)
    missing = Call("is null", (ColumnRef(4, BIGINT),), BOOLEAN)
    named = Call(">", (s, Constant("a", VARCHAR)), BOOLEAN)
    total = Call("+", (n, ColumnRef(7, BIGINT)), BIGINT)
    calls = (AggregateCall("count_star", (), BIGINT), AggregateCall("sum", (ColumnRef(7, BIGINT),), HUGEINT))
    return {
        "left filter": Filter(join, near),
        "right filter": Filter(join, named),
        "missing": Filter(join, missing),
        "both filters": Filter(join, Call("and", (near, named), BOOLEAN)),
        "sum": Project(join, (total, s)),
        "total": Aggregate(join, (), calls),
        "groups": Aggregate(Filter(join, near), (s,), calls),
        "groups of both": Aggregate(join, (ColumnRef(1, INTEGER), s), calls),
    }


@pytest.mark.parametrize("above", _above(Join(LEFT, RIGHT, "inner", ())))
@pytest.mark.parametrize("keys", ["unique", "repeated"])
@pytest.mark.parametrize("kind", ["inner", "left", "full"])
def test_what_reads_a_join(kind: JoinKind, keys: str, above: str) -> None:
    check(_above(Join(LEFT, RIGHT, kind, KEYS[keys]))[above], SIDES["both"])


@pytest.mark.parametrize("above", ["both filters", "groups"])
def test_links_as_machine_code(above: str) -> None:
    check(_above(Join(LEFT, RIGHT, "inner", KEYS["unique"]))[above], SIDES["both"], interpret=False, threads=3)


@pytest.mark.parametrize("kinds", [("inner", "inner"), ("inner", "left"), ("left", "anti"), ("semi", "inner")])
@pytest.mark.parametrize("second", ["unique", "repeated"])
def test_joins_of_joins(kinds: tuple[JoinKind, JoinKind], second: str) -> None:
    first = Join(LEFT, RIGHT, kinds[0], KEYS["unique"])
    check(Join(first, Filter(RIGHT, _at_most(2)), kinds[1], KEYS[second]), SIDES["both"])
    check(Join(RIGHT, first, kinds[1], KEYS[second]), SIDES["both"])


def _at_most(value: int) -> Expression:
    return Call("<=", (ColumnRef(3, BIGINT), Constant(value, BIGINT)), BOOLEAN)


def test_a_mark_is_unknown_only_where_null_was_compared() -> None:
    join = Join(LEFT, RIGHT, "mark", KEYS["repeated"])
    for sides in SIDES.values():
        check(join, sides)
        check(Filter(join, ColumnRef(4, BOOLEAN)), sides)
        check(Filter(join, Call("not", (ColumnRef(4, BOOLEAN),), BOOLEAN)), sides)
