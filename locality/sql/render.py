"""Our scalar expressions -> SQL over columns ``c0``, ``c1``, ...

Names are quoted, constants are session variables, and every type is explicit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from locality.errors import Unsupported
from locality.nested import arrow_type
from locality.plan.expressions import Call, Case, Cast, ColumnRef, Constant, Expression, Held, Lambda, Lookup
from locality.plan.functions.hashes import HASH_BITS
from locality.plan.zones import IN_ZONE
from locality.sql.quoting import identifier, string
from locality.types import DataType, Domain, labels_of

_INFIX = frozenset({"=", "<>", "<", "<=", ">", ">=", "is distinct from", "is not distinct from", "and", "or"})
#: How a constant is made from its physical value: SQL with ``{}`` for the bound value.
_CONSTANTS = {
    "DATE": "make_date(CAST({} AS INTEGER))",
    "TIMESTAMP": "make_timestamp(CAST({} AS BIGINT))",
    "TIMESTAMP_S": "CAST(make_timestamp(1000000 * CAST({} AS BIGINT)) AS TIMESTAMP_S)",
    "TIMESTAMP_MS": "CAST(make_timestamp_ms(CAST({} AS BIGINT)) AS TIMESTAMP_MS)",
    "TIMESTAMP_NS": "make_timestamp_ns(CAST({} AS BIGINT))",
    "TIMESTAMP WITH TIME ZONE": "make_timestamptz(CAST({} AS BIGINT))",
    "TIME": "CAST(make_timestamp(CAST({} AS BIGINT)) AS TIME)",
}
_DAY = 86_400_000_000


@dataclass
class Rendering:
    """SQL text, the values of the session variables that it reads, and the type that each function in it must have.

    zone: the time zone in which it is meant, None if that does not matter. lambdas: how many are around what is being
    rendered, which is over ``columns`` then: the texts of the innermost lambda's parameters and of what it reads.
    """

    text: str = ""
    variables: dict[str, object] = field(default_factory=dict)
    calls: list[tuple[str, DataType]] = field(default_factory=list)
    zone: str | None = None
    lambdas: int = 0
    columns: tuple[str, ...] = ()

    def bind(self, value: object) -> str:
        """Text that stands for ``value``."""
        name = f"v{len(self.variables)}"
        self.variables[name] = value
        return f"getvariable({string(name)})"


def render(expression: Expression) -> Rendering:
    """The SQL of ``expression``; Unsupported for what can't be said without pasting values or losing types."""
    rendering = Rendering()
    rendering.text = _render(expression, rendering)
    return rendering


def column(index: int) -> str:
    """The name of input ``index``."""
    return f"c{index}"


def type_text(dtype: DataType) -> str:
    """A type as SQL; raises Unsupported for what DuckDB has no name for."""
    if dtype.domain is Domain.NESTED and arrow_type(str(dtype)) is None:
        raise Unsupported(f"expression over {dtype}")
    return str(dtype)


def _render(expression: Expression, out: Rendering) -> str:
    match expression:
        case ColumnRef(index=index, type=dtype):
            name = out.columns[index] if out.lambdas else identifier(column(index))
            return f"CAST({name} AS {type_text(dtype)})"
        case Constant():
            return _constant(expression, out)
        case Cast(arg=arg, type=dtype, lenient=lenient):
            return f"{'TRY_CAST' if lenient else 'CAST'}({_render(arg, out)} AS {type_text(dtype)})"
        case Case(branches=branches, otherwise=otherwise):
            when = " ".join(f"WHEN {_render(c, out)} THEN {_render(v, out)}" for c, v in branches)
            return f"CASE {when} ELSE {_render(otherwise, out)} END"
        case Call():
            return _call(expression, out)
        case Lambda() | Lookup() | Held():
            raise Unsupported("what only kernels know inside an expression")


def _call(call: Call, out: Rendering) -> str:
    if call.name == IN_ZONE:
        return _in_zone(call, out)
    match call.args:
        case (listed, Lambda() as function, *others):
            args = _with_lambda(listed, function, others, out)
        case _:
            args = [_render(arg, out) for arg in call.args]
    match call.name:
        case name if name in _INFIX:
            return "(" + f" {name.upper()} ".join(args) + ")"
        case "not":
            return f"(NOT {args[0]})"
        case "is null" | "is not null":
            return f"({args[0]} {call.name.upper()})"
        case "in":
            return f"({args[0]} IN ({', '.join(args[1:])}))"
        case "coalesce":
            return f"COALESCE({', '.join(args)})"
        case "try":
            return f"TRY({args[0]})"
        case name if name == HASH_BITS:
            hashed = f"CAST(hash({args[0]}) AS HUGEINT)"
            return f"CAST(CASE WHEN {hashed} < {2**63} THEN {hashed} ELSE {hashed} - {2**64} END AS BIGINT)"
        case "struct_pack":
            return f"CAST(ROW({', '.join(args)}) AS {type_text(call.type)})"
        case "list_value" if not args:
            return f"CAST([] AS {type_text(call.type)})"
        case name:  # a function
            text = f"{identifier(name)}({', '.join(args)})"
            if not out.lambdas:  # else with the lambda's body, for itself
                out.calls.append((text, call.type))
            return f"CAST({text} AS {type_text(call.type)})" if call.type.is_decimal else text


def _with_lambda(listed: Expression, function: Lambda, others: Sequence[Expression], out: Rendering) -> list[str]:
    """The arguments of a call: the list, the lambda, the value to begin with."""
    before, *after = [_render(arg, out) for arg in (listed, *others)]
    names = tuple(f"p{out.lambdas}_{i}" for i in range(function.parameters))
    outside = out.lambdas, out.columns
    out.lambdas, out.columns = out.lambdas + 1, (*names, *after[function.given :])
    body = _render(function.body, out)
    out.lambdas, out.columns = outside
    return [before, f"lambda {', '.join(names)}: {body}", *after[: function.given]]


def _in_zone(call: Call, out: Rendering) -> str:
    match call.args:
        case (inner, Constant(str(zone))) if out.zone in (None, zone):
            out.zone = zone
            return _render(inner, out)
        case _:
            raise Unsupported("the session's time zone")


def _constant(constant: Constant, out: Rendering) -> str:
    value, dtype = constant.value, constant.type
    text = type_text(dtype)
    if value is None:
        return f"CAST(NULL AS {text})"
    match dtype.name, value:
        case "INTERVAL", (int(months), int(days), int(micros)):
            parts = (("months", "INTEGER", months), ("days", "INTEGER", days), ("microseconds", "BIGINT", micros))
            return "(" + " + ".join(f"to_{unit}(CAST({out.bind(n)} AS {kind}))" for unit, kind, n in parts) + ")"
        case _, int(place) if dtype.is_enum:
            bound = out.bind(labels_of(dtype)[place])
        case "TIME", int(micros) if micros >= _DAY:
            raise Unsupported("the time 24:00:00")
        case "DECIMAL", int(unscaled):
            digits = tuple(int(digit) for digit in str(abs(unscaled)))
            bound = out.bind(Decimal((int(unscaled < 0), digits, -dtype.scale)))
        case _:
            bound = out.bind(value)
    return _CONSTANTS.get(dtype.name, f"CAST({{}} AS {text})").replace(
        "{}", bound, 1
    )  # an ENUM's labels may have braces
