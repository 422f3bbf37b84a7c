"""Columns that a layout stores beside those of its table: what foreign keys lead to from each of its rows."""

from __future__ import annotations

from dataclasses import dataclass

from locality.types import DataType


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key by positions: where none is NULL, ``columns`` equal ``parents`` of exactly one row of ``table``.

    Both have the same length; that holds of the rows that were not deleted.
    """

    columns: tuple[int, ...]
    table: str
    parents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Derived:
    """A column of a table's layout that has the values of another table's column, at the end of ``path``.

    number: among the columns of a scan of the layout's table, behind all of the table's own.
    column: position in the table that the path ends at; or ``ROW_ID``, for that row's position (a join index).
    NULL where a key of the path is NULL, and where the value itself is.
    """

    number: int
    type: DataType
    path: tuple[Reference, ...]
    column: int
