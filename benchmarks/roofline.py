"""What the machine's memory and disk can do: the rooflines that measured queries are held against.

Working sets from a part of the first cache to much more than the last one, read, written and accessed at random, by
each number of threads (compare lmbench and the STREAM benchmark); and a file read past the page cache.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

WORKING_SETS = tuple(2**bits for bits in (14, 17, 20, 23, 26, 28))
"""Bytes that each thread works on: 16 KiB to 256 MiB."""

_RUNS = 5
_RUN_BYTES = 2**26
"""Bytes that a run of sequential access moves at least, so that calls don't count: some milliseconds."""

_ACCESSES = 2**21
"""Random accesses of a run: more lines than a cache holds."""

_DISK_BYTES = 2**28
_DISK_CHUNK = 2**22


@dataclass(frozen=True)
class Point:
    """One figure. kind: ``read``, ``write``, ``random`` (8-byte reads at independent random places) or ``disk``.

    working_set: bytes that each thread works on, 0 for the disk. level: the cache that holds it, such as ``L2``, else
    ``memory``. bytes_per_second: of all threads together; each random access counts its 8 bytes.
    """

    kind: str
    threads: int
    working_set: int
    level: str
    bytes_per_second: float


def measure(threads: Sequence[int], notify: Callable[[str], None] = lambda text: None) -> list[Point]:
    """The points of every kind, working set and number of threads, and the disk's where the system lets it be told.

    Takes some seconds; each figure is the best of five runs, because whatever else happens only takes speed away.
    """
    caches = cache_sizes()
    points = []
    for kind in ("read", "write", "random"):
        for count in threads:
            for size in WORKING_SETS:
                notify(f"roofline: {kind}, {size >> 10} KiB, {count} threads")
                points.append(Point(kind, count, size, level_of(size, caches), _memory(kind, count, size)))
    notify("roofline: disk")
    disk = _disk()
    return points if disk is None else [*points, Point("disk", 1, 0, "disk", disk)]


def read_bandwidth(points: Sequence[Point], threads: int) -> float | None:
    """What so many threads read from memory a second, the working set being the largest; None if it wasn't measured."""
    found = [point for point in points if (point.kind, point.threads) == ("read", threads)]
    return max(found, key=lambda point: point.working_set).bytes_per_second if found else None


def print_rooflines(points: Sequence[Point], console: Console) -> None:
    """A row for each kind and number of threads, a column for each working set."""
    sizes = sorted({point.working_set for point in points if point.kind != "disk"})
    levels = {point.working_set: point.level for point in points}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="GB/s", title_justify="left")
    table.add_column("access")
    table.add_column("threads", justify="right")
    for size in sizes:
        table.add_column(f"{size >> 10:,} KiB ({levels[size]})", justify="right")
    figures = {(point.kind, point.threads, point.working_set): point.bytes_per_second for point in points}
    for kind, threads in dict.fromkeys((point.kind, point.threads) for point in points):
        cells = [figures.get((kind, threads, size)) for size in sizes]
        if kind == "disk":
            cells = [*[None] * (len(sizes) - 1), figures[kind, threads, 0]]
        table.add_row(kind, str(threads), *("-" if each is None else f"{each / 1e9:.2f}" for each in cells))
    console.print(table)


def cache_sizes() -> dict[str, int]:
    """The sizes of a core's data caches by name, ``L1`` first; empty where the system doesn't tell."""
    found = {}
    for entry in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        if (entry / "type").read_text(encoding="ascii").strip() == "Instruction":
            continue
        level = (entry / "level").read_text(encoding="ascii").strip()
        size = re.fullmatch(r"(\d+)K", (entry / "size").read_text(encoding="ascii").strip())
        if size is not None:
            found[f"L{level}"] = int(size[1]) << 10
    return found


def level_of(size: int, caches: dict[str, int]) -> str:
    """The first cache that holds so many bytes."""
    return next((level for level, capacity in caches.items() if size <= capacity), "memory")


def _memory(kind: str, threads: int, size: int) -> float:
    import numpy as np

    kernel = _kernels()[kind]
    count = size // 8
    places = np.random.default_rng(0).integers(0, count, _ACCESSES if kind == "random" else 1).astype(np.int32)
    repeats = 1 if kind == "random" else max(1, _RUN_BYTES // size)
    arrays = [np.ones(count, np.int64) for _ in range(threads)]
    moved = threads * (len(places) * 8 if kind == "random" else repeats * size)
    seconds = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_RUNS):
            started = time.perf_counter()
            list(pool.map(lambda array: kernel(array, places, repeats), arrays))
            seconds.append(time.perf_counter() - started)
    return moved / min(seconds)


@cache
def _kernels() -> dict[str, Callable[..., Any]]:
    """Compiled loops that release the GIL; each repeat differs, so that none is left out."""
    import numba

    def read(values: Any, places: Any, repeats: int) -> Any:
        result = 0
        for repeat in range(repeats):
            for i in range(values.shape[0]):
                result += values[i] ^ repeat
        return result

    def write(values: Any, places: Any, repeats: int) -> Any:
        for repeat in range(repeats):
            for i in range(values.shape[0]):
                values[i] = repeat ^ i
        return values[0]

    def random(values: Any, places: Any, repeats: int) -> Any:
        result = 0
        for i in range(places.shape[0]):
            result += values[places[i]]
        return result

    signature = "int64(int64[::1], int32[::1], int64)"
    return {loop.__name__: numba.njit(signature, nogil=True)(loop) for loop in (read, write, random)}


def _disk() -> float | None:
    """Bytes a second of reading a new file that the page cache doesn't hold; None where it can't be kept out."""
    if not hasattr(os, "posix_fadvise"):
        return None
    with tempfile.NamedTemporaryFile() as file:
        block = os.urandom(_DISK_CHUNK)
        for _ in range(_DISK_BYTES // _DISK_CHUNK):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(0)
        started = time.perf_counter()
        while os.read(file.fileno(), _DISK_CHUNK):
            pass
        return _DISK_BYTES / (time.perf_counter() - started)
