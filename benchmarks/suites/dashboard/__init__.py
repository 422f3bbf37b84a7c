"""A dashboard of twenty tiles over a shop's year of events; a refresh asks about another period, country and so on.

``tiles`` has the texts, ``loops`` the same in plain Python, ``choices`` what the users choose, by the refresh's number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ...model import AnswerRow, Query, Row, Suite
from ...siblings import sibling
from .choices import choices
from .rollups import ROLLUPS
from .tiles import TILES

_data = sibling("datasets.events")

#: In what order the values of a tile with a period go into its text, if not as they were chosen.
_ORDERS = {"two_weeks": ("middle", "middle", "start", "end")}


def parameters(name: str, refresh: int) -> list[Any]:
    """The values of a tile's ``?`` at a refresh."""
    chosen = choices(refresh, TILES[name].takes)
    return [chosen[each] for each in _ORDERS.get(name, tuple(chosen))]


def answer(name: str, tables: Mapping[str, Sequence[Row]], *values: Any) -> list[AnswerRow]:
    """A tile's answer by its loop, over the rows of its period."""
    tile = TILES[name]
    names = _ORDERS.get(name) or tuple(choices(0, tile.takes))
    chosen = dict(zip(names, values, strict=True))
    rows = [row for row in tables["event"] if chosen["start"] <= row["moment"] < chosen["end"]]
    return tile.loop(rows, chosen)


def _for_sqlite(sql: str) -> str:
    """Moments are text there: their parts are cut out of it."""
    changes = {
        "extract(hour from moment)": "cast(substr(moment, 12, 2) as integer)",
        "extract(isodow from moment)": "(cast(strftime('%w', moment) as integer) + 6) % 7 + 1",
        "cast(moment as date)": "substr(moment, 1, 10)",
    }
    for standard, theirs in changes.items():
        sql = sql.replace(standard, theirs)
    return sql


SUITE = Suite(
    name="dashboard",
    title="twenty tiles over a year of a shop's events",
    queries=tuple(
        Query(
            name=name,
            title=tile.title,
            tables=("event",),
            sql=tile.sql,
            programs={"naive": partial(answer, name)},
            dialects={"sqlite": _for_sqlite(tile.sql), **tile.dialects},
            parameters=partial(parameters, name),
        )
        for name, tile in TILES.items()
    ),
    keys={_data.EVENT.name: _data.EVENT.key},
    prepare=_data.ensure_events,
    engines=("locality", "duckdb", "polars", "datafusion", "chdb", "hyper", "naive"),
    sorted_by={"event": ("moment",)},
    rollups={"event": ROLLUPS},
)
