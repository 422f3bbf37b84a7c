"""Arguments and options that several subcommands have, and opening the store that they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from locality.connection import Connection

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

store_argument = click.argument("store", type=click.Path(path_type=Path, file_okay=True))

threads_option: Decorator = click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Worker threads; all cores by default."
)

workload_option: Decorator = click.option(
    "--workload",
    "-w",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file of SQL texts separated by semicolons; what can't be answered is told and left out. Default what was "
    "asked of the store: locality workload STORE shows it.",
)

budget_option: Decorator = click.option(
    "--budget",
    metavar="SIZE",
    help="Bytes that the store's files may take, such as 2GB, or 1.5x of its tables without further layouts. Default "
    "what they take now.",
)

rollups_option: Decorator = click.option("--rollups", is_flag=True, help="Think of stored aggregations, too.")

picture_option: Decorator = click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw what the queries read of each layout, as .html or .svg.",
)


def open_store(
    store: Path, threads: int | None = None, *, read_only: bool = True, workload_log: bool | None = None
) -> Connection:
    """A connection to an existing store; with ``read_only=False`` one that is created if it is missing."""
    import locality

    return locality.connect(store, read_only=read_only, threads=threads, workload_log=workload_log)


def examples(*lines: str) -> str:
    """The closing paragraph of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
