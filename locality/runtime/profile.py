"""The ledger of one query: which engine answered and why, how long it took, and the bytes that it moved."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locality.units import byte_size, duration, quantity

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
    """What running a query took; as text, the bytes that each operator moved.

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

    @property
    def summary(self) -> str:
        """A line: who answered and why, how fast, and the bytes."""
        parts = [self._engine, duration(self.seconds), quantity(self.rows, "row")]
        if self.engine == "locality":
            least, naive = byte_size(self.bytes_minimum), byte_size(self.bytes_naive)
            parts.append(f"moved {byte_size(self.bytes_moved)}, at least {least}, whole rows {naive}")
        return " | ".join(parts)

    def ledger(self) -> list[str]:
        """What each operator moved, and all together."""
        total = f"{duration(self.seconds)} in all, of which planning {duration(self.planning_seconds)}"
        if self.kernels_compiled:
            total += f", {quantity(self.kernels_compiled, 'kernel')} compiled in {duration(self.compile_seconds)}"
        moved = (
            f"bytes moved {byte_size(self.bytes_moved)}, minimum {byte_size(self.bytes_minimum)}, "
            f"row at a time {byte_size(self.bytes_naive)}"
        )
        columns = ", ".join(f"{column} {byte_size(nbytes)}" for column, nbytes in self.touched.items())
        touched = [f"columns read: {columns}"] if columns else []
        return [_HEADER, *map(_line, self.operators), "", total, moved, *touched]

    def __str__(self) -> str:
        if self.engine != "locality":
            parts = (f"run by locality, {duration(part.seconds)}: {part.sql}" for part in self.parts)
            return "\n".join([self.summary, *parts])
        return "\n".join([self._engine, "", *self.ledger()])

    __repr__ = __str__

    @property
    def _engine(self) -> str:
        return f"{self.engine} ({self.reason})" if self.reason else self.engine


_HEADER = f"{'operator':<12}{'time':>11}{'rows':>13}{'read':>12}{'state':>12}{'written':>12}  zones read"


def _line(traffic: Traffic) -> str:
    zones = f"{traffic.zones_read:,} of {traffic.zones_total:,}" if traffic.zones_total else "all"
    if traffic.zones_answered:
        zones += f", {traffic.zones_answered:,} answered by statistics"
    sizes = "".join(f"{byte_size(n):>12}" for n in (traffic.read, traffic.state, traffic.written))
    return f"{traffic.operator:<12}{traffic.seconds * 1e3:>8.2f} ms{traffic.rows:>13,}{sizes}  {zones}"
