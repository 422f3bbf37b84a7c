"""Random queries over one table: every clause that Locality answers by itself, over columns of every type."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from tests.properties.data import Kind

_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_SUMMED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_OF_STRINGS = (
    *("upper({})", "lower({})", "length({})", "substr({}, 1, 2)", "{} || 'x'", "trim({})", "reverse({})"),
    *("replace({}, 'a', 'é')", "left({}, 3)", "right({}, 2)", "strpos({}, 'b')", "contains({}, 'e')"),
    *("starts_with({}, 'a')", "concat({}, '-', {})", "{} > 'b'", "coalesce({}, 'none')", "ascii({})"),
)
_OF_DATES = (
    *("year({})", "month({})", "day({})", "dayofweek({})", "week({})", "quarter({})", "date_trunc('month', {})"),
    *("{}::varchar", "last_day({})", "extract(doy from {})", "strftime({}, '%d')", "{} - date '2000-02-29'"),
)
_OF_TIMESTAMPS = ("year({})", "month({})", "hour({})", "date_trunc('day', {})", "{}::date", "minute({})", "{}::varchar")
_OF_INTEGERS = (
    *("{} % 5", "{}::hugeint + 3", "{} // 3", "{}::double / 2", "{}::varchar", "{} > 7", "({}::hugeint * 3)::double"),
    *("case when {} > 2 then 'more' when {} < 0 then 'less' end", "greatest({}, 3)", "{}::boolean", "{} & 6"),
)
_PATTERNS = ("a%", "%b", "%b%", "a_", "", "%", "_%", "%é%", "%e_t%", "straße", "a\\%", "%''%")


@dataclass(frozen=True)
class Column:
    """A column of the table and some literals of its type, values of it among them."""

    name: str
    kind: Kind
    literals: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """SQL text; ``ordered`` if it says in which order all rows are."""

    sql: str
    ordered: bool = False


def literals(connection: duckdb.DuckDBPyConnection, table: str, column: str, kind: Kind) -> tuple[str, ...]:
    """SQL literals: some values of the column, its least and greatest, and one that it hardly has."""
    sample = f"(select {column} v from {table} where {column} is not null using sample 6 rows (reservoir, 1))"
    ends = f"select min({column}) v from {table} union all select max({column}) from {table}"
    rows = connection.execute(f"select distinct cast(v as varchar) t from ({ends} union all from {sample}) order by t")
    texts = [text for (text,) in rows.fetchall() if text is not None]
    return tuple(literal(text, kind.type) for text in [*texts, _FOREIGN.get(kind.dtype.name, "1")])


_FOREIGN = {
    "DATE": "1999-12-31",
    "TIME": "12:34:56.789",
    "VARCHAR": "nothing like it",
    "BLOB": "\\xAA",
    "BOOLEAN": "true",
    **dict.fromkeys(("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP"), "1999-12-31 12:34:56"),
    "TIMESTAMP WITH TIME ZONE": "1999-12-31 12:34:56+00",
}


def literal(text: str, type_name: str) -> str:
    """The SQL expression of a value that is cast from text."""
    quoted = "'" + text.replace("'", "''") + "'"
    return quoted if type_name == "VARCHAR" else f"cast({quoted} as {type_name})"


class Queries:
    """Makes queries over one table; the same source of randomness gives the same queries."""

    def __init__(self, source: random.Random, table: str, columns: Sequence[Column]) -> None:
        self._source = source
        self._table = table
        self._columns = list(columns)

    def query(self) -> Query:
        """One query of any kind."""
        return self._source.choice(
            (
                *(self.scan, self.scan, self.total, self.grouped, self.grouped),
                *(
                    self.distinct,
                    self.distinct_on,
                    self.top,
                    self.nested,
                    self.arithmetic,
                    self.windowed,
                    self.unnested,
                ),
            )
        )()

    # --- whole queries

    def scan(self) -> Query:
        outputs = [self.output() for _ in range(self._source.randint(1, 3))]
        text = f"select {_named(outputs)} from {self._table}{self._where()}"
        if self._source.random() < 0.4:
            return Query(f"{text} order by {self._order(len(outputs))}{self._limit(0.3)}", True)
        return Query(text)

    def arithmetic(self) -> Query:
        if self._source.random() < 0.5:
            return Query(
                f"select {self._arithmetic()} as a, {self._arithmetic()} as b from {self._table}{self._where()}"
            )
        names = ("min", "max", "count")
        calls = ", ".join(f"{self._source.choice(names)}({self._arithmetic()})" for _ in range(2))
        return Query(f"select {calls} from {self._table}{self._where()}")

    def total(self) -> Query:
        return Query(f"select {self._aggregates(3)} from {self._table}{self._where()}")

    def grouped(self) -> Query:
        keys = [self.key() for _ in range(self._source.choice((1, 1, 2)))]
        numbers = ", ".join(str(i + 1) for i in range(len(keys)))
        having = f" having {self._having()}" if self._source.random() < 0.3 else ""
        text = (
            f"select {_named(keys)}, {self._aggregates(2)} from {self._table}{self._where()} group by {numbers}{having}"
        )
        if self._source.random() < 0.4:
            return Query(f"{text} order by {self._order(len(keys))}{self._limit(0.4)}", True)
        return Query(text)

    def distinct(self) -> Query:
        outputs = [self.key() for _ in range(self._source.choice((1, 1, 2)))]
        text = f"select distinct {_named(outputs)} from {self._table}{self._where()}"
        if self._source.random() < 0.5:
            return Query(f"{text} order by {self._order(len(outputs))}{self._limit(0.5)}", True)
        return Query(text)

    def distinct_on(self) -> Query:
        """The first row of each group, in an order of all that is shown."""
        columns = self._some(self._source.randint(2, 3))
        names = [column.name for column in columns]
        targets = self._source.randint(1, len(names))
        directions = (f"{name}{self._source.choice(('', ' desc', ' nulls first'))}" for name in names)
        listed = ", ".join(names)
        return Query(
            f"select distinct on ({', '.join(names[:targets])}) {listed} from {self._table}{self._where()}"
            f" order by {', '.join(directions)}",
            True,
        )

    def windowed(self) -> Query:
        """Aggregates of windows whose rows do not depend on the order of equal ones, at times of distinct values."""
        shown, counted = self._one(), self._one()
        distinct = "" if counted.kind.shape == "special" else self._source.choice(("", "distinct "))
        over = f"partition by {self._one().name}" if self._source.random() < 0.6 else ""
        if self._source.random() < 0.6:
            over += f" order by {self._one().name}{self._source.choice(('', ' desc', ' nulls first'))}"
        where = f" filter (where {self.predicate(0)})" if self._source.random() < 0.3 else ""
        name = self._source.choice(("count", "min", "max"))
        call = f"{name}({distinct}{counted.name}){where} over ({over})"
        return Query(f"select {shown.name}, {call} as w from {self._table}{self._where()}")

    def unnested(self) -> Query:
        """Two columns of one type below each other."""
        column = self._one()
        other = self._source.choice([c for c in self._columns if c.kind.type == column.kind.type])
        inner = f"select {self._one().name} as k, unnest([{column.name}, {other.name}]) as v from {self._table}"
        return Query(f"select k, v from ({inner}) where v is not null" if self._source.random() < 0.5 else inner)

    def top(self) -> Query:
        columns = [c.name for c in self._some(self._source.randint(1, 3))]
        order = self._order(len(columns))
        return Query(
            f"select {', '.join(columns)} from {self._table}{self._where()} order by {order}{self._limit(1)}", True
        )

    def nested(self) -> Query:
        inner = f"select {_named([self.key()])}, count(*) as n from {self._table}{self._where()} group by 1"
        match self._source.randrange(3):
            case 0:
                return Query(f"select count(*), sum(n), min(n), max(n) from ({inner})")
            case 1:
                return Query(f"select n, count(*) from ({inner}) group by n order by n", True)
            case _:
                return Query(
                    f"select o0, n + 1 from ({inner}) where n > {self._source.randint(0, 5)} order by 2, 1", True
                )

    # --- clauses

    def _where(self) -> str:
        roll = self._source.random()
        return "" if roll < 0.3 else f" where {self.predicate(1 if roll < 0.7 else 2)}"

    def _order(self, width: int) -> str:
        """All outputs, in any order and direction."""
        positions = list(range(1, width + 1))
        self._source.shuffle(positions)
        directions = ("", " asc", " desc")
        nulls = ("", " nulls first", " nulls last")
        return ", ".join(f"{p}{self._source.choice(directions)}{self._source.choice(nulls)}" for p in positions)

    def _limit(self, share: float) -> str:
        if self._source.random() >= share:
            return ""
        offset = f" offset {self._source.choice((0, 1, 7, 100))}" if self._source.random() < 0.4 else ""
        return f" limit {self._source.choice((0, 1, 3, 10, 50))}{offset}"

    def _having(self) -> str:
        return self._source.choice(
            (f"count(*) > {self._source.randint(0, 9)}", f"{self.aggregate(plain=True)} is not null")
        )

    def _aggregates(self, most: int) -> str:
        return ", ".join(self.aggregate() for _ in range(self._source.randint(1, most)))

    def aggregate(self, plain: bool = False) -> str:
        """An aggregate, perhaps with FILTER."""
        column = self._one()
        names = ["count", "min", "max"]
        if _is_summed(column.kind):
            names += ["sum", "sum", "avg"]
        if column.kind.type in _SUMMED and column.kind.shape in ("few", "runs", "constant"):
            names += ["stddev", "var_pop"]
        name = self._source.choice(names)
        text = "count(*)" if self._source.random() < 0.15 else f"{name}({column.name})"
        if self._source.random() < 0.06:
            return f"count(distinct {column.name})"
        if not plain and self._source.random() < 0.2:
            text += f" filter (where {self.predicate(0)})"
        return text

    # --- expressions

    def output(self) -> str:
        """A column, or something computed of columns."""
        column = self._one()
        roll = self._source.random()
        if roll < 0.55:
            return column.name
        if roll < 0.65:
            return self.predicate(1)
        if roll < 0.75:
            other = self._source.choice([c for c in self._columns if c.kind.type == column.kind.type])
            return f"case when {self.predicate(0)} then {column.name} else {other.name} end"
        return self._computed(column)

    def key(self) -> str:
        """Something to group by."""
        few = [c for c in self._columns if c.kind.is_few]
        column = self._source.choice(few or self._columns)
        return column.name if self._source.random() < 0.7 else self._computed(column)

    def _computed(self, column: Column) -> str:
        """A function of one column, or of two of one kind; none that can fail for some value."""
        name, kind = column.name, column.kind
        choices: tuple[str, ...]
        match kind.dtype.name:
            case "VARCHAR":
                choices = tuple(text.replace("{}", name) for text in _OF_STRINGS)
            case "DATE":
                choices = tuple(text.replace("{}", name) for text in _OF_DATES)
            case "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS":
                choices = tuple(text.replace("{}", name) for text in _OF_TIMESTAMPS)
            case "BOOLEAN":
                choices = (f"not {name}", f"{name}::integer", f"{name}::varchar")
            case _ if kind.dtype.is_integral:
                choices = tuple(text.replace("{}", name) for text in _OF_INTEGERS)
            case _ if kind.is_number and kind.shape != "ends":
                choices = (f"{name} * 2", f"{name} + 1", f"-{name}", f"abs({name})", f"{name}::double / 4")
            case _:
                choices = (f"coalesce({name}, {self._literal(column)})", f"nullif({name}, {self._literal(column)})")
        return self._source.choice(choices)

    def _arithmetic(self) -> str:
        """Arithmetic of two columns, which may overflow."""
        numbers = [c for c in self._columns if c.kind.is_number]
        if not numbers:
            return self.output()
        left, right = self._source.choice(numbers), self._source.choice(numbers)
        return f"{left.name} {self._source.choice('+-*')} {right.name}"

    def predicate(self, depth: int) -> str:
        """A condition; ``depth`` bounds how far AND, OR, NOT and CASE nest."""
        if depth > 0:
            parts = [self.predicate(depth - 1) for _ in range(2)]
            match self._source.randrange(6):
                case 0:
                    return f"({parts[0]} and {parts[1]})"
                case 1:
                    return f"({parts[0]} or {parts[1]})"
                case 2:
                    return f"not {parts[0]}"
                case 3:
                    return f"(case when {parts[0]} then {parts[1]} else {self.predicate(0)} end)"
                case _:
                    pass
        return self._simple_predicate(self._one())

    def _simple_predicate(self, column: Column) -> str:
        name = column.name
        match self._source.randrange(9):
            case 8:
                return self._row_comparison(column)
            case 0:
                return f"{name} is {self._source.choice(('', 'not '))}null"
            case 1:
                return f"{name} between {self._literal(column)} and {self._literal(column)}"
            case 2:
                values = ", ".join(self._literal(column) for _ in range(self._source.randint(1, 4)))
                return f"{name} {self._source.choice(('', 'not '))}in ({values})"
            case 3:
                others = [c for c in self._columns if c.kind.type == column.kind.type and c is not column]
                if others:
                    return f"{name} {self._source.choice(_COMPARISONS)} {self._source.choice(others).name}"
            case 4 if column.kind.type == "VARCHAR":
                return f"{name} {self._source.choice(('', 'not '))}like '{self._source.choice(_PATTERNS)}'"
            case 6 if column.kind.shape != "ends":
                return f"{self._computed(column)} is not null"
            case 5:
                return f"{name} is {self._source.choice(('', 'not '))}distinct from {self._literal(column)}"
            case _:
                pass
        return f"{name} {self._source.choice(_COMPARISONS)} {self._literal(column)}"

    def _row_comparison(self, column: Column) -> str:
        """A comparison of two columns at once, with NULL among the values."""
        other = self._one()

        def row() -> str:
            values = (self._source.choice((self._literal(c), self._literal(c), "null")) for c in (column, other))
            return f"({', '.join(values)})"

        left = f"({column.name}, {other.name})"
        if self._source.random() < 0.5:
            return f"{left} {self._source.choice(('', 'not '))}in ({row()}, {row()})"
        return f"{left} {self._source.choice(_COMPARISONS)} {row()}"

    def _literal(self, column: Column) -> str:
        return self._source.choice(column.literals)

    def _one(self) -> Column:
        return self._source.choice(self._columns)

    def _some(self, count: int) -> list[Column]:
        return self._source.sample(self._columns, min(count, len(self._columns)))


def _is_summed(kind: Kind) -> bool:
    """Whether sums are exact in any order: not for special floats, nor where DuckDB's own sum overflows 128 bits."""
    if kind.dtype.is_float:
        return kind.shape != "special"
    return kind.type in _SUMMED or (kind.dtype.is_decimal and kind.shape in ("few", "sorted"))


def _named(outputs: Sequence[str]) -> str:
    return ", ".join(f"{text} as o{i}" for i, text in enumerate(outputs))


def columns_of(connection: duckdb.DuckDBPyConnection, table: str, kinds: Mapping[str, Kind]) -> list[Column]:
    """The columns of a loaded table, with literals."""
    return [Column(name, kind, literals(connection, table, name, kind)) for name, kind in kinds.items()]
