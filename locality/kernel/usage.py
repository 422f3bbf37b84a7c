"""Which arrays a kernel writes, so that the others may be passed read-only (memory maps are)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from locality.kernel import ir
from locality.kernel.ir import Expr, Stmt
from locality.kernel.primitives import PRIMITIVES


def written_arrays(function: ir.Function) -> frozenset[str]:
    """The names of all arrays that ``function`` stores to: directly, through a slice, or by a primitive."""
    written: set[str] = set()
    origins: dict[str, str] = {}
    for stmt in statements(function.body):
        match stmt:
            case ir.Store(array, _, _) | ir.Update(_, array, _, _):
                written.add(array.name)
            case ir.Slice(target, array):
                origins[target.name] = array.name
        for expr in walk(expressions(stmt)):
            if isinstance(expr, ir.Call):
                written |= _written_arguments(expr)
    for expr in walk(() if function.result is None else (function.result,)):
        if isinstance(expr, ir.Call):
            written |= _written_arguments(expr)
    for name in tuple(written):
        while name in origins:
            name = origins[name]
            written.add(name)
    return frozenset(written)


def _written_arguments(call: ir.Call) -> set[str]:
    arguments = (call.args[position] for position in PRIMITIVES[call.primitive].writes)
    return {argument.name for argument in arguments if isinstance(argument, ir.Var)}


def statements(body: Sequence[Stmt]) -> Iterator[Stmt]:
    """Every statement of ``body``, nested ones after the one that holds them."""
    for stmt in body:
        yield stmt
        match stmt:
            case ir.For():
                yield from statements(stmt.body)
            case ir.If():
                yield from statements(stmt.then)
                yield from statements(stmt.otherwise)


def expressions(stmt: Stmt) -> tuple[Expr, ...]:
    """The expressions that ``stmt`` itself evaluates, without those of nested statements."""
    match stmt:
        case ir.Assign(_, value):
            return (value,)
        case ir.Store(_, indices, value) | ir.Update(_, _, indices, value):
            return (*indices, value)
        case ir.Slice(_, _, start, stop) | ir.For(_, start, stop):
            return (start, stop)
        case ir.If(condition):
            return (condition,)
        case ir.Evaluate(call):
            return (call,)
    return ()


def walk(expressions: Sequence[Expr]) -> Iterator[Expr]:
    """Every expression and its parts."""
    pending = list(expressions)
    while pending:
        expr = pending.pop()
        yield expr
        pending.extend(operands(expr))


def operands(expr: Expr) -> tuple[Expr, ...]:
    """The expressions that ``expr`` is made of."""
    match expr:
        case ir.Binary(_, left, right) | ir.Compare(_, left, right):
            return (left, right)
        case ir.Not(arg) | ir.Convert(arg):
            return (arg,)
        case ir.Select(condition, then, otherwise):
            return (condition, then, otherwise)
        case ir.Load(_, indices):
            return indices
        case ir.Call(_, args):
            return args
    return ()
