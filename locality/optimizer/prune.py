"""Drops what nobody reads: columns of scans, projections, joins and shared results, aggregates and window calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from locality.plan.columns import renumbered
from locality.plan.expressions import AggregateCall, ColumnRef, Expression, columns_of
from locality.plan.nodes import (
    Aggregate,
    AsofJoin,
    ComputedLimit,
    Filter,
    Join,
    JoinKey,
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

#: The columns of each shared result that its readers use, by its number.
_SharedColumns = Mapping[int, frozenset[int]]


def prune_columns(root: Node) -> Node:
    """The plan with every node's output reduced to what is used above it; the root's output stays as it is.

    The inputs of joins are reduced exactly, by a projection where need be: what a join carries costs for each row.
    """
    everything = _all(root)
    shared: dict[int, frozenset[int]] = {}
    _collect_shared(root, everything, shared)
    return _exactly(root, everything, shared)


def _collect_shared(node: Node, used: frozenset[int], shared: dict[int, frozenset[int]]) -> None:
    """Note which columns of shared results are used. The readers of a result are seen before what it is made of."""
    if isinstance(node, SharedScan):
        shared[node.number] = shared.get(node.number, frozenset()) | used
        return
    if isinstance(node, Shared):
        _collect_shared(node.child, used, shared)
        _collect_shared(node.definition, shared.get(node.number, frozenset()), shared)
        return
    for child, wanted in zip(inputs_of(node), _used_of_inputs(node, used), strict=True):
        _collect_shared(child, wanted, shared)


def _used_of_inputs(node: Node, used: frozenset[int]) -> tuple[frozenset[int], ...]:
    """What ``node``, of which ``used`` is read above, reads of each of its inputs."""
    match node:
        case Filter(predicate=predicate):
            return (used | columns_of(predicate),)
        case Project(expressions=expressions):
            return (_read(expressions[i] for i in used),)
        case Aggregate(groups=groups):
            calls = _used_calls(node, used)
            return (_read([*groups, *(e for call in calls for e in call.expressions())]),)
        case Sort(keys=keys):
            return (used | _read(key.expression for key in keys),)
        case Window(child, calls):
            width = len(child.types)
            below = frozenset(i for i in used if i < width)
            return (below | _read(e for i, call in enumerate(calls) if width + i in used for e in call.expressions()),)
        case ComputedLimit(limit=limit):
            return (used if limit is None else used | columns_of(limit),)
        case Unnest(child, lists):
            return (frozenset(i for i in used if i < len(child.types)) | _read(lists),)
        case Join() | AsofJoin():
            return _used_of_sides(node, used)
        case SetOperation(left, right):
            return _all(left), _all(right)
        case _:
            return tuple(used for _ in inputs_of(node))


def _used_of_sides(node: Join | AsofJoin, used: frozenset[int]) -> tuple[frozenset[int], frozenset[int]]:
    width = len(node.left.types)
    if node.kind == "mark":
        used -= {width}
    if isinstance(node, Join) and node.residual is not None:
        used |= columns_of(node.residual)
    keys = node.keys if isinstance(node, Join) else (*node.keys, node.value)
    left = frozenset(i for i in used if i < width) | _read(key.left for key in keys)
    right = frozenset(i - width for i in used if i >= width) | _read(key.right for key in keys)
    return left, right


def _used_calls(node: Aggregate, used: frozenset[int]) -> list[AggregateCall]:
    return [call for i, call in enumerate(node.aggregates) if len(node.groups) + i in used]


def _prune(node: Node, used: frozenset[int], shared: _SharedColumns) -> tuple[Node, Sequence[int]]:
    """The node with at least the ``used`` columns, and which of its old columns the new ones are, in order."""
    match node:
        case Scan(table, columns, types):
            kept: Sequence[int] = sorted(used)
            return Scan(table, tuple(columns[i] for i in kept), tuple(types[i] for i in kept)), kept
        case SharedScan(number, types):
            kept = sorted(shared[number])
            return SharedScan(number, tuple(types[i] for i in kept)), kept
        case Values(rows, types):
            kept = sorted(used)
            return Values(tuple(tuple(row[i] for i in kept) for row in rows), tuple(types[i] for i in kept)), kept
        case Recursive() | RecursiveScan():
            return node, range(len(node.types))
        case Join():
            return _prune_join(node, used, shared)
        case AsofJoin():
            return _prune_asof(node, used, shared)
        case Shared(definition, child, number):
            pruned, kept = _prune(child, used, shared)
            return Shared(_exactly(definition, shared.get(number, frozenset()), shared), pruned, number), kept
        case Union(inputs):
            return Union(tuple(_exactly(each, used, shared) for each in inputs)), sorted(used)
        case SetOperation(left, right):
            sides = _exactly(left, _all(left), shared), _exactly(right, _all(right), shared)
            return replace(node, left=sides[0], right=sides[1]), range(len(node.types))
        case _:
            (wanted,) = _used_of_inputs(node, used)
            child, below = _prune(node.child, wanted, shared)
            return _over(node, used, child, below)


def _exactly(node: Node, used: frozenset[int], shared: _SharedColumns) -> Node:
    """The node with the ``used`` columns and no others, in order."""
    pruned, kept = _prune(node, used, shared)
    if len(kept) == len(used):
        return pruned
    return Project(pruned, tuple(ColumnRef(i, pruned.types[i]) for i, old in enumerate(kept) if old in used))


def _prune_join(node: Join, used: frozenset[int], shared: _SharedColumns) -> tuple[Node, Sequence[int]]:
    width = len(node.left.types)
    for_left, for_right = _used_of_sides(node, used)
    lefts, rights = sorted(for_left), sorted(for_right)
    both = [*lefts, *(width + i for i in rights)]
    join = Join(
        _exactly(node.left, for_left, shared),
        _exactly(node.right, for_right, shared),
        node.kind,
        tuple(_renumber_key(key, lefts, rights) for key in node.keys),
        None if node.residual is None else _renumber(node.residual, both),
    )
    match node.kind:
        case "semi" | "anti":
            return join, lefts
        case "mark":
            return join, [*lefts, width]
        case _:
            return join, both


def _prune_asof(node: AsofJoin, used: frozenset[int], shared: _SharedColumns) -> tuple[Node, Sequence[int]]:
    width = len(node.left.types)
    for_left, for_right = _used_of_sides(node, used)
    lefts, rights = sorted(for_left), sorted(for_right)
    sides = _exactly(node.left, for_left, shared), _exactly(node.right, for_right, shared)
    keys = tuple(_renumber_key(key, lefts, rights) for key in node.keys)
    value = _renumber_key(node.value, lefts, rights)
    join = replace(node, left=sides[0], right=sides[1], keys=keys, value=value)
    return join, [*lefts, *(width + i for i in rights)]


def _renumber_key(key: JoinKey, lefts: Sequence[int], rights: Sequence[int]) -> JoinKey:
    return JoinKey(_renumber(key.left, lefts), _renumber(key.right, rights), key.null_safe)


def _over(
    node: Filter | Project | Aggregate | Sort | Limit | Window | Unnest | ComputedLimit,
    used: frozenset[int],
    child: Node,
    below: Sequence[int],
) -> tuple[Node, Sequence[int]]:
    """``node`` over its pruned child, whose columns are those that were numbered ``below``."""
    match node:
        case Filter(predicate=predicate):
            return Filter(child, _renumber(predicate, below)), below
        case Project(expressions=expressions):
            kept = sorted(used)
            return Project(child, tuple(_renumber(expressions[i], below) for i in kept)), kept
        case Aggregate(groups=groups):
            return _prune_aggregate(node, used, child, below), [
                *range(len(groups)),
                *(i for i in range(len(groups), len(node.types)) if i in used),
            ]
        case Sort(keys=keys):
            renumbered = tuple(replace(key, expression=_renumber(key.expression, below)) for key in keys)
            return Sort(child, renumbered), below
        case Limit():
            return replace(node, child=child), below
        case ComputedLimit(limit=limit):
            return replace(node, child=child, limit=None if limit is None else _renumber(limit, below)), below
        case Unnest(lists=lists):
            width = len(node.child.types)
            moved = tuple(_renumber(each, below) for each in lists)  # all of them make the rows
            return Unnest(child, moved), [*below, *range(width, width + len(lists))]
        case Window(calls=calls):
            width = len(node.child.types)
            kept = [i for i in range(len(calls)) if width + i in used]
            chosen = tuple(calls[i].mapped(lambda e: _renumber(e, below)) for i in kept)
            return Window(child, chosen) if chosen else child, [*below, *(width + i for i in kept)]


def _prune_aggregate(node: Aggregate, used: frozenset[int], child: Node, below: Sequence[int]) -> Aggregate:
    """Groups stay, because they make the rows."""
    calls = tuple(call.mapped(lambda e: _renumber(e, below)) for call in _used_calls(node, used))
    return Aggregate(child, tuple(_renumber(group, below) for group in node.groups), calls)


def _all(node: Node) -> frozenset[int]:
    return frozenset(range(len(node.types)))


def _read(expressions: Iterable[Expression]) -> frozenset[int]:
    return frozenset().union(*(columns_of(e) for e in expressions))


def _renumber(expression: Expression, kept: Sequence[int]) -> Expression:
    return renumbered(expression, {old: new for new, old in enumerate(kept)})
