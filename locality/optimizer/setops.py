"""INTERSECT and EXCEPT as groupings: which sides a row comes from tells whether it stays.

The rows of both sides are grouped by all their columns, so that NULL equals NULL, with the least and greatest number of
a side. With ALL, the copies of a row within its side are numbered first: then no two rows of a side are equal, and the
same grouping finds the copies that both sides have.
"""

from __future__ import annotations

from locality.plan.expressions import AggregateCall, Call, ColumnRef, Constant
from locality.plan.nodes import Aggregate, Filter, Node, Project, SetOperation, Union, Window, inputs_of, with_inputs
from locality.plan.windows import Bound, Frame, WindowCall
from locality.types import BIGINT, BOOLEAN, INTEGER

_LEFT, _RIGHT = 0, 1
_WHOLE = Frame("rows", Bound("unbounded preceding"), Bound("current row"))


def group_set_operations(root: Node) -> Node:
    """The plan without INTERSECT and EXCEPT."""
    node = with_inputs(root, [group_set_operations(child) for child in inputs_of(root)])
    return _grouped(node) if isinstance(node, SetOperation) else node


def _grouped(node: SetOperation) -> Node:
    sides = _marked(node.left, _LEFT, node.all), _marked(node.right, _RIGHT, node.all)
    tag = len(sides[0].types) - 1
    keys = tuple(ColumnRef(i, dtype) for i, dtype in enumerate(sides[0].types[:tag]))
    ends = tuple(AggregateCall(name, (ColumnRef(tag, INTEGER),), INTEGER) for name in ("min", "max"))
    groups = Aggregate(Union(sides), keys, ends)
    first, last = ((ColumnRef(tag + i, INTEGER), Constant(side, INTEGER)) for i, side in enumerate((_LEFT, _RIGHT)))
    there = Call("=", first, BOOLEAN)
    other = Call("=" if node.kind == "intersect" else "<>", last, BOOLEAN)
    kept = Filter(groups, Call("and", (there, other), BOOLEAN))
    return Project(kept, tuple(ColumnRef(i, dtype) for i, dtype in enumerate(node.types)))


def _marked(side: Node, number: int, numbered: bool) -> Node:
    """The rows of a side, with the number of the copy if ``numbered``, and the side's number."""
    if numbered:
        everything = tuple(ColumnRef(i, dtype) for i, dtype in enumerate(side.types))
        side = Window(side, (WindowCall("row_number", (), BIGINT, everything, (), _WHOLE),))
    columns = tuple(ColumnRef(i, dtype) for i, dtype in enumerate(side.types))
    return Project(side, (*columns, Constant(number, INTEGER)))
