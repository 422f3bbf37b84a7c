"""Advice: what to lay out how, what that is worth to each query, what it costs, and who loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from locality.advisor.maps import Maps
from locality.advisor.tables import printed, shortened, some
from locality.advisor.workload import Skipped
from locality.plan.nodes import PRIMARY
from locality.units import byte_size


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
    """A table's rows in another order, or a further layout of it.

    layout, order, curve, columns, carry: as :meth:`Connection.optimize` takes them; ``layout`` is ``primary`` where the
    table itself is to be put in the order, and has no ``columns``.
    why: the queries that gain, those that gain most first. bytes_saved: of one run of the workload.
    bytes_stored: that the store takes more. bytes_written, seconds: that building takes, predicted.
    break_even: queries of the workload after which building has paid.
    """

    table: str
    layout: str
    order: tuple[str, ...]
    curve: tuple[str, ...]
    columns: tuple[str, ...] | None
    carry: tuple[str, ...] | None
    why: tuple[str, ...]
    bytes_saved: int
    bytes_stored: int
    bytes_written: int
    seconds: float
    break_even: float

    @property
    def placement(self) -> str:
        """The order, for people."""
        return ", ".join([*self.order, *([f"curve({', '.join(self.curve)})"] if self.curve else [])]) or "as it is"

    @property
    def contents(self) -> str:
        """What the layout has other than all columns of the table alone, for people; empty if nothing."""
        parts = [] if self.columns is None else [f"has {', '.join(self.columns)}"]
        parts += [] if self.carry is None else [f"carries {', '.join(self.carry)}"]
        return " and ".join(parts)


@dataclass(frozen=True)
class RollupProposal:
    """An aggregation of a table to be stored, as :meth:`Connection.rollup` takes it; see :class:`Proposal`.

    rows: that it would have. after: the bytes that queries would move, by their places.
    """

    name: str
    table: str
    sql: str
    why: tuple[str, ...]
    rows: int
    bytes_saved: int
    bytes_stored: int
    seconds: float
    break_even: float
    after: Mapping[str, int]


@dataclass(frozen=True)
class Removal:
    """A further layout that is not worth the bytes of its files; or the order of a table, as layout ``primary``."""

    table: str
    layout: str
    bytes_stored: int
    reason: str


@dataclass(frozen=True)
class Advice:
    """What to do for a workload; prints as tables.

    removals: only told; :meth:`Connection.drop_layout` carries one out. notes: what else is to be known.
    maps: what the workload reads of each layout, today and as proposed; :func:`write_picture` draws them.
    """

    proposals: tuple[Proposal, ...]
    forecasts: tuple[Forecast, ...]
    skipped: tuple[Skipped, ...]
    removals: tuple[Removal, ...] = ()
    notes: tuple[str, ...] = ()
    maps: Maps = field(default_factory=Maps, repr=False)
    rollups: tuple[RollupProposal, ...] = ()

    @property
    def losers(self) -> tuple[Forecast, ...]:
        """Queries that would move more than a hundredth more."""
        return tuple(each for each in self.forecasts if each.bytes_after > 1.01 * each.bytes_before)

    @property
    def steps(self) -> tuple[Proposal, ...]:
        """The proposals as they are to be carried out: tables' orders first, since these renew further layouts."""
        return tuple(sorted(self.proposals, key=lambda each: each.layout != PRIMARY))

    def to_dict(self) -> dict[str, Any]:
        """The advice as JSON values, without the maps."""
        return asdict(replace(self, maps=Maps()))

    def __str__(self) -> str:
        parts = []
        if self.proposals:
            header = ("layout", "order by", "saves a run", "stores", "writes", "takes", "pays after", "because of")
            parts.append(printed("proposed", header, [_proposed(each) for each in self.proposals]))
            parts += [f"{_layout(each)} {each.contents}" for each in self.proposals if each.contents]
        elif not self.rollups:
            why = "nothing would save enough bytes to pay for building it"
            parts.append(f"nothing to propose: {why if self.forecasts else 'no query could be looked at'}")
        if self.rollups:
            header = ("rollup", "of", "rows", "saves a run", "stores", "takes", "pays after", "because of")
            parts.append(printed("rollups proposed", header, [_rollup(each) for each in self.rollups]))
        if self.forecasts:
            columns = ("", "query", "asked", "today", "predicted", "change")
            parts.append(printed("bytes moved", columns, [*map(_forecast, self.forecasts), _in_all(self.forecasts)]))
        if self.losers:
            parts.append("more bytes than today: " + ", ".join(f.place for f in self.losers))
        parts += map(_removal, self.removals)
        parts += self.notes
        parts += [f"skipped {each.place}: {each.reason}" for each in self.skipped]
        return "\n\n".join(parts)

    __repr__ = __str__


def merged(proposals: Sequence[Proposal]) -> list[Proposal]:
    """The proposals with one for each layout: a later one takes what an earlier one puts in order as it is then."""
    found: dict[tuple[str, str], Proposal] = {}
    for each in proposals:
        key = each.table, each.layout
        found[key] = _both(found.pop(key), each) if key in found else each
    return list(found.values())


def _both(before: Proposal, after: Proposal) -> Proposal:
    is_same = not after.order and not after.curve
    saving = sum(each.seconds / each.break_even for each in (before, after))  # seconds by each query of the workload
    return replace(
        after,
        order=before.order if is_same else after.order,
        curve=before.curve if is_same else after.curve,
        why=tuple(dict.fromkeys((*before.why, *after.why))),
        bytes_saved=before.bytes_saved + after.bytes_saved,
        bytes_stored=before.bytes_stored + after.bytes_stored,
        break_even=after.seconds / saving,
    )


def _removal(removal: Removal) -> str:
    if removal.layout == PRIMARY:
        return f"the order of {removal.table} may go: {removal.reason}"
    told = f"layout {removal.layout} of {removal.table} may go, {byte_size(removal.bytes_stored)}: {removal.reason}"
    return f"{told}; drop_layout({removal.table!r}, {removal.layout!r}) removes it"


def _rollup(proposal: RollupProposal) -> tuple[str, ...]:
    return (
        proposal.name,
        proposal.sql,
        f"{proposal.rows:,}",
        byte_size(proposal.bytes_saved),
        byte_size(proposal.bytes_stored),
        f"{proposal.seconds:.1f} s",
        _runs(proposal.break_even),
        some(proposal.why),
    )


def _layout(proposal: Proposal) -> str:
    return proposal.table if proposal.layout == PRIMARY else f"{proposal.table}: {proposal.layout}"


def _runs(count: float) -> str:
    return f"{count:,.0f} " + ("query" if round(count) == 1 else "queries")


def _proposed(proposal: Proposal) -> tuple[str, ...]:
    return (
        _layout(proposal),
        proposal.placement,
        byte_size(proposal.bytes_saved),
        byte_size(proposal.bytes_stored),
        byte_size(proposal.bytes_written),
        f"{proposal.seconds:.1f} s",
        _runs(proposal.break_even),
        some(proposal.why),
    )


def _forecast(forecast: Forecast) -> tuple[str, ...]:
    before, after = forecast.bytes_before, forecast.bytes_after
    text = shortened(" ".join(forecast.sql.split()))
    return forecast.place, text, f"{forecast.weight:,.3g}", *_moved(before, after)


def _in_all(forecasts: Sequence[Forecast]) -> tuple[str, ...]:
    """What a run of the workload moves, each query as often as it is asked."""
    before = round(sum(f.weight * f.bytes_before for f in forecasts))
    after = round(sum(f.weight * f.bytes_after for f in forecasts))
    return "", "in all", f"{sum(f.weight for f in forecasts):,.3g}", *_moved(before, after)


def _moved(before: int, after: int) -> tuple[str, str, str]:
    same = not before or abs(after - before) < before / 200
    return byte_size(before), byte_size(after), "" if same else f"{after / before - 1:+.0%}"
