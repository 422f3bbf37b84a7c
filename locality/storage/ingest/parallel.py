"""Work on several threads, with results in order and a bound on what is under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_order(tasks: Iterator[Callable[[], T]], threads: int) -> Generator[T]:
    """The results of ``tasks``, run on ``threads`` threads a little ahead of the one that is asked for.

    The first error of a task ends it, as does closing the generator: tasks that have not begun are dropped, and those
    under way are waited for.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="locality-ingest") as executor:
        try:
            for task in tasks:
                waiting.append(executor.submit(task))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
