"""Joins on keys of every kind: floats, raw strings, integers spread over all 64 bits, and several of them at once."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from locality.encodings import EncodedColumn
from locality.operators.relations.relation import Relation
from locality.plan.expressions import ColumnRef
from locality.plan.nodes import Join, JoinKey, JoinKind, Node, Project, Scan
from locality.types import BIGINT, DOUBLE, VARCHAR
from tests.operators import naive
from tests.operators.relations import relation, run, spread
from tests.properties.interpreted import interpreted_kernels

TYPES = (BIGINT, DOUBLE, VARCHAR, BIGINT, BIGINT)
LEFT, RIGHT = Scan("l", (0, 1, 2, 3, 4), TYPES), Scan("r", (0, 1, 2, 3, 4), TYPES)
FLOATS = np.array([0.0, -0.0, 1.5, -1.5, math.nan, -math.nan, math.inf, 1e300])
TEXTS = np.array(["", "a", "ab", "é", "eight by", "eight bytes and more", "eight bytes and some"])
WIDE = np.array([-(2**63) + 1, -1, 0, 7, 2**40, 2**63 - 2])


def _part(seed: int, rows: int, nulls: float) -> pa.Table:
    rng = np.random.default_rng(seed)

    def column(values: Any, arrow: pa.DataType) -> pa.Array:
        return pa.array(values[rng.integers(0, len(values), rows)], arrow, mask=rng.random(rows) < nulls)

    return pa.table(
        {
            "id": pa.array(np.arange(rows) + 1000 * seed, pa.int64()),
            "f": column(FLOATS, pa.float64()),
            "t": column(TEXTS, pa.string()),
            "w": column(WIDE, pa.int64()),
            "k": column(np.arange(5) * 2**33, pa.int64()),
        }
    )


def _distinct(seed: int, nulls: int) -> pa.Table:
    """Every column has each of its values once; ``nulls`` more rows have none."""
    order = np.random.default_rng(seed).permutation(4)
    none = [None] * nulls
    return pa.table(
        {
            "id": pa.array(range(4 + nulls), pa.int64()),
            "f": pa.array([*FLOATS[1:5][order].tolist(), *none], pa.float64()),
            "t": pa.array([*TEXTS[:4][order].tolist(), *none], pa.string()),
            "w": pa.array([*WIDE[:4][order].tolist(), *none], pa.int64()),
            "k": pa.array([*(np.arange(4)[order] * 2**33).tolist(), *none], pa.int64()),
        }
    )


SIDES = {
    "repeated": ([_part(0, 40, 0.1), _part(1, 9, 0.0)], [_part(0, 17, 0.2), _part(1, 3, 0.0)]),
    "unique": ([_part(0, 40, 0.1), _part(1, 9, 0.0)], [_distinct(2, 0)]),
    "unique and one NULL": ([_part(0, 40, 0.1)], [_distinct(2, 1)]),
    "no right rows": ([_part(0, 5, 0.1)], [_part(0, 0, 0.0)]),
    "right of NULLs": ([_part(0, 9, 0.2)], [_part(0, 5, 1.0)]),
}


def _keys(columns: tuple[int, ...], null_safe: bool = False) -> tuple[JoinKey, ...]:
    return tuple(JoinKey(ColumnRef(i, TYPES[i]), ColumnRef(i, TYPES[i]), null_safe) for i in columns)


KEYS = {
    "float": _keys((1,)),
    "float, null-safe": _keys((1,), True),
    "text": _keys((2,)),
    "text, null-safe": _keys((2,), True),
    "wide": _keys((3,)),
    "wide, null-safe": _keys((3,), True),
    "spread": _keys((4,)),
    "wide and spread, null-safe": _keys((3, 4), True),
    "text and spread": _keys((2, 4)),
    "float and text": _keys((1, 2)),
    "all": _keys((1, 2, 3, 4)),
    "all, null-safe": _keys((1, 2, 3, 4), True),
}


def _raw(number: int, candidates: list[EncodedColumn]) -> EncodedColumn:
    """Raw text where that can be."""
    raw = [column for column in candidates if column.encoding == "text"]
    return raw[0] if raw else spread(number, candidates)


def _mixed(number: int, candidates: list[EncodedColumn]) -> EncodedColumn:
    return candidates[number % len(candidates)]


CHOICES = {"raw on both sides": (_raw, _raw), "raw on the left": (_raw, spread), "mixed": (_mixed, _mixed)}


def check(kind: JoinKind, keys: str, sides: str, choices: str, interpret: bool = True, threads: int = 1) -> None:
    left, right = SIDES[sides]
    chosen = CHOICES[choices]
    relations: dict[str, Relation] = {"l": relation(left, chosen[0]), "r": relation(right, chosen[1])}
    join = Join(LEFT, RIGHT, kind, KEYS[keys])
    shown = range(0, len(join.types), len(TYPES))
    node: Node = Project(join, tuple(ColumnRef(i, join.types[i]) for i in shown))
    tables = {"l": _rows(left), "r": _rows(right)}
    with interpreted_kernels() if interpret else contextlib.nullcontext():
        got = run(node, relations, threads)
    assert sorted(got, key=str) == sorted(naive.evaluate(node, tables), key=str)


def _rows(parts: list[pa.Table]) -> list[naive.Row]:
    return list(zip(*(column.to_pylist() for column in pa.concat_tables(parts).columns), strict=True))


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("kind", ["inner", "left", "anti"])
def test_keys(kind: JoinKind, keys: str, sides: str) -> None:
    check(kind, keys, sides, "raw on both sides")


@pytest.mark.parametrize("choices", [name for name in CHOICES if name != "raw on both sides"])
@pytest.mark.parametrize("sides", ["repeated", "unique", "right of NULLs"])
@pytest.mark.parametrize("keys", ["text", "text, null-safe", "float and text"])
def test_strings_that_are_kept_differently(keys: str, sides: str, choices: str) -> None:
    check("left", keys, sides, choices)


@pytest.mark.parametrize("sides", ["repeated", "unique"])
@pytest.mark.parametrize("keys", ["float", "text", "wide", "all, null-safe"])
def test_as_machine_code(keys: str, sides: str) -> None:
    check("inner", keys, sides, "raw on both sides", interpret=False, threads=2)


def test_a_mark_of_raw_strings() -> None:
    check("mark", "text", "repeated", "raw on both sides")
