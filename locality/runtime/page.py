"""A result as a table of HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

from locality.units import quantity

#: Rows shown from each end.
_SHOWN = 10


def table_of(
    names: Sequence[str], types: Sequence[str], count: int, rows: Callable[[int, int], Iterable[Iterable[str | None]]]
) -> str:
    """The first and last of ``count`` rows, each a text a column; ``rows`` gives some from a number on."""
    shown = [*rows(0, 2 * _SHOWN)]
    if count > 2 * _SHOWN:
        shown[_SHOWN:] = [["…"] * len(names), *rows(count - _SHOWN, _SHOWN)]
    head = "".join(
        f"<th>{escape(name)}<br><small>{escape(dtype)}</small></th>" for name, dtype in zip(names, types, strict=True)
    )
    size = f"{quantity(count, 'row')}, {quantity(len(names), 'column')}"
    body = "".join(map(_row, shown))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><small>{size}</small>"


def _row(values: Iterable[str | None]) -> str:
    cells = ("<td><i>NULL</i></td>" if value is None else f"<td>{escape(value)}</td>" for value in values)
    return f"<tr>{''.join(cells)}</tr>"
