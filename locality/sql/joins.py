"""Joins of DuckDB's plans -> plan.nodes.Join: equalities become keys, all other conditions the residual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from locality.errors import Unsupported
from locality.plan.columns import as_key, replaced, shifted
from locality.plan.expressions import Call, ColumnRef, Expression, conjunction, conjuncts
from locality.plan.nodes import AsofJoin, Join, JoinKey, JoinKind, Node, Window
from locality.sql.outputs import Output
from locality.sql.scalars import COMPARISONS, decode_expression
from locality.sql.versions.meaning import check_asof, check_call
from locality.sql.windows import row_number
from locality.types import BIGINT, BOOLEAN

_KINDS: dict[str, JoinKind] = {kind.upper(): kind for kind in get_args(JoinKind)} | {"OUTER": "full"}
#: Joins that keep the right side's rows; here the sides change places.
_SWAPPED: dict[str, JoinKind] = {"RIGHT_SEMI": "semi", "RIGHT_ANTI": "anti"}
_KEYS = {"=": False, "is not distinct from": True}


@dataclass(frozen=True)
class _Condition:
    """Terms of a join's condition: ``keys`` over a side each, ``others`` over the left columns, then the right ones."""

    keys: tuple[JoinKey, ...]
    others: tuple[Expression, ...]


def decode_comparison_join(data: dict[str, Any], left: Output, right: Output) -> Output:
    """A join by a list of conditions, each a comparison of the sides or any expression over both."""
    if data["duplicate_eliminated_columns"]:
        raise Unsupported("correlated subquery")
    keys: list[JoinKey] = []
    others: list[Expression] = []
    for condition in data["conditions"]:
        found = _condition(condition, left, right)
        keys += found.keys
        others += found.others
    return _join(data, left, right, _Condition(tuple(keys), tuple(others)))


def decode_any_join(data: dict[str, Any], left: Output, right: Output) -> Output:
    """A join by one expression over both sides."""
    condition = decode_expression(data["condition"], lambda i: _resolve(i, left, right))
    return _join(data, left, right, _sorted_terms(condition, left))


def decode_asof_join(data: dict[str, Any], left: Output, right: Output) -> Output:
    """A join with the nearest row: equalities and one inequality."""
    kind: Literal["inner", "left", "right", "full"]
    match data["join_type"]:
        case "INNER":
            kind = "inner"
        case "LEFT":
            kind = "left"
        case "RIGHT":
            kind = "right"
        case "OUTER" | "FULL":
            kind = "full"
        case other:
            raise Unsupported(f"{other.replace('_', ' ').lower()} asof join")
    keys, values = [], []
    for condition in data["conditions"]:
        if condition["right"] is None:
            raise Unsupported("asof join with a condition that is no comparison of its sides")
        mine = decode_expression(condition["left"], left.resolve)
        theirs = decode_expression(condition["right"], right.resolve)
        name = COMPARISONS[condition["comparison"]]
        if mine.type != theirs.type:
            raise Unsupported(f"asof join of {mine.type} with {theirs.type}")
        if name in _KEYS:
            keys.append(JoinKey(mine, theirs, _KEYS[name]))
        else:
            values.append((name, JoinKey(mine, theirs)))
    match values:
        case [(">" | ">=" | "<" | "<=" as comparison, value)]:
            check_asof(kind, keys)
            join = AsofJoin(left.node, right.node, kind, tuple(keys), comparison, value)
            return _of_both(join, data, left, right)
        case _:
            raise Unsupported("asof join without one inequality")


def decode_positional_join(data: dict[str, Any], left: Output, right: Output) -> Output:
    """Rows side by side in the order in which they come; NULLs beside those that are more."""
    (one, width), (other, others) = ((side.node, len(side.node.types)) for side in (left, right))
    number = JoinKey(ColumnRef(width, BIGINT), ColumnRef(others, BIGINT))
    join = Join(Window(one, (row_number((), ()),)), Window(other, (row_number((), ()),)), "full", (number,))
    moved = tuple(None if position is None else width + 1 + position for position in right.layout)
    return Output(join, (*left.layout, *moved))


def decode_cross_product(data: dict[str, Any], left: Output, right: Output) -> Output:
    """All pairs of rows."""
    return _join({**data, "join_type": "INNER"}, left, right, _Condition((), ()))


def _condition(data: dict[str, Any], left: Output, right: Output) -> _Condition:
    if data["right"] is None:
        return _sorted_terms(decode_expression(data["left"], lambda i: _resolve(i, left, right)), left)
    name = COMPARISONS[data["comparison"]]
    mine, theirs = decode_expression(data["left"], left.resolve), decode_expression(data["right"], right.resolve)
    check_call(name, (mine, theirs))
    if name in _KEYS and mine.type == theirs.type:
        return _Condition((JoinKey(mine, theirs, null_safe=_KEYS[name]),), ())
    width = len(left.node.types)
    return _Condition((), (Call(name, (mine, shifted(theirs, width)), BOOLEAN),))


def _sorted_terms(condition: Expression, left: Output) -> _Condition:
    """The terms of ``condition``, over both sides; TRUE is no term."""
    width = len(left.node.types)
    keys: list[JoinKey] = []
    others: list[Expression] = []
    for term in conjuncts(condition):
        if (key := as_key(term, width)) is not None:
            keys.append(key)
        elif term != conjunction([]):
            others.append(term)
    return _Condition(tuple(keys), tuple(others))


def _resolve(index: int, left: Output, right: Output) -> Expression:
    if index < len(left.layout):
        return left.resolve(index)
    return shifted(right.resolve(index - len(left.layout)), len(left.node.types))


def _join(data: dict[str, Any], left: Output, right: Output, condition: _Condition) -> Output:
    """The join, with the columns that the projection maps of ``data`` choose of each side."""
    shown_left = left.pick(data.get("left_projection_map") or ())
    shown_right = right.pick(data.get("right_projection_map") or ())
    residual = conjunction(list(condition.others)) if condition.others else None
    if data["join_type"] in _SWAPPED:
        join = _swapped(_SWAPPED[data["join_type"]], left, right, condition.keys, residual)
        return Output(join, shown_right.layout)
    if data["join_type"] not in _KINDS:
        raise Unsupported(f"{data['join_type'].lower().replace('_', ' ')} join")
    join = Join(left.node, right.node, _KINDS[data["join_type"]], condition.keys, residual)
    width = len(left.node.types)
    match join.kind:
        case "semi" | "anti":
            return Output(join, shown_left.layout)
        case "mark":
            return Output(join, (*shown_left.layout, width))
        case _:
            return _of_both(join, data, left, right)


def _of_both(join: Node, data: dict[str, Any], left: Output, right: Output) -> Output:
    """A join that has the columns of both sides, of which the projection maps of ``data`` choose some."""
    shown_left = left.pick(data.get("left_projection_map") or ())
    shown_right = right.pick(data.get("right_projection_map") or ())
    width = len(left.node.types)
    moved = tuple(None if position is None else width + position for position in shown_right.layout)
    return Output(join, (*shown_left.layout, *moved))


def _swapped(
    kind: JoinKind, left: Output, right: Output, keys: tuple[JoinKey, ...], residual: Expression | None
) -> Join:
    """The join that keeps rows of ``right``, as one that keeps rows of its left side."""
    before, after = len(left.node.types), len(right.node.types)

    def moved(column: ColumnRef) -> ColumnRef:
        index = column.index + after if column.index < before else column.index - before
        return ColumnRef(index, column.type)

    turned = tuple(JoinKey(key.right, key.left, key.null_safe) for key in keys)
    if residual is not None:
        residual = replaced(residual, moved)
    return Join(right.node, left.node, kind, turned, residual)
