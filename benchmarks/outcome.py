"""How an engine did: what a request to its process comes to, and what a query's measurement says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How an engine did on a query, or on loading."""

    OK = "ok"
    WRONG = "wrong"  # the answer differs from the reference
    FALLBACK = "fallback"  # Locality had DuckDB answer
    TOO_LONG = "too long"  # given up at the time limit
    OUT_OF_MEMORY = "out of memory"
    UNSUPPORTED = "unsupported"  # the engine lacks something that the query needs
    SKIPPED = "skipped"  # not asked, because the engine was lost before
    ERROR = "error"

    @property
    def is_problem(self) -> bool:
        """Whether it is a failure of the run, not a limit of an engine that the report tells."""
        return self in (Outcome.WRONG, Outcome.ERROR)


@dataclass(frozen=True)
class Reply:
    """What an engine's process says to a request, or what its end is taken for.

    seconds: what the request's timed part took. value: what it returned.
    """

    outcome: Outcome = Outcome.OK
    message: str | None = None
    seconds: float = 0.0
    value: Any = None
