"""The rows that a relation of an attached connection gives."""

from __future__ import annotations

from typing import Any

from locality.duckdb.relation import AttachedRelation


def rows_of(relation: AttachedRelation | None) -> list[tuple[Any, ...]]:
    """All rows; fails where the statement gave no relation."""
    assert relation is not None
    found: list[tuple[Any, ...]] = relation.fetchall()
    return found
