"""A result as a table of HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from locality.units import quantity

if TYPE_CHECKING:
    from locality.runtime.result import Result

#: Rows shown from each end.
_SHOWN = 10


def table_of(result: Result) -> str:
    """The first and last rows below names and types of the columns, and how many rows there are."""
    count, width = result.shape
    rows = [_row(row) for row in result.text_rows(0, 2 * _SHOWN if count <= 2 * _SHOWN else _SHOWN)]
    if count > 2 * _SHOWN:
        rows += [_row(["…"] * width), *(_row(row) for row in result.text_rows(count - _SHOWN))]
    head = "".join(
        f"<th>{escape(name)}<br><small>{escape(dtype)}</small></th>"
        for name, dtype in zip(result.columns, result.types, strict=True)
    )
    size = f"{quantity(count, 'row')}, {quantity(width, 'column')}"
    body = "".join(rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><small>{size}</small>"


def _row(values: Iterable[str | None]) -> str:
    cells = ("<td><i>NULL</i></td>" if value is None else f"<td>{escape(value)}</td>" for value in values)
    return f"<tr>{''.join(cells)}</tr>"
