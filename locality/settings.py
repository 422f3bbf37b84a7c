"""Per-connection settings, with defaults taken from the machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import cache

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_SIZE = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*")


def bytes_of(size: object) -> int | None:
    """The bytes that a size means, a number or a text such as ``"2GB"``; None for what is none."""
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        return size
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None or found[2].upper() not in _UNITS:
        return None
    return int(float(found[1]) * _UNITS[found[2].upper()])


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
    """What a user may set on a connection; other names and values raise AttributeError and ValueError.

    threads: worker threads for queries and ingest.
    memory_limit: bytes that a query's intermediate state and the cache of decompressed text may hold, each array
        counted by :mod:`locality.memory`, as a number or such as ``"2GB"``; 0 means 80% of the machine's memory.
    progress: show progress bars; None means only when standard error is a terminal.
    disabled_optimizers: names of optimizer passes and operator choices to go without, to see what each contributes:
        answers stay the same. The next query raises ValueError, with the names that there are, for another one.
    fallback: let DuckDB answer what the kernels can't; if False such a query raises NoFallbackError with the reason.
    workload_log: keep the shapes of queries, with a few of their texts and parameters, in the store, where only its
        owner can read them: layouts are proposed by them. None: a read-only connection keeps them to itself.
    """

    threads: int = field(default_factory=available_threads)
    memory_limit: int | str = 0
    progress: bool | None = None
    fallback: bool = True
    disabled_optimizers: frozenset[str] = frozenset()
    workload_log: bool | None = None

    def __setattr__(self, name: str, value: object) -> None:
        if name == "threads" and not (isinstance(value, int) and value >= 1):
            raise ValueError(f"threads is a number of at least 1, not {value!r}")
        if name == "memory_limit" and bytes_of(value) is None:
            raise ValueError(f"memory_limit is a number of bytes, such as 2000000000 or '2GB', not {value!r}")
        if name == "disabled_optimizers" and isinstance(value, Iterable):
            value = frozenset([value] if isinstance(value, str) else value)
        if name not in (known := [each.name for each in fields(self)]):
            raise AttributeError(f"there is no setting {name!r}; the settings are {', '.join(known)}")
        super().__setattr__(name, value)

    @property
    def memory_bytes(self) -> int:
        """The memory limit in bytes, whether set or by default."""
        return bytes_of(self.memory_limit) or machine_memory() * 4 // 5
