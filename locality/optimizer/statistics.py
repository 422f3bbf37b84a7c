"""What the optimizer asks about stored tables. Columns are positions in the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from locality.plan.derived import Derived
from locality.plan.expressions import Constant, Expression, PhysicalValue
from locality.plan.nodes import Scan
from locality.plan.rollups import Rollup


class Statistics(Protocol):
    """Facts and estimates of the snapshot that a query runs over. Facts are proven; estimates only guide choices."""

    def rows(self, table: str) -> int:
        """The number of rows, deleted ones that a scan meets among them; a fact."""

    def distinct(self, table: str, column: int) -> int:
        """How many different values the column holds, about."""

    def has_nulls(self, table: str, column: int) -> bool:
        """Whether the column may hold NULL; False is a fact."""

    def is_raw(self, table: str, column: int) -> bool:
        """Whether the column holds text without a dictionary."""

    def unique_keys(self, table: str) -> Sequence[frozenset[int]]:
        """Sets of columns in all of which no two rows agree, but for deleted ones; facts."""

    def has_deletions(self, table: str) -> bool:
        """Whether a scan meets deleted rows."""

    def refers_to(self, table: str, columns: Sequence[int], parent: str, parents: Sequence[int]) -> bool:
        """Whether each row's ``columns``, where none is NULL, equal ``parents`` of exactly one row; True is a fact.

        Rows that were deleted are left out, of both tables.
        """

    def layouts(self, table: str) -> Sequence[str]:
        """The names of the table's layouts, the primary one first; a fact."""

    def derived(self, table: str, layout: str) -> Sequence[Derived]:
        """The further columns that a layout of the table has, whose values are those of the snapshot: a fact.

        All questions about columns are answered for their numbers, too.
        """

    def follows(self, table: str, layout: str, column: int) -> bool:
        """Whether the rows of a layout lie in about the order of a column."""

    def scan_bytes(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        """Bytes of the scan's columns, in its layout, in the zones that may hold rows for which all ``conjuncts``, over
        its columns, are true; infinity if the layout lacks a column.
        """

    def peek(self, constant: Constant, test: Callable[[PhysicalValue], bool]) -> bool:
        """Whether a test holds of a constant's value; a plan is for such values of a parameter as give the same answer.

        test: equal to another that tests the same.
        """

    def is_wide(self, table: str, column: int) -> bool:
        """Whether the column holds integers or decimals of more than 64 bits."""

    def magnitude(self, table: str, column: int) -> int | None:
        """The greatest absolute value of a column of integers, or of decimals without their point; None if unknown."""

    def rollups(self, table: str) -> Sequence[Rollup]:
        """The stored aggregations of exactly the table's rows."""

    def selectivity(self, scan: Scan, conjuncts: Sequence[Expression]) -> float:
        """The share of the scan's rows for which all ``conjuncts``, over its columns, are true, about."""
