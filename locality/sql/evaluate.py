"""Runs one expression in DuckDB over Arrow arrays: any deterministic function, any aggregate of numbered groups."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from locality.errors import SchemaError, Unsupported
from locality.plan.expressions import AggregateCall, Call, ColumnRef, Expression, Lambda, columns_of, walk
from locality.plan.functions.hashes import HASH_BITS
from locality.plan.zones import IN_ZONE
from locality.sql.quoting import identifier
from locality.sql.render import Rendering, column, render
from locality.sql.stability import stability
from locality.types import DataType, parse, to_arrow

AnyArray: TypeAlias = "pa.Array[Any]"

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "threads": "1",
}
#: Names of plan.expressions that are syntax, not functions, in SQL.
_SYNTAX = frozenset(
    {
        *("=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from"),
        *("and", "or", "not", "is null", "is not null", "in", "coalesce", "try", IN_ZONE, HASH_BITS),
    }
)


def evaluate(expression: Expression, inputs: Sequence[AnyArray] | Mapping[int, AnyArray]) -> AnyArray:
    """The values of ``expression`` where ColumnRef ``i`` is ``inputs[i]``; all inputs have one length.

    The result has that length (1 where the expression reads no column) and the type ``to_arrow(expression.type)``.
    Raises Unsupported if the expression can't be rendered, if DuckDB would bind it to other types, or if DuckDB raises
    an error for some value.
    """
    used = sorted(columns_of(expression))
    columns = [inputs[index] for index in used] or [pa.nulls(1, pa.int8())]
    table = pa.table(columns, names=[column(index) for index in used] or ["none"])
    try:
        wanted = to_arrow(expression.type)
        rendering = _checked(repr(expression), expression, table.schema)
        values = _project(table, rendering, rendering.text).to_arrow_table().column(0)
        array: AnyArray = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
        return array if array.type == wanted else array.cast(wanted)
    except (duckdb.Error, pa.ArrowException, SchemaError, ValueError, OverflowError) as error:
        raise Unsupported(str(error).split("\n", 1)[0]) from None


def aggregate(call: AggregateCall, inputs: Sequence[AnyArray], groups: AnyArray) -> AnyArray:
    """What an aggregate function makes of each group of rows, in the order of the groups' numbers, int64.

    ColumnRef ``i`` is ``inputs[i]``, which has as many rows as ``groups``; every number from 0 to the greatest occurs.
    The result has the type ``to_arrow(call.type)``. Raises Unsupported as :func:`evaluate` does.
    """
    try:
        arguments = [render(argument) for argument in call.args]
        where = None if call.filter is None else render(call.filter)
        if any(rendering.variables for rendering in (*arguments, *(() if where is None else (where,)))):
            raise Unsupported(f"{call.name} of constants")
        text = f"{identifier(call.name)}({', '.join(rendering.text for rendering in arguments)})"
        text += "" if where is None else f" FILTER (WHERE {where.text})"
        table = pa.table([groups, *inputs], names=["number", *(column(i) for i in range(len(inputs)))])
        found = _cursor().from_arrow(table).aggregate(f"number, {text} AS result", "number")
        if not _fits(parse(str(found.types[1])), call.type):
            raise Unsupported(f"{text} is {found.types[1]} when bound again, not {call.type}")
        results = found.order("number").to_arrow_table().column("result").combine_chunks()
        return results.cast(to_arrow(call.type))
    except (duckdb.Error, pa.ArrowException, SchemaError) as error:
        raise Unsupported(str(error).split("\n", 1)[0]) from None


def numbers_of(values: AnyArray) -> AnyArray:
    """For each value, of any type, a number from 0 on, int64: the same for those that DuckDB groups together.

    Raises Unsupported if DuckDB raises an error.
    """
    table = pa.table([values, pa.array(range(len(values)), pa.int64())], names=["value", "place"])
    try:
        ranked = _cursor().from_arrow(table).project("place, dense_rank() over (order by value) - 1 AS number")
        return ranked.order("place").to_arrow_table().column("number").combine_chunks()
    except (duckdb.Error, pa.ArrowException) as error:
        raise Unsupported(str(error).split("\n", 1)[0]) from None


def is_deterministic(expression: Expression) -> bool:
    """Whether the expression gives the same values for the same inputs, at any time and in any session."""
    calls = {e.name for e in walk(expression) if isinstance(e, Call)}
    return calls - _SYNTAX <= stability(_database()).stable and all(map(is_deterministic, _bodies(expression)))


@cache
def session_time_zone() -> str:
    """The time zone of DuckDB's sessions on this machine that set no other."""
    row = _database().cursor().execute("select current_setting('TimeZone')").fetchone()
    return str(row[0]) if row else "UTC"


def _bodies(expression: Expression) -> list[Expression]:
    """Those of the lambdas that the expression calls itself."""
    return [part.body for part in walk(expression) if isinstance(part, Lambda)]


@lru_cache(maxsize=1024)
def _checked(text: str, expression: Expression, schema: pa.Schema) -> Rendering:
    """The rendering, after a check that DuckDB binds each function in it to the type that the plan says.

    A decimal may come out wider than planned, never with another scale; the rendering casts it back. ``text`` is the
    expression's, as that tells 0.0 from -0.0, which are equal.
    """
    for body in _bodies(expression):
        _checked(repr(body), body, _schema_of(body))
    rendering = render(expression)
    if rendering.calls:
        texts = ", ".join(text for text, _ in rendering.calls)
        bound = _project(schema.empty_table(), rendering, texts).types
        for (text, planned), found in zip(rendering.calls, bound, strict=True):
            if not _fits(parse(str(found)), planned):
                raise Unsupported(f"{text} is {found} when bound again, not {planned}")
    return rendering


def _schema_of(expression: Expression) -> pa.Schema:
    """The columns that an expression reads."""
    columns = {part.index: part.type for part in walk(expression) if isinstance(part, ColumnRef)}
    return pa.schema([("none", pa.int8()), *((column(index), to_arrow(dtype)) for index, dtype in columns.items())])


def _fits(found: DataType, planned: DataType) -> bool:
    return found == planned or (found.is_decimal and planned.is_decimal and found.scale == planned.scale)


def _project(table: pa.Table, rendering: Rendering, texts: str) -> duckdb.DuckDBPyRelation:
    connection = _cursor()
    if _local.bound is not rendering:
        for name, value in rendering.variables.items():
            if isinstance(value, str):
                value.encode()  # DuckDB 1.5 has no error of its own for half a surrogate
            connection.execute(f"set variable {name} = ?", [value])
        if rendering.zone is not None:
            connection.execute("set TimeZone = ?", [rendering.zone])
        _local.bound = rendering
    return connection.from_arrow(table).project(texts)


def _cursor() -> duckdb.DuckDBPyConnection:
    if _local.connection is None:
        _local.connection = _database().cursor()
    return _local.connection


@cache
def _database() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect(":memory:", config=_CONFIG)
    atexit.register(_close)
    return database


def _close() -> None:
    """Close the database and let it go: its client reports, at the program's end, what is then still there."""
    _database().close()
    _database.cache_clear()
    _local.connection = None


class _Local(threading.local):
    """A connection a thread: variables are private to it, and DuckDB allows one thread at a time on each.

    ``bound`` is the rendering whose variables are set.
    """

    connection: duckdb.DuckDBPyConnection | None = None
    bound: Rendering | None = None


_local = _Local()
