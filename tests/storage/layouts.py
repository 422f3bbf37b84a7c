"""What tests of stores without secondary layouts give where those would be arranged."""

from __future__ import annotations

from locality.storage.entries import LayoutEntry
from locality.storage.ingest.source import Source
from locality.storage.snapshot import Snapshot


def no_layouts(snapshot: Snapshot, layout: LayoutEntry) -> Source:
    """For tables that have none."""
    raise AssertionError(layout.name)
