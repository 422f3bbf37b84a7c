"""What comes before the first answer: loading, size, memory, and after how many queries loading has paid."""

from __future__ import annotations

from dataclasses import dataclass

from ..units import data_size, duration
from .run import OURS, Run, display_name


@dataclass(frozen=True)
class Load:
    """One engine. time_share, size_share, memory_share: of the most that any engine took, 0 to 1."""

    engine: str
    number: int
    configuration: str
    time: str
    time_share: float
    size: str
    size_share: float
    memory: str
    memory_share: float


def loads(run: Run) -> list[Load]:
    """One for each engine, in the order of the run."""
    found = run.record["loads"]
    seconds = [sum(load["seconds"].values()) for load in found]
    sizes = [load["stored_bytes"] or 0 for load in found]
    memory = [load.get("peak_memory_bytes") or 0 for load in found]
    return [
        Load(
            display_name(load["engine"]),
            run.number(load["engine"]),
            load["configuration"],
            duration(time),
            time / max(seconds),
            data_size(size or None),
            size / max(max(sizes), 1),
            data_size(peak or None),
            peak / max(max(memory), 1),
        )
        for load, time, size, peak in zip(found, seconds, sizes, memory, strict=True)
    ]


def break_evens(run: Run) -> list[str]:
    """A sentence for each engine: after how many rounds of all queries Locality took less time in all."""
    return [sentence for peer in run.peers if (sentence := _break_even(run, peer)) is not None]


def _break_even(run: Run, peer: str) -> str | None:
    common = [q for q in run.queries if run.seconds(q, OURS) is not None and run.seconds(q, peer) is not None]
    if not common:
        return None
    saved = sum((run.seconds(q, peer) or 0) - (run.seconds(q, OURS) or 0) for q in common)
    later = _load_seconds(run, OURS) - _load_seconds(run, peer)
    name = display_name(peer)
    if later <= 0:
        return f"{name}: at once; Locality loads {duration(-later)} sooner." if saved > 0 else None
    if saved <= 0:
        return f"{name}: never; Locality loads {duration(later)} longer and answers no sooner."
    rounds = f"{later / saved:,.1f} rounds of the {len(common)} queries that both answered"
    return f"{name}: after {rounds}; loading takes {duration(later)} longer."


def _load_seconds(run: Run, engine: str) -> float:
    return float(sum(next(load["seconds"] for load in run.record["loads"] if load["engine"] == engine).values()))
