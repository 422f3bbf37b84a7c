"""Plans as SQL, so that DuckDB can say what they mean: one nested SELECT a node, with columns ``c0``, ``c1``, ..."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import duckdb
import pyarrow as pa

from locality.plan.columns import as_term
from locality.plan.expressions import AggregateCall, Constant, Expression, SortKey
from locality.plan.nodes import (
    Aggregate,
    Filter,
    Join,
    Limit,
    Node,
    Project,
    Scan,
    SetOperation,
    Shared,
    SharedScan,
    Sort,
    Union,
    Values,
)
from locality.plan.virtual import ROW_ID
from locality.sql.quoting import identifier
from locality.sql.render import render
from locality.types import DataType


class _Writer:
    """Writes the SQL of one plan; constants become session variables of ``connection``."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._prefixes: Iterator[int] = count()

    def node(self, node: Node) -> str:
        match node:
            case Scan(table, columns):
                stored = self._connection.table(table).columns
                names = ["rowid" if i == ROW_ID else identifier(stored[i]) for i in columns]
                return f"select {_listed(names)} from {identifier(table)}"
            case SharedScan(number, types):
                return f"select {_own(types)} from shared_{number}"
            case Shared(definition, child, number):
                return (
                    f"with shared_{number} as materialized ({self.node(definition)}) select * from ({self.node(child)})"
                )
            case Values(rows, types):
                return self._values(rows, types)
            case Filter(child, predicate):
                return f"select * from ({self.node(child)}) where {self._text(predicate)}"
            case Project(child, expressions):
                return f"select {self._all(expressions)} from ({self.node(child)})"
            case Aggregate(child, groups, calls):
                listed = [*map(self._text, groups), *map(self._aggregate, calls)]
                by = f"group by {', '.join(str(i + 1) for i in range(len(groups)))}" if groups else ""
                return f"select {_listed(listed)} from ({self.node(child)}) {by}"
            case Sort(child, keys):
                return f"select * from ({self.node(child)}) order by {', '.join(map(self._key, keys))}"
            case Limit(child, limit, offset):
                return f"select * from ({self.node(child)}) limit {'all' if limit is None else limit} offset {offset}"
            case Union(inputs):
                return " union all ".join(f"(select * from ({self.node(each)}))" for each in inputs)
            case SetOperation(left, right, kind, every):
                operation = f"{kind} {'all' if every else ''}"
                return f"(select * from ({self.node(left)})) {operation} (select * from ({self.node(right)}))"
            case Join():
                return self._join(node)
        raise NotImplementedError(type(node).__name__)

    def _join(self, node: Join) -> str:
        width = len(node.left.types)
        left = f"(select {_own(node.left.types)} from ({self.node(node.left)}))"
        moved = ", ".join(f"c{i} as c{width + i}" for i in range(len(node.right.types))) or "1 as other"
        right = f"(select {moved} from ({self.node(node.right)}))"
        terms = [as_term(key, width) for key in node.keys]
        terms += [] if node.residual is None else [node.residual]
        on = " and ".join(f"({self._text(term)})" for term in terms) or "true"
        match node.kind:
            case "mark":
                match = f"exists (select 1 from {right} where {on})"
                unknown = f"exists (select 1 from {right} where ({on}) is null)"
                mark = f"case when {match} then true when {unknown} then null else false end"
                return f"select {_own(node.left.types, mark)} from {left}"
            case "semi" | "anti":
                negation = "not" if node.kind == "anti" else ""
                condition = f"{negation} exists (select 1 from {right} where {on})"
                return f"select {_own(node.left.types)} from {left} where {condition}"
            case kind:
                words = {"single": "left"}.get(kind, kind)
                return f"select {_own(node.types)} from {left} {words} join {right} on {on}"

    def _values(self, rows: Sequence[Sequence[object]], types: Sequence[DataType]) -> str:
        if not rows:
            return f"select {self._all([Constant(None, dtype) for dtype in types])} where false"
        made = [
            [Constant(value, dtype) for value, dtype in zip(row, types, strict=True)]  # type: ignore[arg-type]
            for row in rows
        ]
        return " union all ".join(f"select {self._all(row)}" for row in made)

    def _all(self, expressions: Sequence[Expression]) -> str:
        return _listed([self._text(e) for e in expressions])

    def _text(self, expression: Expression) -> str:
        rendering = render(expression)
        text = rendering.text
        prefix = f"p{next(self._prefixes)}"
        for name, value in rendering.variables.items():
            self._connection.execute(f"set variable {prefix}_{name} = ?", [value])
        return text.replace("getvariable('", f"getvariable('{prefix}_")

    def _aggregate(self, call: AggregateCall) -> str:
        name = "count" if call.name == "count_star" else call.name
        args = ", ".join(map(self._text, call.args)) or "*"
        where = f" filter (where {self._text(call.filter)})" if call.filter else ""
        return f"cast({name}({'distinct ' if call.distinct else ''}{args}){where} as {call.type})"

    def _key(self, key: SortKey) -> str:
        direction = "desc" if key.descending else "asc"
        return f"{self._text(key.expression)} {direction} nulls {'first' if key.nulls_first else 'last'}"


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(f"{text} as c{i}" for i, text in enumerate(texts)) or "1 as none"


def _own(types: Sequence[object], *more: str) -> str:
    names = [f"c{i}" for i in range(len(types))]
    return ", ".join([*names, *(f"{text} as c{len(names) + i}" for i, text in enumerate(more))]) or "1 as none"


def answer(connection: duckdb.DuckDBPyConnection, node: Node) -> pa.Table:
    """The rows of ``node`` over the tables of ``connection``, according to DuckDB."""
    return connection.sql(_Writer(connection).node(node)).to_arrow_table()
