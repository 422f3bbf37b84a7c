"""The six questions as loops over dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from heapq import nsmallest
from typing import Any

from ...model import AnswerRow, Row

Tables = Mapping[str, Sequence[Row]]


def filtered_sum(tables: Tables) -> list[AnswerRow]:
    first, last = date(1994, 1, 1), date(1995, 1, 1)
    low, high = Decimal("0.05"), Decimal("0.07")
    revenue = Decimal(0)
    for row in tables["lineitem"]:
        if first <= row["l_shipdate"] < last and low <= row["l_discount"] <= high and row["l_quantity"] < 24:
            revenue += row["l_extendedprice"] * row["l_discount"]
    return [(revenue,)]


def grouped_sums(tables: Tables) -> list[AnswerRow]:
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in tables["lineitem"]:
        state = groups.setdefault((row["l_returnflag"], row["l_linestatus"]), [Decimal(0), Decimal(0), 0])
        state[0] += row["l_quantity"]
        state[1] += row["l_extendedprice"] * (1 - row["l_discount"])
        state[2] += 1
    return [(*key, *state) for key, state in sorted(groups.items())]


def top_lines(tables: Tables) -> list[AnswerRow]:
    lines = ((row["l_orderkey"], row["l_linenumber"], row["l_extendedprice"]) for row in tables["lineitem"])
    return nsmallest(10, lines, key=lambda line: (-line[2], line[0], line[1]))


def lookup_join(tables: Tables) -> list[AnswerRow]:
    parts = {row["p_partkey"]: row for row in tables["part"]}
    groups: dict[str, list[Any]] = {}
    for row in tables["lineitem"]:
        part = parts.get(row["l_partkey"])
        if part is not None:
            state = groups.setdefault(part["p_mfgr"], [Decimal(0), 0])
            state[0] += row["l_extendedprice"]
            state[1] += 1
    return [(key, *state) for key, state in sorted(groups.items())]


def one_order(tables: Tables) -> list[AnswerRow]:
    columns = ("l_linenumber", "l_partkey", "l_quantity", "l_extendedprice")
    return sorted(tuple(row[c] for c in columns) for row in tables["lineitem"] if row["l_orderkey"] == 4003)


def distinct_parts(tables: Tables) -> list[AnswerRow]:
    return [(len({row["l_partkey"] for row in tables["lineitem"]}),)]
