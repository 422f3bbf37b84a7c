"""The six questions as loops that numba compiles, over one array a column; how far its values lie apart is the layout.

The loops are in ``loops``, which is imported where they run, because numba takes a second to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from ...engines.arrays import Arrays
from ...model import AnswerRow

Tables = Mapping[str, Arrays]

_EPOCH = date(1970, 1, 1)


def _columns(tables: Tables, *names: str) -> list[Any]:
    return [tables["lineitem"].columns[name] for name in names]


def _money(value: Any, digits: int = 2) -> Decimal:
    return Decimal(int(value)).scaleb(-digits)


def filtered_sum(tables: Tables) -> list[AnswerRow]:
    from . import loops

    columns = _columns(tables, "l_shipdate", "l_discount", "l_quantity", "l_extendedprice")
    first, last = ((date(year, 1, 1) - _EPOCH).days for year in (1994, 1995))
    return [(_money(loops.filtered_sum(*columns, first, last), 4),)]


def grouped_sums(tables: Tables) -> list[AnswerRow]:
    from . import loops

    columns = _columns(tables, "l_returnflag", "l_linestatus", "l_quantity", "l_extendedprice", "l_discount")
    flags, states = (tables["lineitem"].texts[name] for name in ("l_returnflag", "l_linestatus"))
    sums = np.zeros((len(flags) * len(states), 3), np.int64)
    loops.grouped_sums(*columns, len(states), sums)
    keys = [(flag, state) for flag in flags for state in states]
    found = zip(keys, sums.tolist(), strict=True)
    return [(*key, _money(quantity), _money(revenue, 4), n) for key, (quantity, revenue, n) in found if n]


def top_lines(tables: Tables) -> list[AnswerRow]:
    from . import loops

    order, line, price = _columns(tables, "l_orderkey", "l_linenumber", "l_extendedprice")
    top = loops.top_lines(order, line, price, np.zeros(10, np.int64))
    return [(int(order[i]), int(line[i]), _money(price[i])) for i in top]


def lookup_join(tables: Tables) -> list[AnswerRow]:
    from . import loops

    part, makers = tables["part"].columns, tables["part"].texts["p_mfgr"]
    maker_of = np.full(int(part["p_partkey"].max()) + 1, -1, np.int64)
    sums = np.zeros((len(makers), 2), np.int64)
    loops.lookup_join(
        *_columns(tables, "l_partkey", "l_extendedprice"), part["p_partkey"], part["p_mfgr"], maker_of, sums
    )
    return [(maker, _money(price), lines) for maker, (price, lines) in zip(makers, sums.tolist(), strict=True) if lines]


def one_order(tables: Tables) -> list[AnswerRow]:
    from . import loops

    order, line, part, quantity, price = _columns(
        tables, "l_orderkey", "l_linenumber", "l_partkey", "l_quantity", "l_extendedprice"
    )
    found = loops.positions_of(order, 4003, np.zeros(7, np.int64))  # an order has seven lines at most
    return sorted((int(line[i]), int(part[i]), _money(quantity[i]), _money(price[i])) for i in found)


def distinct_parts(tables: Tables) -> list[AnswerRow]:
    from . import loops

    (part,) = _columns(tables, "l_partkey")
    return [(int(loops.distinct(part, np.zeros(int(part.max()) + 1, np.bool_))),)]
