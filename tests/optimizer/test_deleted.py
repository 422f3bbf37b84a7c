"""Filters that leave out deleted rows, and what is known of a scan with and without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from locality.optimizer.deleted import leave_out_deleted
from locality.optimizer.facts import Prover
from locality.plan.expressions import Call, ColumnRef, Constant
from locality.plan.nodes import Aggregate, Filter, Limit, Project, Scan
from locality.plan.virtual import LIVE, ROW_ID
from locality.types import BIGINT, BOOLEAN, INTEGER
from tests.optimizer.known import Counted

SCAN = Scan("t", (1, 0), (INTEGER, INTEGER))
POSITIVE = Call(">", (ColumnRef(0, INTEGER), Constant(0, INTEGER)), BOOLEAN)


@dataclass(frozen=True)
class Changed(Counted):
    """Tables with a key, their first column, which holds for the rows that were not deleted."""

    deleted: bool = True

    def has_deletions(self, table: str) -> bool:
        return self.deleted

    def has_nulls(self, table: str, column: int) -> bool:
        return column == LIVE or (column != ROW_ID and super().has_nulls(table, column))

    def unique_keys(self, table: str) -> Sequence[frozenset[int]]:
        return [frozenset({0})]


TABLES = {"t": [(1, 5), (1, 6), (2, 7)]}


def test_a_scan_is_filtered_and_keeps_its_columns() -> None:
    node = leave_out_deleted(Limit(SCAN, 3), Changed(TABLES))
    assert node.types == SCAN.types
    match node:
        case Limit(Project(Filter(Scan("t", columns), Call("is not null", (ColumnRef(2),))), expressions)):
            assert columns == (1, 0, LIVE)
            assert expressions == (ColumnRef(0, INTEGER), ColumnRef(1, INTEGER))
        case _:
            raise AssertionError(node)


def test_a_filter_of_a_scan_takes_the_test_in() -> None:
    node = leave_out_deleted(Filter(SCAN, POSITIVE), Changed(TABLES))
    assert isinstance(node, Project)
    assert isinstance(node.child, Filter)
    assert isinstance(node.child.child, Scan)


def test_a_table_without_deletions_is_as_it_was() -> None:
    for node in (SCAN, Filter(SCAN, POSITIVE), Aggregate(SCAN, (ColumnRef(0, INTEGER),), ())):
        assert leave_out_deleted(node, Changed(TABLES, deleted=False)) == node


def test_keys_hold_for_the_rows_that_are_left() -> None:
    statistics = Changed(TABLES)
    prover = Prover(statistics)
    assert prover.facts(leave_out_deleted(SCAN, statistics)).is_unique([1])
    assert not prover.facts(SCAN).is_unique([1])
    assert not prover.facts(Filter(SCAN, POSITIVE)).is_unique([1])
    assert prover.facts(Scan("t", (ROW_ID,), (BIGINT,))).is_unique([0])
