"""Joins and set operations by the book: every pair of rows is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from locality.plan.expressions import Expression
from locality.plan.nodes import Join, SetOperation

Row = tuple[Any, ...]
Rows = list[Row]
#: The value of an expression at a row.
Value = Callable[[Expression, Row], Any]
#: A function by name over values, where None is NULL.
Function = Callable[[str, list[Any]], Any]


def join(node: Join, lefts: Rows, rights: Rows, value: Value, function: Function) -> Rows:
    """The rows of ``node``; for a ``single`` join with a second match, ValueError."""

    def verdict(left: Row, right: Row) -> Any:
        terms = [
            function("is not distinct from" if key.null_safe else "=", [value(key.left, left), value(key.right, right)])
            for key in node.keys
        ]
        if node.residual is not None:
            terms.append(value(node.residual, (*left, *right)))
        return function("and", terms)

    verdicts = [[verdict(left, right) for right in rights] for left in lefts]
    matches = [[i for i, found in enumerate(row) if found is True] for row in verdicts]
    pairs = [(*left, *rights[i]) for left, found in zip(lefts, matches, strict=True) for i in found]
    no_left, no_right = (None,) * len(node.left.types), (None,) * len(node.right.types)
    only_left = [(*left, *no_right) for left, found in zip(lefts, matches, strict=True) if not found]
    matched = {i for found in matches for i in found}
    only_right = [(*no_left, *right) for i, right in enumerate(rights) if i not in matched]
    match node.kind:
        case "inner":
            return pairs
        case "left":
            return pairs + only_left
        case "right":
            return pairs + only_right
        case "full":
            return pairs + only_left + only_right
        case "semi":
            return [left for left, found in zip(lefts, matches, strict=True) if found]
        case "anti":
            return [left for left, found in zip(lefts, matches, strict=True) if not found]
        case "mark":
            return [(*left, function("or", row)) for left, row in zip(lefts, verdicts, strict=True)]
        case "single":
            if any(len(found) > 1 for found in matches):
                raise ValueError("more than one row")
            return pairs + only_left


def set_operation(node: SetOperation, lefts: Sequence[Row], rights: Sequence[Row]) -> Rows:
    """The rows of ``node``, each row's copies side by side."""
    result: Rows = []
    for row in dict.fromkeys(lefts):
        mine, theirs = lefts.count(row), rights.count(row)
        count = min(mine, theirs) if node.kind == "intersect" else max(mine - theirs, 0)
        if not node.all:
            count = bool(mine and theirs) if node.kind == "intersect" else not theirs
        result += [row] * count
    return result
