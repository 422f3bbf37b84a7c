"""Per-connection settings, with defaults taken from the machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache


def available_threads() -> int:
    """The number of cores this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


@cache
def machine_memory() -> int:
    """Bytes of memory of this machine; 8 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30


@dataclass
class Settings:
    """What a user may set on a connection.

    threads: worker threads for queries and ingest.
    memory_limit: bytes that a query's intermediate state and the cache of decompressed text may hold, each array
        counted by :mod:`locality.memory`; 0 means 80% of the machine's memory.
    progress: show progress bars; None means only when standard error is a terminal.
    disabled_optimizers: names of optimizer passes and operator choices to go without, to see what each contributes:
        answers stay the same. The next query raises ValueError, with the names that there are, for another one.
    fallback: let DuckDB answer what the kernels can't; if False such a query raises QueryError with the reason.
    background_compile: let DuckDB answer a query whose kernels are not compiled yet, and compile them meanwhile on a
        thread of their own. Not by default: most queries are compiled sooner than DuckDB has read the store, and those
        with many joins over little data are the exception.
    workload_log: keep the shapes of queries, with a few of their texts and parameters, in the store, where only its
        owner can read them: layouts are proposed by them. None: a read-only connection keeps them to itself.
    """

    threads: int = field(default_factory=available_threads)
    memory_limit: int = 0
    progress: bool | None = None
    fallback: bool = True
    disabled_optimizers: frozenset[str] = frozenset()
    background_compile: bool = False
    workload_log: bool | None = None

    @property
    def memory_bytes(self) -> int:
        """The memory limit in bytes, whether set or by default."""
        return self.memory_limit or machine_memory() * 4 // 5
