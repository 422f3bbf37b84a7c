"""Advice: what to lay out how, what that is worth to each query, what it costs, and who loses."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from locality.advisor.tables import printed
from locality.advisor.workload import Skipped
from locality.runtime.units import byte_size


@dataclass(frozen=True)
class Forecast:
    """Bytes that a query moves today, measured, and would move, predicted."""

    place: str
    sql: str
    weight: float
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True)
class Proposal:
    """A table's rows in another order.

    order, curve: as :meth:`Connection.optimize` takes them. why: the queries that gain, those that gain most first.
    bytes_saved: of one run of the workload. bytes_written, seconds: that building takes, predicted.
    break_even: queries of the workload after which building has paid.
    """

    table: str
    order: tuple[str, ...]
    curve: tuple[str, ...]
    why: tuple[str, ...]
    bytes_saved: int
    bytes_written: int
    seconds: float
    break_even: float

    @property
    def layout(self) -> str:
        """The order in a word or two."""
        return ", ".join([*self.order, *([f"curve({', '.join(self.curve)})"] if self.curve else [])])


@dataclass(frozen=True)
class Advice:
    """What to do for a workload; prints as tables."""

    proposals: tuple[Proposal, ...]
    forecasts: tuple[Forecast, ...]
    skipped: tuple[Skipped, ...]

    @property
    def losers(self) -> tuple[Forecast, ...]:
        """Queries that would move more than a hundredth more."""
        return tuple(each for each in self.forecasts if each.bytes_after > 1.01 * each.bytes_before)

    def to_dict(self) -> dict[str, Any]:
        """The advice as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        parts = []
        if self.proposals:
            rows = [
                (
                    p.table,
                    p.layout,
                    byte_size(p.bytes_saved),
                    byte_size(p.bytes_written),
                    f"{p.seconds:.1f} s",
                    f"{p.break_even:,.0f}",
                    ", ".join(p.why[:4]) + (", ..." if len(p.why) > 4 else ""),
                )
                for p in self.proposals
            ]
            header = ("table", "order by", "saves a run", "writes", "takes", "pays after queries", "because of")
            parts.append(printed("proposed", header, rows))
        else:
            parts.append("nothing to propose: no other order would move enough fewer bytes to pay for building it")
        queries = [(f.place, byte_size(f.bytes_before), byte_size(f.bytes_after), _change(f)) for f in self.forecasts]
        if queries:
            parts.append(printed("bytes moved", ("query", "today", "predicted", "change"), queries))
        if self.losers:
            parts.append("more bytes than today: " + ", ".join(f.place for f in self.losers))
        parts += [f"skipped {each.place}: {each.reason}" for each in self.skipped]
        return "\n\n".join(parts)


def _change(forecast: Forecast) -> str:
    if not forecast.bytes_before:
        return ""
    return f"{forecast.bytes_after / forecast.bytes_before - 1:+.0%}"
