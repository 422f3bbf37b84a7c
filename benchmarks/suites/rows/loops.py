"""Plain loops for numba: one pass over the rows, one row after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

_jit: Callable[[Any], Any] = njit(nogil=True)


@_jit
def filtered_sum(shipdate: Any, discount: Any, quantity: Any, price: Any, first: int, last: int) -> int:
    total = 0
    for i in range(len(shipdate)):
        if first <= shipdate[i] < last and 5 <= discount[i] <= 7 and quantity[i] < 2400:
            total += price[i] * discount[i]
    return total


@_jit
def grouped_sums(flag: Any, state: Any, quantity: Any, price: Any, discount: Any, states: int, sums: Any) -> None:
    for i in range(len(flag)):
        group = flag[i] * states + state[i]
        sums[group, 0] += quantity[i]
        sums[group, 1] += price[i] * (100 - discount[i])
        sums[group, 2] += 1


@_jit
def top_lines(order: Any, line: Any, price: Any, top: Any) -> Any:
    """The rows with the highest prices, by order and line where those are equal, in that order."""
    count = 0
    for i in range(len(order)):
        place = count
        while place > 0:
            other = top[place - 1]
            if price[other] > price[i] or (
                price[other] == price[i]
                and (order[other] < order[i] or (order[other] == order[i] and line[other] < line[i]))
            ):
                break
            place -= 1
        if place == len(top):
            continue
        count = min(count + 1, len(top))
        for k in range(count - 1, place, -1):
            top[k] = top[k - 1]
        top[place] = i
    return top[:count]


@_jit
def lookup_join(partkey: Any, price: Any, key: Any, maker: Any, maker_of: Any, sums: Any) -> None:
    """maker_of: room for the maker of each part, -1 where there is none."""
    for i in range(len(key)):
        maker_of[key[i]] = maker[i]
    for i in range(len(partkey)):
        if partkey[i] < len(maker_of):
            found = maker_of[partkey[i]]
            if found >= 0:
                sums[found, 0] += price[i]
                sums[found, 1] += 1


@_jit
def positions_of(keys: Any, key: int, found: Any) -> Any:
    count = 0
    for i in range(len(keys)):
        if keys[i] == key:
            found[count] = i
            count += 1
    return found[:count]


@_jit
def distinct(keys: Any, seen: Any) -> int:
    count = 0
    for i in range(len(keys)):
        if not seen[keys[i]]:
            seen[keys[i]] = True
            count += 1
    return count
