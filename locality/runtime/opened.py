"""What the parts of a connection have in common: the store that it has open, and what may be done to it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from locality.runtime.execution import Workers
from locality.settings import Settings
from locality.storage.snapshot import Snapshot
from locality.storage.store import Store


class Opened(ABC):
    """What methods of :class:`locality.connection.Connection` that stand in files of their own rest on."""

    settings: Settings
    _store: Store
    _workers: Workers

    @abstractmethod
    def _check_open(self) -> None:
        """Raises ConnectionClosedError."""

    @abstractmethod
    def _check_writable(self) -> None:
        """Raises StoreError if the store was opened to be read only."""

    @abstractmethod
    def _before_change(self) -> None:
        """Raises StoreError as :meth:`_check_writable`; writes anew what a change has to keep up and is missing."""

    @abstractmethod
    def _after_rewrite(self) -> None:
        """Lets go of the files that were superseded, unless somebody still reads them."""

    @abstractmethod
    def _snapshot(self) -> Snapshot:
        """The store as it is now; raises ConnectionClosedError."""
