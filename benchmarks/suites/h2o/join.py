"""Five joins of a large table: with a small one, a medium one by number and by text, and one as large as itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from ...model import AnswerRow, Query, Row
from .frames import PROGRAMS

Tables = Mapping[str, Sequence[Row]]

_ROWS = ("id1", "id2", "id3", "id4", "id5", "id6", "v1")


def _joined(tables: Tables, other: str, key: str, columns: Sequence[str], *, keep: bool = False) -> list[AnswerRow]:
    """Each row of ``x`` with these columns of its matches; rows without a match too, if they are kept."""
    matches: dict[int | str, list[Row]] = defaultdict(list)
    for row in tables[other]:
        matches[row[key]].append(row)
    nothing = [dict.fromkeys(columns)] if keep else []
    return [
        (*[row[name] for name in _ROWS], *[match[name] for name in columns])
        for row in tables["x"]
        for match in matches.get(row[key], nothing)
    ]


def j01(tables: Tables) -> list[AnswerRow]:
    return _joined(tables, "small", "id1", ("id4", "v2"))


def j02(tables: Tables) -> list[AnswerRow]:
    return _joined(tables, "medium", "id2", ("id1", "id4", "id5", "v2"))


def j03(tables: Tables) -> list[AnswerRow]:
    return _joined(tables, "medium", "id2", ("id1", "id4", "id5", "v2"), keep=True)


def j04(tables: Tables) -> list[AnswerRow]:
    return _joined(tables, "medium", "id5", ("id1", "id2", "id4", "v2"))


def j05(tables: Tables) -> list[AnswerRow]:
    return _joined(tables, "big", "id3", ("id1", "id2", "id4", "id5", "id6", "v2"))


def _text(other: str, columns: Sequence[str], condition: str) -> str:
    theirs = ", ".join(f"{other}.{column} as {other}_{column}" for column in columns)
    return f"select {', '.join(f'x.{column}' for column in _ROWS)}, {theirs}, {other}.v2 from x {condition}"


_TEXTS: tuple[tuple[Callable[[Tables], list[AnswerRow]], str, str, str], ...] = (
    (j01, "small inner on int", "small", _text("small", ("id4",), "join small on x.id1 = small.id1")),
    (j02, "medium inner on int", "medium", _text("medium", ("id1", "id4", "id5"), "join medium on x.id2 = medium.id2")),
    (
        j03,
        "medium outer on int",
        "medium",
        _text("medium", ("id1", "id4", "id5"), "left join medium on x.id2 = medium.id2"),
    ),
    (
        j04,
        "medium inner on text",
        "medium",
        _text("medium", ("id1", "id2", "id4"), "join medium on x.id5 = medium.id5"),
    ),
    (j05, "big inner on int", "big", _text("big", ("id1", "id2", "id4", "id5", "id6"), "join big on x.id3 = big.id3")),
)

QUERIES = tuple(
    Query(
        name=program.__name__,
        title=title,
        tables=("x", other),
        sql=sql,
        programs={"naive": program, "pandas": PROGRAMS[program.__name__]},
        ordered=False,
    )
    for program, title, other, sql in _TEXTS
)
