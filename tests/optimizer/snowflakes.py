"""Random tables that refer to each other as a snowflake does, with parents' columns beside them, and joins of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from locality.plan.derived import Derived, Reference
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Expression
from locality.plan.nodes import Aggregate, Filter, Join, JoinKey, JoinKind, Node, Project, Scan, Shared, SharedScan
from locality.plan.virtual import ROW_ID
from locality.types import BIGINT, BOOLEAN
from tests.optimizer.known import Counted
from tests.optimizer.random_plans import conditions

Row = tuple[Any, ...]

#: The columns of each table: a key, then references to other tables by their keys, then a value.
REFERENCES: dict[str, dict[int, str]] = {
    "area": {},
    "town": {1: "area"},
    "buyer": {1: "town"},
    "shop": {1: "town"},
    "sale": {1: "buyer", 2: "shop"},
    "line": {1: "sale", 2: "shop"},
}
WIDTH = {name: 2 + len(references) for name, references in REFERENCES.items()}


def paths(table: str) -> list[tuple[Reference, ...]]:
    """All ways from a table to its ancestors."""
    found = []
    for column, parent in REFERENCES[table].items():
        step = Reference((column,), parent, (0,))
        found += [(step,), *((step, *rest) for rest in paths(parent))]
    return found


def possible(table: str) -> list[Derived]:
    """All columns that may be carried in a table."""
    places = [(path, column) for path in paths(table) for column in (*range(WIDTH[path[-1].table]), ROW_ID)]
    return [Derived(WIDTH[table] + i, BIGINT, path, column) for i, (path, column) in enumerate(places)]


def with_carried(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The tables, each row with all columns that it may carry."""
    return {
        name: [(*row, *(_carried(tables, row, d) for d in possible(name))) for row in tables[name]] for name in tables
    }


def _carried(tables: dict[str, list[Row]], row: Row, derived: Derived) -> Any:
    number = -1
    for step in derived.path:
        key = row[step.columns[0]]
        if key is None:
            return None
        number, row = next((i, parent) for i, parent in enumerate(tables[step.table]) if parent[0] == key)
    return number if derived.column == ROW_ID else row[derived.column]


class Snowflake(Counted):
    """Tables whose first columns are their keys; nothing else is said to be one."""

    def unique_keys(self, table: str) -> Sequence[frozenset[int]]:
        return [frozenset({0})]


@st.composite
def snowflakes(draw: st.DrawFn) -> Snowflake:
    """Tables of few rows, some without any; references are NULL at times. Some of all columns are carried."""
    source = draw(st.randoms(use_true_random=True))
    tables = random_rows(source, nulls=draw(st.sampled_from([0.0, 0.1, 0.4])), fewest=draw(st.sampled_from([0, 3])))
    share = draw(st.sampled_from([0.0, 0.3, 0.8, 1.0]))
    return Snowflake(
        with_carried(tables),
        {name: [d for d in possible(name) if source.random() < share] for name in ("sale", "line")},
    )


def random_rows(source: random.Random, nulls: float, fewest: int, scale: int = 1) -> dict[str, list[Row]]:
    """Rows of all tables, ``scale`` times a few; references and values are NULL with a chance of ``nulls``."""
    tables: dict[str, list[Row]] = {}
    for name, references in REFERENCES.items():
        most = scale * (12 if name == "line" else 6)
        tables[name] = [
            (
                key,
                *(_drawn(source, len(tables[parent]), nulls) for parent in references.values()),
                _drawn(source, 3, nulls),
            )
            for key in range(source.randint(fewest, most))
        ]
    return tables


def _drawn(source: random.Random, values: int, nulls: float) -> int | None:
    return None if source.random() < nulls or not values else source.randrange(values)


@dataclass
class _Joined:
    """Rows joined so far; for each table its relations, as the numbers of their first columns."""

    node: Node
    relations: list[tuple[str, int]]


def scan(table: str) -> Scan:
    width = WIDTH[table]
    return Scan(table, tuple(range(width)), (BIGINT,) * width)


def column(index: int) -> ColumnRef:
    return ColumnRef(index, BIGINT)


@st.composite
def queries(draw: st.DrawFn) -> Node:
    """Joins along the references, most of them inner and from children to parents, filtered and perhaps grouped."""
    first = draw(st.sampled_from(["line", "line", "sale", "buyer"]))
    joined = _Joined(scan(first), [(first, 0)])
    for _ in range(draw(st.integers(1, 5))):
        joined = draw(_one_more(joined))
    node = joined.node
    if draw(st.booleans()):
        node = Filter(node, draw(conditions(node)))
    if draw(st.integers(0, 3)) == 0:
        return draw(_asked_for(_Joined(node, joined.relations)))
    shown = draw(st.lists(st.sampled_from(range(len(node.types))), min_size=1, max_size=4))
    node = Project(node, tuple(ColumnRef(i, node.types[i]) for i in shown))
    if draw(st.booleans()):
        return Aggregate(node, (ColumnRef(0, node.types[0]),), (AggregateCall("count_star", (), BIGINT),))
    return node


@st.composite
def _asked_for(draw: st.DrawFn, joined: _Joined) -> Node:
    """Children that refer to the same rows as the joined ones do, or to these, as a correlated subquery asks for."""
    node = joined.node
    shared = SharedScan(0, node.types)
    ends = [(p, at + own) for name, at in joined.relations for own, p in REFERENCES[name].items()]
    ends += [(name, at) for name, at in joined.relations if any(name in r.values() for r in REFERENCES.values())]
    parent, theirs = draw(st.sampled_from(ends))
    table, own = draw(
        st.sampled_from([(name, own) for name, r in REFERENCES.items() for own, p in r.items() if p == parent])
    )
    kind: JoinKind = draw(st.sampled_from(["inner", "semi", "anti", "left"]))
    child = Join(scan(table), shared, kind, (JoinKey(column(own), column(theirs)),))
    groups = Aggregate(child, (column(own),), (AggregateCall("count_star", (), BIGINT),))
    again = Join(shared, groups, "inner", (JoinKey(column(theirs), column(0)),))
    return Shared(node, Project(again, (column(theirs), ColumnRef(len(node.types) + 1, BIGINT))), 0)


@st.composite
def _one_more(draw: st.DrawFn, joined: _Joined) -> _Joined:
    table, start = draw(st.sampled_from(joined.relations))
    ways = [(own, parent, 0) for own, parent in REFERENCES[table].items()] * 3
    ways += [(0, name, own) for name, references in REFERENCES.items() for own, p in references.items() if p == table]
    ways += [(0, table, 0)]
    mine, other, theirs = draw(st.sampled_from(ways))
    right: Node = scan(other)
    if draw(st.integers(0, 2)) == 0:
        right = Filter(right, draw(conditions(right, 1)))
    kind = draw(st.sampled_from(["inner", "inner", "inner", "left", "semi", "anti", "right"]))
    width = len(joined.node.types)
    residual: Expression | None = None
    if kind != "right" and draw(st.integers(0, 5)) == 0:
        residual = draw(conditions(Join(joined.node, right, "inner", ()), 0))
    node: Node = Join(joined.node, right, kind, (JoinKey(column(start + mine), column(theirs)),), residual)
    relations = joined.relations
    if kind not in ("semi", "anti"):
        relations = [*relations, (other, width)]
    if other == "town" and len(relations) > 2 and draw(st.booleans()):  # the same town by two ways
        others = [at + own for name, at in relations for own, parent in REFERENCES[name].items() if parent == "town"]
        if others and kind not in ("semi", "anti"):
            node = Filter(node, Call("=", (column(draw(st.sampled_from(others))), column(width)), BOOLEAN))
    return _Joined(node, relations)
