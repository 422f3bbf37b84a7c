"""Budgets: how many bytes the files of a store may take."""

from __future__ import annotations

import math
import re

from locality.errors import QueryError
from locality.storage.snapshot import Snapshot

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_SIZE = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*")


def bytes_allowed(budget: int | str, snapshot: Snapshot) -> int:
    """The bytes that a budget means: a number, ``"2GB"``, or ``"1.5x"`` of the tables without further layouts.

    Raises QueryError for what is none.
    """
    if isinstance(budget, int) and not isinstance(budget, bool) and budget > 0:
        return budget
    found = _SIZE.fullmatch(budget) if isinstance(budget, str) else None
    if found is not None and (number := float(found[1])) > 0:
        if found[2].upper() in _UNITS:
            return math.floor(number * _UNITS[found[2].upper()])
        if found[2] in ("x", "X"):
            return math.floor(number * primary_bytes(snapshot))
    raise QueryError(f"{budget!r} is no budget: give bytes, such as 2000000000 or '2GB', or '1.5x' of the tables")


def primary_bytes(snapshot: Snapshot) -> int:
    """Bytes of the files of the tables without further layouts."""
    return sum(file.size for entry in snapshot.entries.values() for file in entry.primary.files)


def stored_bytes(snapshot: Snapshot) -> int:
    """Bytes of the files of the tables with all layouts."""
    return sum(file.size for entry in snapshot.entries.values() for file in entry.files)
