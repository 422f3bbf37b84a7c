"""Plans as short text, for tests to compare and people to read."""

from __future__ import annotations

from locality.plan.expressions import AggregateCall, Call, Case, Cast, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import Aggregate, Filter, Limit, Node, Project, Scan, Sort


def plan_text(node: Node, indent: str = "") -> str:
    """One line a node, children indented below their parents."""
    match node:
        case Scan(table=table, columns=columns, types=types):
            listed = ", ".join(f"{c}:{t}" for c, t in zip(columns, types, strict=True))
            return f"{indent}scan {table} [{listed}]"
        case Filter(predicate=predicate):
            head = f"filter {text(predicate)}"
        case Project(expressions=expressions):
            head = "project " + ", ".join(text(e) for e in expressions)
        case Aggregate(groups=groups, aggregates=aggregates):
            head = f"aggregate by [{', '.join(map(text, groups))}] of [{', '.join(map(_aggregate, aggregates))}]"
        case Sort(keys=keys):
            head = "sort " + ", ".join(map(_key, keys))
        case Limit(limit=limit, offset=offset):
            head = f"limit {limit} offset {offset}"
    return f"{indent}{head}\n{plan_text(node.child, indent + '  ')}"


def text(expression: Expression) -> str:
    """An expression with the type of every call, cast and constant."""
    match expression:
        case ColumnRef(index=index):
            return f"#{index}"
        case Constant(value=value, type=dtype):
            return f"{value!r}:{dtype}"
        case Call(name=name, args=args, type=dtype):
            return f"{name}({', '.join(map(text, args))}):{dtype}"
        case Cast(arg=arg, type=dtype, lenient=lenient):
            return f"{'try_cast' if lenient else 'cast'}({text(arg)} as {dtype})"
        case Case(branches=branches, otherwise=otherwise):
            return "case(" + ", ".join(f"{text(c)} -> {text(v)}" for c, v in branches) + f", else {text(otherwise)})"
        case _:
            raise AssertionError(f"the decoder doesn't make {type(expression).__name__}")


def _aggregate(call: AggregateCall) -> str:
    args = ("distinct " if call.distinct else "") + ", ".join(map(text, call.args))
    return f"{call.name}({args}):{call.type}" + (f" filter {text(call.filter)}" if call.filter else "")


def _key(key: SortKey) -> str:
    return text(key.expression) + (" desc" if key.descending else "") + (" nulls first" if key.nulls_first else "")
