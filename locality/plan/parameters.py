"""Plans that hold for every value of their parameters: the values put in, and taken for good."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import is_not

from locality.plan.expressions import (
    Call,
    Case,
    Cast,
    Constant,
    Expression,
    Parameter,
    PhysicalValue,
    children,
    rewrite,
)
from locality.plan.nodes import Filter, Node, Values, inputs_of, with_inputs
from locality.plan.reads import expressions_of, with_expressions
from locality.types import BOOLEAN


def bound(root: Node, values: Sequence[PhysicalValue]) -> Node:
    """The plan with ``values``, by parameter, in the place of those that it has."""
    inputs = inputs_of(root)
    changed = [bound(child, values) for child in inputs]
    if any(a is not b for a, b in zip(inputs, changed, strict=True)):
        root = with_inputs(root, changed)
    if not any(has_parameter(e) for e in expressions_of(root)):
        return root
    return with_expressions(root, lambda e: bound_expression(e, values))


def has_parameter(expression: Expression) -> bool:
    """Whether other values may stand in the expression."""
    return isinstance(expression, Parameter) or any(map(has_parameter, children(expression)))


def bound_expression(
    expression: Expression, values: Sequence[PhysicalValue] | Mapping[int, PhysicalValue]
) -> Expression:
    """The expression with ``values``, by parameter, in the place of those that it has; itself where it has none."""
    match expression:
        case Parameter(_, dtype, index):
            return Parameter(values[index], dtype, index)
        case Call(name, args, dtype):
            terms = [bound_expression(arg, values) for arg in args]
            return Call(name, tuple(terms), dtype) if any(map(is_not, terms, args)) else expression
        case Cast(arg, dtype, lenient):
            inner = bound_expression(arg, values)
            return expression if inner is arg else Cast(inner, dtype, lenient)
        case Case(branches, otherwise, dtype):
            pairs = tuple([(bound_expression(c, values), bound_expression(v, values)) for c, v in branches])
            return Case(pairs, bound_expression(otherwise, values), dtype)
        case _:
            return expression


def pinned(root: Node, indices: Collection[int]) -> Node:
    """The plan for the values that these parameters have alone, simplified by those that are truth values."""

    def change(expression: Expression) -> Expression:
        match expression:
            case Parameter(value, dtype, index) if index in indices:
                return Constant(value, dtype)
            case _:
                return _simplified(expression)

    return _without_settled(mapped(root, lambda e: rewrite(e, change) if has_parameter(e) else e))


def unified(root: Node, twins: Sequence[int]) -> Node:
    """The plan with parameter ``twins[i]`` in the place of parameter ``i``, which always has the same value."""

    def change(expression: Expression) -> Expression:
        match expression:
            case Parameter(value, dtype, index):
                return Parameter(value, dtype, twins[index])
            case _:
                return expression

    return mapped(root, lambda e: rewrite(e, change) if has_parameter(e) else e)


def mapped(root: Node, change: Callable[[Expression], Expression]) -> Node:
    """The plan with every expression changed to one of the same type."""
    return with_expressions(with_inputs(root, [mapped(child, change) for child in inputs_of(root)]), change)


def _without_settled(root: Node) -> Node:
    """Without filters that let everything through, or nothing."""
    root = with_inputs(root, [_without_settled(child) for child in inputs_of(root)])
    match root:
        case Filter(child, predicate) if _is(predicate, True):
            return child
        case Filter(child, predicate) if _is(predicate, False):
            return Values((), child.types)
        case _:
            return root


def _simplified(expression: Expression) -> Expression:
    """Without truth values that decide, or don't matter, in a conjunction, a disjunction, a negation or a CASE."""
    match expression:
        case Call("and" | "or" as name, args):
            decides = name == "or"
            if any(_is(arg, decides) for arg in args):
                return Constant(decides, BOOLEAN)
            open_terms = tuple(arg for arg in args if not _is(arg, not decides))
            match open_terms:
                case ():
                    return Constant(not decides, BOOLEAN)
                case (only,):
                    return only
                case _:
                    return Call(name, open_terms, BOOLEAN)
        case Call("not", (Constant(bool(value)),)):
            return Constant(not value, BOOLEAN)
        case Case(branches, otherwise, dtype):
            kept = [branch for branch in branches if not _is(branch[0], False)]
            first = next((i for i, (condition, _) in enumerate(kept) if _is(condition, True)), len(kept))
            if first < len(kept):
                otherwise = kept[first][1]
            return Case(tuple(kept[:first]), otherwise, dtype) if first else otherwise
        case _:
            return expression


def _is(expression: Expression, value: bool) -> bool:
    """Whether an expression is this truth value, for good."""
    return isinstance(expression, Constant) and not isinstance(expression, Parameter) and expression.value is value
