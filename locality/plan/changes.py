"""Statements that change a store, bound and typed: what is left to compute of each is the plan of a query."""

from __future__ import annotations

from dataclasses import dataclass

from locality.plan.nodes import Node


@dataclass(frozen=True)
class Delete:
    """Rows of ``table`` go. Output of ``rows``: their row ids, perhaps repeated."""

    table: str
    rows: Node


@dataclass(frozen=True)
class Update:
    """Rows of ``table`` get other values in ``columns``. Output of ``rows``: the new values, then the row id.

    Of a row id that is repeated, the first counts.
    """

    table: str
    columns: tuple[int, ...]
    rows: Node


@dataclass(frozen=True)
class Insert:
    """Rows come. Output of ``rows``: all columns of ``table``."""

    table: str
    rows: Node


Change = Delete | Update | Insert
