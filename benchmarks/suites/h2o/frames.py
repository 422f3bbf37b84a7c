"""The db-benchmark's questions as it asks them of pandas, but ``g09``, whose NaN pandas can't tell from NULL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Frames = dict[str, Any]
"""pandas' data frames by table."""


def _totals(t: Frames, *keys: str, **columns: tuple[str, str]) -> Any:
    return t["x"].groupby(list(keys), as_index=False, sort=False, observed=True, dropna=False).agg(**columns)


def _g01(t: Frames) -> Any:
    return _totals(t, "id1", v1=("v1", "sum"))


def _g02(t: Frames) -> Any:
    return _totals(t, "id1", "id2", v1=("v1", "sum"))


def _g03(t: Frames) -> Any:
    return _totals(t, "id3", v1=("v1", "sum"), v3=("v3", "mean"))


def _g04(t: Frames) -> Any:
    return _totals(t, "id4", v1=("v1", "mean"), v2=("v2", "mean"), v3=("v3", "mean"))


def _g05(t: Frames) -> Any:
    return _totals(t, "id6", v1=("v1", "sum"), v2=("v2", "sum"), v3=("v3", "sum"))


def _g06(t: Frames) -> Any:
    return _totals(t, "id4", "id5", median_v3=("v3", "median"), sd_v3=("v3", "std"))


def _g07(t: Frames) -> Any:
    found = _totals(t, "id3", v1=("v1", "max"), v2=("v2", "min"))
    return found.assign(range_v1_v2=found.v1 - found.v2)[["id3", "range_v1_v2"]]


def _g08(t: Frames) -> Any:
    rows = t["x"][["id6", "v3"]].dropna(subset="v3").sort_values("v3", ascending=False)
    return rows.groupby("id6", sort=False, dropna=False).head(2)


def _g10(t: Frames) -> Any:
    return _totals(t, *(f"id{number}" for number in range(1, 7)), v3=("v3", "sum"), count=("v1", "size"))


def _joined(t: Frames, other: str, key: str, columns: tuple[str, ...], how: str = "inner") -> Any:
    theirs = t[other][[key, *columns, "v2"]].rename(columns={column: f"{other}_{column}" for column in columns})
    mine = ["id1", "id2", "id3", "id4", "id5", "id6", "v1"]
    return t["x"][mine].merge(theirs, how=how, on=key)[[*mine, *(f"{other}_{column}" for column in columns), "v2"]]


def _j01(t: Frames) -> Any:
    return _joined(t, "small", "id1", ("id4",))


def _j02(t: Frames) -> Any:
    return _joined(t, "medium", "id2", ("id1", "id4", "id5"))


def _j03(t: Frames) -> Any:
    return _joined(t, "medium", "id2", ("id1", "id4", "id5"), how="left")


def _j04(t: Frames) -> Any:
    return _joined(t, "medium", "id5", ("id1", "id2", "id4"))


def _j05(t: Frames) -> Any:
    return _joined(t, "big", "id3", ("id1", "id2", "id4", "id5", "id6"))


PROGRAMS: dict[str, Callable[[Frames], Any]] = {
    program.__name__.removeprefix("_"): program
    for program in (_g01, _g02, _g03, _g04, _g05, _g06, _g07, _g08, _g10, _j01, _j02, _j03, _j04, _j05)
}
