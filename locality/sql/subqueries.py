"""Scalar subqueries, as DuckDB plans those that read nothing of the query around them.

It takes the first row and counts the rows, and calls ``error`` if there are more than one. Here this becomes a join
that allows one match: it needs no aggregate of its own, and stops at the second row.
"""

from __future__ import annotations

from typing import Any

from locality.plan.expressions import Call, Case, ColumnRef, Constant, Expression
from locality.plan.nodes import Aggregate, Join, Node, Project
from locality.sql.leaves import ONE_ROW
from locality.sql.lists import is_list, project_lists
from locality.sql.outputs import Output, all_of, decode_all

#: How the message of that error begins.
_MESSAGE = "More than one row returned by a subquery"


def decode_projection(data: dict[str, Any], child: Output) -> Output:
    """A projection, or the one value of a scalar subquery."""
    if any(map(is_list, data["expressions"])):
        return project_lists(data["expressions"], child)
    expressions = decode_all(data["expressions"], child.resolve)
    return all_of(_only_row(child.node, expressions) or Project(child.node, expressions))


def _only_row(child: Node, expressions: tuple[Expression, ...]) -> Node | None:
    """``child`` without its aggregation, joined to one row, if ``expressions`` say that it has one row at most."""
    match child, expressions:
        case (
            Aggregate(rows, (), (first, counted)),
            (Case(((Call(">", (ColumnRef(1), Constant(1))), Call("error", (Constant(str(text)),))),), ColumnRef(0)),),
        ) if (first.name, counted.name) == ("first", "count_star") and text.startswith(_MESSAGE):
            return Join(ONE_ROW, Project(rows, first.args), "single", ())
    return None
