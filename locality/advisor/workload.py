"""Workloads: the queries that layouts are chosen for, from texts, pairs or a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from locality.errors import QueryError, SourceError
from locality.sql.given import Parameters

WorkloadItem: TypeAlias = "str | tuple[str, Parameters] | tuple[str, float] | tuple[str, Parameters, float]"
"""The text of a query; with its parameters, how often it is asked, or both."""
Workload: TypeAlias = "str | Path | Iterable[WorkloadItem]"
"""Texts separated by semicolons; a file of such, as a Path or by a name that ends in .sql; or queries one by one."""

#: What a semicolon does not end a text in: strings, quoted names, comments, dollar quotes.
_TOKEN = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|(?P<end>;)|[^;'\"$/-]+|.", re.DOTALL
)
_COMMENT = re.compile(r"\s+|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Measurement:
    """What a run of a query took, see Profile."""

    bytes: int
    seconds: float
    touched: Mapping[str, int]


@dataclass(frozen=True)
class WorkloadQuery:
    """A query of a workload. place: where it was found, for people. weight: how often it is asked.

    measured: a run over the layouts as they are now; None if there was none yet.
    """

    place: str
    sql: str
    params: Parameters | None = None
    weight: float = 1.0
    measured: Measurement | None = None


@dataclass(frozen=True)
class Skipped:
    """A query that no advice could be made from, and why."""

    place: str
    sql: str
    reason: str


def read_workload(workload: Workload) -> list[WorkloadQuery]:
    """The queries of a workload, in order.

    Raises:
        SourceError: the file can't be read. QueryError: there is no query, or an item is none.
    """
    match workload:
        case Path():
            queries = _of_file(workload)
        case str() if workload.endswith(".sql") and len(workload.split()) == 1:
            queries = _of_file(Path(workload))
        case str():
            queries = _of_script(workload, "line")
        case _:
            queries = [_of_item(item, number) for number, item in enumerate(workload, 1)]
    if not queries:
        raise QueryError("the workload has no query: pass the SQL texts that layouts are to be chosen for")
    return queries


def _of_file(path: Path) -> list[WorkloadQuery]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the workload {path} can't be read: {error}") from None
    return _of_script(text, f"{path.name}, line")


def _of_script(text: str, place: str) -> list[WorkloadQuery]:
    found: list[WorkloadQuery] = []
    lines: Counter[int] = Counter()
    for start, part in _statements(text):
        bare = part.lstrip()
        line = text.count("\n", 0, start + len(part) - len(bare)) + 1
        if _COMMENT.sub("", bare):
            lines[line] += 1
            which = f" ({lines[line]})" if lines[line] > 1 else ""
            found.append(WorkloadQuery(f"{place} {line}{which}", bare.rstrip()))
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """The texts between semicolons, each with where it begins."""
    start = 0
    for token in _TOKEN.finditer(text):
        if token["end"]:
            yield start, text[start : token.start()]
            start = token.end()
    yield start, text[start:]


def _of_item(item: Any, number: int) -> WorkloadQuery:
    place = f"query {number}"
    params: Parameters | None = None
    weight = 1.0
    match item:
        case str(sql):
            pass
        case (str(sql), int() | float() as weight):
            pass
        case (str(sql), Mapping() | Sequence() as params) if not isinstance(params, str):
            pass
        case (str(sql), Mapping() | Sequence() as params, int() | float() as weight) if not isinstance(params, str):
            pass
        case _:
            raise QueryError(f"{place} of the workload is {item!r}: give a text, (text, parameters) or (text, weight)")
    if not weight > 0:
        raise QueryError(f"{place} of the workload has the weight {weight}: it must be more than 0")
    return WorkloadQuery(place, sql, params, float(weight))
