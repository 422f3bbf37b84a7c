"""Plans as short text, for tests to compare and people to read."""

from __future__ import annotations

from locality.plan import virtual
from locality.plan.expressions import AggregateCall, Call, Case, Cast, ColumnRef, Constant, Expression, SortKey
from locality.plan.nodes import (
    Aggregate,
    AsofJoin,
    ComputedLimit,
    Filter,
    Join,
    Limit,
    Node,
    Project,
    Recursive,
    RecursiveScan,
    Scan,
    SetOperation,
    Shared,
    SharedScan,
    Sort,
    Union,
    Unnest,
    Values,
    Window,
    inputs_of,
)
from locality.plan.windows import Bound, WindowCall


def plan_text(node: Node, indent: str = "") -> str:
    """One line a node, children indented below their parents."""
    return "\n".join([indent + _head(node), *(plan_text(child, indent + "  ") for child in inputs_of(node))])


def _head(node: Node) -> str:
    match node:
        case Scan(table, columns, types):
            named = (f"{virtual.NAMES.get(c, c)}:{t}" for c, t in zip(columns, types, strict=True))
            return f"scan {table} [{', '.join(named)}]"
        case Filter(predicate=predicate):
            return f"filter {text(predicate)}"
        case Project(expressions=expressions):
            return "project " + ", ".join(text(e) for e in expressions)
        case Aggregate(groups=groups, aggregates=aggregates):
            return f"aggregate by [{', '.join(map(text, groups))}] of [{', '.join(map(_aggregate, aggregates))}]"
        case Sort(keys=keys):
            return "sort " + ", ".join(map(_key, keys))
        case Limit(limit=limit, offset=offset):
            return f"limit {limit} offset {offset}"
        case Join(kind=kind, keys=keys, residual=residual, backward=backward):
            on = [f"{text(key.left)} {'==' if key.null_safe else '='} {text(key.right)}" for key in keys]
            way = "backward " if backward else ""
            return f"{way}{kind} join on [{', '.join(on)}]" + (f" and {text(residual)}" if residual else "")
        case AsofJoin(kind=kind, keys=keys, comparison=comparison, value=value):
            on = [f"{text(key.left)} {'==' if key.null_safe else '='} {text(key.right)}" for key in keys]
            return f"{kind} asof join on [{', '.join(on)}] by {text(value.left)} {comparison} {text(value.right)}"
        case Shared(number=number):
            return f"shared {number}"
        case SharedScan(number, types):
            return f"scan shared {number} [{', '.join(map(str, types))}]"
        case Recursive(initial, step, number, distinct):
            parts = plan_text(initial, "  "), plan_text(step, "  ")
            return f"recursion {number}{' distinct' if distinct else ''} of\n{parts[0]}\nand\n{parts[1]}"
        case RecursiveScan(number, types):
            return f"scan of recursion {number} [{', '.join(map(str, types))}]"
        case ComputedLimit(limit=computed, share=share, offset=offset):
            return f"limit {f'{share}%' if computed is None else text(computed)} offset {offset}"
        case Unnest(lists=lists):
            return "unnest " + ", ".join(map(text, lists))
        case Union():
            return "union all"
        case SetOperation(kind=kind):
            return f"{kind}{' all' if node.all else ''}"
        case Values(rows, types):
            return f"values {', '.join(map(repr, rows))} [{', '.join(map(str, types))}]"
        case Window(calls=calls):
            return "window " + ", ".join(map(_window, calls))


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


def _window(call: WindowCall) -> str:
    partitions, keys = ", ".join(map(text, call.partitions)), ", ".join(map(_key, call.keys))
    frame = f"{call.frame.unit} {_bound(call.frame.start)} to {_bound(call.frame.end)}"
    words = [
        f"{call.name}({'distinct ' if call.distinct else ''}{', '.join(map(text, call.args))}):{call.type}",
        "ignore nulls" if call.ignore_nulls else "",
        f"filter {text(call.filter)}" if call.filter else "",
        f"over [{partitions}] by [{keys}] {frame}",
        f"exclude {call.exclude}" if call.exclude != "no others" else "",
    ]
    return " ".join(word for word in words if word)


def _bound(bound: Bound) -> str:
    return bound.kind if bound.offset is None else f"{bound.kind} {text(bound.offset)}"
