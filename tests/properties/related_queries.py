"""Random queries over several tables: joins of all kinds, aggregates, subqueries, set operations and CTEs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from tests.properties.queries import Query
from tests.properties.related import Column, Related

_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_JOINS = ("inner", "inner", "inner", "left", "left", "right", "full", "semi", "anti")
Scope = Sequence[Column]


class RelatedQueries:
    """Makes queries over tables that relate; the same source of randomness gives the same queries."""

    def __init__(self, source: random.Random, tables: Sequence[Related]) -> None:
        self._source = source
        self._tables = tables
        self._aliases = 0

    def query(self) -> Query:
        """One query of any kind."""
        self._aliases = 0
        text, width = self._source.choice(
            (self._rows, self._rows, self._rows, self._groups, self._groups, self._combined, self._with)
        )()
        ordered = self._chance(0.4)
        if ordered:
            text += f" order by {self._order(width)}{self._limit()}"
        return Query(text, ordered)

    # --- whole queries: each gives its text, and the number of its columns

    def _rows(self, depth: int = 1) -> tuple[str, int]:
        text, scope = self._from(depth)
        outputs = [self._output(scope) for _ in range(self._source.randint(1, 3))]
        distinct = self._source.choice(("", "", "", "distinct "))
        return f"select {distinct}{_named(outputs)} from {text}{self._where(scope)}", len(outputs)

    def _groups(self, depth: int = 1) -> tuple[str, int]:
        """Aggregates, in groups or over all rows."""
        text, scope = self._from(depth)
        keys = [self._output(scope) for _ in range(self._source.choice((0, 1, 1, 2)))]
        calls = [self._aggregate(scope) for _ in range(self._source.randint(1, 2))]
        sql = f"select {_named([*keys, *calls])} from {text}{self._where(scope)}"
        if keys:
            sql += " group by " + ", ".join(str(i + 1) for i in range(len(keys)))
            if self._chance(0.2):
                sql += f" having count(*) > {self._source.randint(0, 3)}"
        return sql, len(keys) + len(calls)

    def _combined(self) -> tuple[str, int]:
        """A set operation of two or three queries with columns of the same types."""
        types = [self._source.choice(self._all_types()) for _ in range(self._source.randint(1, 2))]
        text = self._typed(types)
        for _ in range(self._source.choice((1, 1, 2))):
            operation = self._source.choice(("union", "union all", "union all", "intersect", "except"))
            if operation in ("intersect", "except") and self._chance(0.3):
                operation += " all"
            text += f" {operation} {self._typed(types)}"
        return text, len(types)

    def _with(self) -> tuple[str, int]:
        """A common table expression that is read twice."""
        body, width = self._groups(0) if self._chance(0.5) else self._rows(0)
        hint = self._source.choice(("", " materialized", " not materialized"))
        names = ", ".join(f"w{i}" for i in range(width))
        kind = self._source.choice(("join", "left join"))
        outputs = ", ".join(f"{side}.w{i} as {side}{i}" for side in "xy" for i in range(width))
        text = f"with w({names}) as{hint} ({body}) select {outputs} from w x {kind} w y on x.w0 = y.w0"
        return text, 2 * width

    def _typed(self, types: Sequence[str]) -> str:
        """A query with columns of these types; NULL where no column of the table has the type."""
        table, scope = self._item(0)
        outputs = []
        for dtype in types:
            fitting = [column.text for column in scope if column.type == dtype]
            outputs.append(self._source.choice(fitting) if fitting else f"cast(null as {dtype})")
        return f"(select {_named(outputs)} from {table}{self._where(scope)})"

    # --- FROM

    def _from(self, depth: int) -> tuple[str, list[Column]]:
        text, scope = self._item(depth)
        crossed = False
        for _ in range(self._source.choice((0, 1, 1, 1, 2, 2))):
            item, more = self._item(depth)
            kind = self._source.choice(_JOINS if crossed else (*_JOINS, "cross"))
            if kind == "cross":
                crossed = True  # another one would make too many rows
                text += f" cross join {item}"
            else:
                text += f" {kind} join {item} on {self._condition(scope, more)}"
            if kind not in ("semi", "anti"):
                scope = [*scope, *more]
        return text, scope

    def _item(self, depth: int) -> tuple[str, list[Column]]:
        """A table, or a subquery over one, under a new name."""
        table, alias = self._source.choice(self._tables), self._alias()
        scope = _under(alias, table.columns)
        if depth == 0 or self._chance(0.8):
            return f"{table.name} {alias}", scope
        column = self._source.choice(table.columns)
        if self._chance(0.5):
            inner = f"select {column.text}, count(*) as n from {table.name} group by 1"
            return f"({inner}) {alias}", _under(alias, (column, Column("n", "BIGINT", ("0", "1", "2"))))
        inner = f"select * from {table.name}{self._where(table.columns, 0)}"
        return f"({inner}) {alias}", scope

    def _condition(self, left: Scope, right: Scope) -> str:
        """What rows have to have in common: equal keys, other comparisons, or both."""
        pairs = [(a, b) for a in left for b in right if a.type == b.type or (a.is_number and b.is_number)]
        pairs = pairs or [(left[0], right[0])]
        links = [pair for pair in pairs if {column.text.partition(".")[2] for column in pair} == {"id", "ref"}]
        if links and self._chance(0.4):
            return self._compared(self._source.choice(links), ("=",))
        roll = self._source.random()
        if roll < 0.15:
            return self._compared(self._source.choice(pairs), _COMPARISONS[1:])
        operator = "is not distinct from" if roll < 0.25 else "="
        terms = []
        for _ in range(self._source.choice((1, 1, 1, 2))):
            terms.append(self._compared(self._source.choice(pairs), (operator,)))
        if self._chance(0.25):
            if self._chance(0.5):
                terms.append(self._compared(self._source.choice(pairs), _COMPARISONS[1:]))
            else:
                terms.append(self._simple([*left, *right]))
        return " and ".join(terms)

    def _compared(self, pair: tuple[Column, Column], operators: Sequence[str]) -> str:
        return f"{pair[0].text} {self._source.choice(operators)} {pair[1].text}"

    # --- conditions

    def _where(self, scope: Scope, depth: int = 1) -> str:
        return "" if self._chance(0.5) else f" where {self._predicate(scope, depth)}"

    def _predicate(self, scope: Scope, depth: int) -> str:
        roll = self._source.random()
        if depth > 0 and roll < 0.35:
            return self._source.choice((self._in, self._exists, self._scalar_comparison))(scope)
        if depth > 0 and roll < 0.5:
            connective = self._source.choice(("and", "or"))
            return f"({self._predicate(scope, depth)} {connective} {self._predicate(scope, depth - 1)})"
        return self._simple(scope)

    def _simple(self, scope: Scope) -> str:
        column = self._source.choice(scope)
        match self._source.randrange(5):
            case 0:
                return f"{column.text} is {self._source.choice(('', 'not '))}null"
            case 1:
                values = ", ".join(self._source.choice(column.literals) for _ in range(3))
                return f"{column.text} {self._source.choice(('', 'not '))}in ({values})"
            case 2:
                others = [other for other in scope if other.type == column.type]
                return self._compared((column, self._source.choice(others)), _COMPARISONS)
            case _:
                return f"{column.text} {self._source.choice(_COMPARISONS)} {self._source.choice(column.literals)}"

    def _in(self, scope: Scope) -> str:
        inner, more = self._item(0)
        pairs = [(column, output) for column in scope for output in more if column.type == output.type]
        if not pairs:
            return self._exists(scope)
        chosen = [self._source.choice(pairs) for _ in range(self._source.choice((1, 1, 1, 2)))]
        negation = self._source.choice(("", "not "))
        left, outputs = (", ".join(column.text for column in side) for side in zip(*chosen, strict=True))
        left = f"({left})" if len(chosen) > 1 else left
        return f"{left} {negation}in (select {outputs} from {inner}{self._correlation(scope, more, 0.3)})"

    def _exists(self, scope: Scope) -> str:
        negation = self._source.choice(("", "not "))
        inner, more = self._item(0)
        return f"{negation}exists (select 1 from {inner}{self._correlation(scope, more, 0.9)})"

    def _scalar_comparison(self, scope: Scope) -> str:
        column = self._source.choice([c for c in scope if c.is_number])
        return f"{column.text} {self._source.choice(_COMPARISONS)} {self._scalar(scope)}"

    def _scalar(self, scope: Scope) -> str:
        """A subquery of one number."""
        inner, more = self._item(0)
        column = self._source.choice([c for c in more if c.is_number])
        name = self._source.choice(("min", "max", "count"))
        return f"(select {name}({column.text}) from {inner}{self._correlation(scope, more, 0.6)})"

    def _correlation(self, outer: Scope, inner: Scope, share: float) -> str:
        """A WHERE that compares with columns of the query around it, at times, or just a WHERE."""
        if not self._chance(share):
            return self._where(inner, 0)
        pairs = [(a, b) for a in inner for b in outer if a.type == b.type]
        if not pairs:
            return ""
        text = f" where {self._compared(self._source.choice(pairs), ('=',))}"
        if self._chance(0.25):
            text += f" and {self._compared(self._source.choice(pairs), _COMPARISONS[1:])}"
        return text

    # --- outputs

    def _output(self, scope: Scope) -> str:
        column = self._source.choice(scope)
        if self._chance(0.7):
            return column.text
        if self._chance(0.2):
            return self._scalar(scope)
        if self._chance(0.3):
            other = self._source.choice([c for c in scope if c.type == column.type])
            return f"case when {self._simple(scope)} then {column.text} else {other.text} end"
        match column.type:
            case "VARCHAR":
                return self._source.choice((f"upper({column.text})", f"{column.text} || 'x'", f"length({column.text})"))
            case "DATE" | "TIMESTAMP":
                return f"year({column.text})"
            case "BOOLEAN":
                return f"not {column.text}"
            case _:
                return self._source.choice((f"{column.text} + 1", f"-{column.text}", f"abs({column.text})"))

    def _aggregate(self, scope: Scope) -> str:
        column = self._source.choice(scope)
        names = ["count", "min", "max", *(("sum", "avg", "sum") if column.is_number else ())]
        text = "count(*)" if self._chance(0.2) else f"{self._source.choice(names)}({column.text})"
        if self._chance(0.1):
            text = f"count(distinct {column.text})"
        if self._chance(0.15):
            text += f" filter (where {self._simple(scope)})"
        return text

    def _order(self, width: int) -> str:
        positions = list(range(1, width + 1))
        self._source.shuffle(positions)
        return ", ".join(
            f"{p}{self._source.choice(('', ' desc', ' nulls first', ' desc nulls last'))}" for p in positions
        )

    def _limit(self) -> str:
        return f" limit {self._source.choice((0, 1, 3, 10))}" if self._chance(0.4) else ""

    # --- drawing

    def _chance(self, share: float) -> bool:
        return self._source.random() < share

    def _alias(self) -> str:
        self._aliases += 1
        return f"a{self._aliases}"

    def _all_types(self) -> list[str]:
        return sorted({column.type for table in self._tables for column in table.columns})


def _under(alias: str, columns: Scope) -> list[Column]:
    return [replace(column, text=f"{alias}.{column.text}") for column in columns]


def _named(outputs: Sequence[str]) -> str:
    return ", ".join(f"{text} as o{i}" for i, text in enumerate(outputs))
