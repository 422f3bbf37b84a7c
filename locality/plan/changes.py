"""Statements that change a store, bound and typed: what is left to compute of each is the plan of a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class Action:
    """What a merge does with some of its rows. values: the positions of its values in the output of the merge's rows.

    columns: those of the table that an update sets; an insertion has values for all of them.
    """

    kind: Literal["insert", "update", "delete", "nothing", "error"]
    values: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()


@dataclass(frozen=True)
class Merge:
    """Each row has the number of one of ``actions`` done to it. Output of ``rows``: the number, the row id of the row
    of ``table`` that it matched (NULL if none), then values.
    """

    table: str
    actions: tuple[Action, ...]
    rows: Node


Change = Delete | Update | Insert | Merge


@dataclass(frozen=True)
class CreateTable:
    """A table comes. Output of ``rows``: the columns that are called ``names``; without ``rows`` it is empty.

    foreign_keys: columns, the table that they refer to, and its columns. existing: what to do if the table is there.
    """

    table: str
    names: tuple[str, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...]
    existing: Literal["refuse", "keep", "replace"]
    rows: Node | None


@dataclass(frozen=True)
class DropTable:
    """A table goes. lenient: whether it need not be there."""

    table: str
    lenient: bool


Definition = CreateTable | DropTable
