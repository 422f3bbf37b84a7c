"""Going on where a layout that a table can do without is damaged: another one has the same rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

from locality.errors import CorruptStoreError
from locality.storage.store import Store

_T = TypeVar("_T")


def from_whole_layouts(store: Store, answer: Callable[[], _T]) -> _T:
    """What ``answer`` returns over snapshots of the store; called again if a layout is found damaged and left out.

    A warning tells which, once. Raises CorruptStoreError where no other layout can answer.
    """
    try:
        return answer()
    except CorruptStoreError:
        found = store.set_aside_damaged()
        for message in found:
            warnings.warn(f"{message}; locality verify {store.path} --repair writes it anew", stacklevel=4)
        if not found:
            raise
    return answer()
