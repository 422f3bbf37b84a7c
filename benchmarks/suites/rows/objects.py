"""The six questions as programs with an ORM ask them: objects come out of a database one by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from heapq import nsmallest
from typing import Any

from ...engines.objects import Entities
from ...model import AnswerRow

Tables = Mapping[str, Entities]


def filtered_sum(tables: Tables) -> list[AnswerRow]:
    first, last = date(1994, 1, 1), date(1995, 1, 1)
    low, high = Decimal("0.05"), Decimal("0.07")
    revenue = Decimal(0)
    for line in tables["lineitem"]:
        if first <= line.l_shipdate < last and low <= line.l_discount <= high and line.l_quantity < 24:
            revenue += line.l_extendedprice * line.l_discount
    return [(revenue,)]


def grouped_sums(tables: Tables) -> list[AnswerRow]:
    groups: dict[tuple[str, str], list[Any]] = {}
    for line in tables["lineitem"]:
        state = groups.setdefault((line.l_returnflag, line.l_linestatus), [Decimal(0), Decimal(0), 0])
        state[0] += line.l_quantity
        state[1] += line.l_extendedprice * (1 - line.l_discount)
        state[2] += 1
    return [(*key, *state) for key, state in sorted(groups.items())]


def top_lines(tables: Tables) -> list[AnswerRow]:
    top = nsmallest(
        10, tables["lineitem"], key=lambda line: (-line.l_extendedprice, line.l_orderkey, line.l_linenumber)
    )
    return [(line.l_orderkey, line.l_linenumber, line.l_extendedprice) for line in top]


def lookup_join(tables: Tables) -> list[AnswerRow]:
    groups: dict[str, list[Any]] = {}
    for line in tables["lineitem"]:
        part = tables["part"].get(line.l_partkey)
        if part is not None:
            state = groups.setdefault(part.p_mfgr, [Decimal(0), 0])
            state[0] += line.l_extendedprice
            state[1] += 1
    return [(key, *state) for key, state in sorted(groups.items())]


def one_order(tables: Tables) -> list[AnswerRow]:
    lines = sorted(tables["lineitem"].where(l_orderkey=4003), key=lambda line: line.l_linenumber)
    return [(line.l_linenumber, line.l_partkey, line.l_quantity, line.l_extendedprice) for line in lines]


def distinct_parts(tables: Tables) -> list[AnswerRow]:
    return [(len({line.l_partkey for line in tables["lineitem"]}),)]
