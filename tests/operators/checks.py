"""Plans over small tables, run by the operators and evaluated row by row."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from locality.plan.nodes import Node
from tests.operators import naive
from tests.operators.relations import relation, run
from tests.properties.interpreted import interpreted_kernels


def check(node: Node, tables: Mapping[str, Sequence[pa.Table]], *, interpret: bool = True, threads: int = 1) -> None:
    """Asserts that both give the same rows in any order. Each of a table's parts is a segment."""
    wanted = naive.evaluate(node, {name: rows_in(parts) for name, parts in tables.items()})
    with interpreted_kernels() if interpret else contextlib.nullcontext():
        got = run(node, {name: relation(parts) for name, parts in tables.items()}, threads)
    assert sorted(map(canonical, got)) == sorted(map(canonical, wanted))


def rows_in(parts: Sequence[pa.Table]) -> list[naive.Row]:
    """The rows of a table's parts."""
    return list(zip(*(column.to_pylist() for column in pa.concat_tables(parts).columns), strict=True))


def canonical(row: naive.Row) -> tuple[tuple[Any, ...], ...]:
    """The row in a form that sorts, and in which NaN equals itself."""
    return tuple(_canonical(item) for item in row)


def _canonical(item: Any) -> tuple[Any, ...]:
    match item:
        case None:
            return (0,)
        case str():
            return 1, item.encode()
        case float() if math.isnan(item):
            return (3,)
        case _:
            return 2, item
