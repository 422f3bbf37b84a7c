"""What the workload log knows of queries of one shape, and how that is written down."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any

from locality.sql.given import Parameters

#: Different examples that are kept of a shape, the last ones.
EXAMPLES = 3
#: Seconds after which a run counts half in what the workload is now.
HALF_LIFE = 7 * 86400.0

_PLAIN = (bool, int, float, str)
_TEXTS: Mapping[type, Any] = {
    datetime.datetime: datetime.datetime.fromisoformat,
    datetime.date: datetime.date.fromisoformat,
    datetime.time: datetime.time.fromisoformat,
    Decimal: Decimal,
    uuid.UUID: uuid.UUID,
    bytes: bytes.fromhex,
}
_NAMES = {kind.__name__: read for kind, read in _TEXTS.items()}


@dataclass(frozen=True, slots=True)
class Runs:
    """A number of runs, their seconds without compiling, and the bytes that they moved."""

    count: int = 0
    seconds: float = 0.0
    bytes: int = 0

    def __add__(self, other: Runs) -> Runs:
        return Runs(self.count + other.count, self.seconds + other.seconds, self.bytes + other.bytes)

    @property
    def mean_bytes(self) -> float:
        """Bytes of one run."""
        return self.bytes / max(self.count, 1)

    @property
    def mean_seconds(self) -> float:
        """Seconds of one run."""
        return self.seconds / max(self.count, 1)


@dataclass(frozen=True, slots=True)
class Example:
    """A query of a shape, as it was asked: its text, and the values of its parameters.

    bytes, seconds, touched: of its last run, see Profile. version: that the store was at.
    """

    sql: str
    params: Parameters | None = None
    bytes: int = 0
    seconds: float = 0.0
    touched: Mapping[str, int] = field(default_factory=dict)
    version: int = 0

    def is_as(self, other: Example) -> bool:
        """Whether it is the same query."""
        return self.sql == other.sql and self.params == other.params


@dataclass(frozen=True, slots=True)
class LoggedShape:
    """Queries of one shape.

    tables: those that it names. engine, reason: of the last run, see Profile.
    before, since: the runs until the last :meth:`Connection.optimize`, from the one before it on, and those after it.
    earlier: all other runs. predicted: bytes that a run would move after it, as the advice said; None if none did.
    recent: runs, each counting half as much a week later, at ``last``, when the latest was, in seconds since 1970.
    """

    text: str
    tables: tuple[str, ...] = ()
    engine: str = ""
    reason: str = ""
    earlier: Runs = field(default_factory=Runs)
    before: Runs = field(default_factory=Runs)
    since: Runs = field(default_factory=Runs)
    predicted: float | None = None
    recent: float = 0.0
    last: float = 0.0
    examples: tuple[Example, ...] = ()

    @property
    def runs(self) -> Runs:
        """All of them."""
        return self.earlier + self.before + self.since

    def weight(self, now: float) -> float:
        """How often it is asked, about, at a time in seconds since 1970."""
        return self.recent * faded(now - self.last)

    def merged(self, other: LoggedShape) -> LoggedShape:
        """With the runs of ``other``, which are later."""
        last = max(self.last, other.last)
        kept = [each for each in self.examples if not any(each.is_as(later) for later in other.examples)]
        return replace(
            other,
            earlier=self.earlier + other.earlier,
            before=self.before + other.before,
            since=self.since + other.since,
            predicted=self.predicted,
            recent=self.weight(last) + other.weight(last),
            last=last,
            examples=(*kept, *other.examples)[-EXAMPLES:],
        )

    def optimized(self, predicted: float | None) -> LoggedShape:
        """With its runs so far as those before an optimize."""
        if not self.since.count:
            return replace(self, predicted=predicted)
        earlier = self.earlier + self.before
        return replace(self, earlier=earlier, before=self.since, since=Runs(), predicted=predicted)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values."""
        return {**asdict(self), "examples": [_example_json(each) for each in self.examples]}

    @staticmethod
    def from_json(entry: dict[str, Any]) -> LoggedShape:
        """The inverse of :meth:`to_json`; raises ValueError, KeyError or TypeError for what isn't one."""
        runs = {name: Runs(**entry[name]) for name in ("earlier", "before", "since")}
        examples = tuple(Example(**{**each, "params": _params(each["params"])}) for each in entry["examples"])
        return LoggedShape(**{**entry, **runs, "tables": tuple(entry["tables"]), "examples": examples})


def faded(seconds: float) -> float:
    """What a run counts after some time."""
    return float(2.0 ** (-max(seconds, 0.0) / HALF_LIFE))


def is_kept(params: Parameters | None) -> bool:
    """Whether all the values are of types that can be written down."""
    values: Sequence[object] = (
        () if params is None else tuple(params.values() if isinstance(params, Mapping) else params)
    )
    return all(value is None or type(value) in _PLAIN or type(value) in _TEXTS for value in values)


def _example_json(example: Example) -> dict[str, Any]:
    params: Any = None
    match example.params:
        case Mapping() as named:
            params = {"names": {name: _value_json(value) for name, value in named.items()}}
        case Sequence() as values:
            params = [_value_json(value) for value in values]
    return {**asdict(example), "params": params}


def _value_json(value: Any) -> Any:
    match value:
        case bytes():
            return {"bytes": value.hex()}
        case datetime.date() | datetime.time():
            return {type(value).__name__: value.isoformat()}
        case None | bool() | int() | float() | str():
            return value
        case _:
            return {type(value).__name__: str(value)}


def _params(params: Any) -> Parameters | None:
    match params:
        case None:
            return None
        case {"names": dict() as named}:
            return {name: _value(value) for name, value in named.items()}
        case _:
            return tuple(_value(value) for value in params)


def _value(value: Any) -> object:
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return _NAMES[kind](text)
    return value
