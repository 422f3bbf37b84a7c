"""Tables in text, as the advisor prints them."""

from __future__ import annotations

import io
from collections.abc import Sequence

#: Columns of a line.
_WIDTH = 120


def printed(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a title, cells wrapped where they are too long."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    text = io.StringIO()
    Console(file=text, width=_WIDTH).print(table)
    return text.getvalue().rstrip()


def shortened(text: str, width: int = 60) -> str:
    """The text, or its beginning if it is longer."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def some(names: Sequence[str]) -> str:
    """The first of them."""
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
