"""The ledger of one query: which engine answered and why, how long it took, and the bytes that it moved."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locality.operators.physical import Traffic


@dataclass(frozen=True)
class PartProfile:
    """A part of a query that Locality ran: its text, the rows that it handed to DuckDB, and the seconds it took."""

    sql: str
    rows: int
    seconds: float


@dataclass(frozen=True)
class Profile:
    """What running a query took.

    engine: ``locality`` or ``duckdb``. reason: why DuckDB answered, or empty.
    seconds: wall time from the call to the finished result; planning_seconds: of these, planning.
    plan_reused: whether the plan is that of an earlier query: of the same text, with the same values or others.
    rows: of the result. threads: worker threads.
    kernels_compiled, compile_seconds: what was compiled in this process while the query ran, on all threads together.
    bytes_naive: what row-at-a-time processing would read, whole rows of every table scanned; 0 where DuckDB answered.
    operators: the bytes that each moved, in order of execution; none of DuckDB's, which keeps no such count.
    parts: what of a query that DuckDB answered Locality ran.
    """

    engine: str
    reason: str = ""
    seconds: float = 0.0
    planning_seconds: float = 0.0
    plan_reused: bool = False
    rows: int = 0
    threads: int = 1
    kernels_compiled: int = 0
    compile_seconds: float = 0.0
    bytes_naive: int = 0
    operators: tuple[Traffic, ...] = ()
    parts: tuple[PartProfile, ...] = ()

    @property
    def bytes_moved(self) -> int:
        """Bytes read from layouts, to and from intermediate state, and written out; 0 where DuckDB answered."""
        return sum(traffic.moved for traffic in self.operators)

    @property
    def bytes_minimum(self) -> int:
        """Bytes that any plan over these layouts must read; 0 where DuckDB answered."""
        return sum(traffic.minimum for traffic in self.operators)

    @property
    def touched(self) -> dict[str, int]:
        """Bytes read by stored column, ``table.column``, those that were read most first."""
        found: Counter[str] = Counter()
        for traffic in self.operators:
            found.update(traffic.touched)
        return dict(found.most_common())

    @property
    def share(self) -> float:
        """Bytes moved a second, as a share of the machine's read bandwidth, which is measured at the first call."""
        from locality.runtime.bandwidth import measured_read_bandwidth

        if self.seconds <= 0 or not self.bytes_moved:
            return 0.0
        return self.bytes_moved / self.seconds / measured_read_bandwidth(self.threads)
