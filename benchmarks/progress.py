"""What is being done, for how long, and about how much longer: on standard error, if that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .runner import Notify
from .units import duration


@contextmanager
def display() -> Iterator[Callable[[], Notify]]:
    """What starts the display, which ends with the block; silent but on a terminal."""
    console = Console(stderr=True)
    with ExitStack() as stack:

        def start() -> Notify:
            if not console.is_terminal:
                return lambda text, left: None
            columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
            progress = stack.enter_context(Progress(*columns, console=console, transient=True))
            task = progress.add_task("starting", total=None)
            return lambda text, left: progress.update(task, description=f"{text}{_remaining(left)}")

        yield start


def _remaining(seconds: float) -> str:
    return f" (at most {duration(seconds)} left)" if seconds >= 1 else ""
