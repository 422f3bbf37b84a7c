"""The share of rows that pass a test, about: by the bounds and NULLs of stored columns and their numbers of values."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from locality.operators.filters.codesets import CodeSet
from locality.operators.relations.meanings import SetKey, is_linked, meanings_of, memo_of
from locality.operators.relations.relation import Relation
from locality.plan.expressions import Call, ColumnRef, Constant, Expression

Ints64 = npt.NDArray[np.int64]

#: The share of rows that a test is taken to pass if nothing is known, and one for a part of a string.
_UNKNOWN, _PART = 0.3, 0.1
_PARTS = frozenset({"~~", "~~*", "like_escape", "contains", "prefix", "starts_with", "suffix"})
_NEGATED = {"<>": "=", "!~~": "~~", "!~~*": "~~*", "not_like_escape": "like_escape"}


def share_of_values(predicate: Expression, relation: Relation) -> float:
    """The share of rows for which a predicate over several columns, or over raw strings, is true."""
    match predicate:
        case Call("=", (ColumnRef(index), Constant()) | (Constant(), ColumnRef(index))):
            return 1.0 / relation.distinct[index] if relation.distinct.get(index) else _UNKNOWN
        case Call("in", (ColumnRef(index), *entries)):
            return min(len(entries) / relation.distinct[index], 1.0) if relation.distinct.get(index) else _UNKNOWN
        case Call("or", args):
            return 1.0 - math.prod(1.0 - share_of_values(arg, relation) for arg in args)
        case Call("and", args):
            return math.prod(share_of_values(arg, relation) for arg in args)
        case Call("not", (arg,)):
            return 1.0 - share_of_values(arg, relation)
        case Call(name, args) if name in _NEGATED:
            return 1.0 - share_of_values(Call(_NEGATED[name], args, predicate.type), relation)
        case Call(name) if name in _PARTS:
            return _PART
        case _:
            return _UNKNOWN


def share_of_codes(relation: Relation, index: int, sets: Mapping[SetKey, CodeSet]) -> float:
    """The share of rows in sets of codes, if each segment's were spread evenly over their range; exact of NULLs."""
    ranges = memo_of(relation, index).once(("ranges", index), lambda: _ranges(relation, index))
    if not ranges:
        return _UNKNOWN
    inside = sum([_inside(codes, *ranges[key]) for key, codes in sets.items()]) / len(relation.segments)
    nulls = memo_of(relation, index).once(("share of NULL", index), lambda: _share_of_nulls(relation, index))
    return (1.0 - nulls) * inside + nulls * any(codes.null for codes in sets.values())


def _inside(codes: CodeSet, low: Ints64, high: Ints64, times: Ints64) -> float:
    """What shares of the ranges lie in a set, added up as many times as each comes."""
    if len(low) == 1:  # numpy would take longer
        least, greatest = low.item(), high.item()
        inside = sum([last - first + 1 for first, last in codes.clamp(least, greatest).intervals])
        return float(times.item() * inside / max(greatest - least + 1, 1))
    total = 0.0
    for first, last in codes.clamp(int(low.min()), int(high.max())).intervals:
        within = np.minimum(high, last) - np.maximum(low, first) + 1
        total += float((times * np.maximum(within, 0) / np.maximum(high - low + 1, 1)).sum())
    return total


def _ranges(relation: Relation, index: int) -> dict[SetKey, tuple[Ints64, Ints64, Ints64]]:
    """The least and the greatest codes of the segments with each meaning, and how many segments have such each.

    Nothing if a segment does not tell.
    """
    if is_linked(relation, index):
        return {}
    ranges = {}
    for meaning in meanings_of(relation, index):
        known = [relation.segments[number].zones(index) for number in meaning.segments]
        told = [zones for zones in known if zones is not None and zones.minimum is not None and len(zones.minimum)]
        if len(told) < len(known):
            return {}
        least, greatest = ([getattr(zones, name) for zones in told] for name in ("minimum", "maximum"))
        pairs = np.array([(low.min(), high.max()) for low, high in zip(least, greatest, strict=True)])
        different, times = np.unique(pairs, axis=0, return_counts=True)
        ranges[meaning.key] = different[:, 0], different[:, 1], times
    return ranges


def _share_of_nulls(relation: Relation, index: int) -> float:
    zones = (segment.zones(index) for segment in relation.segments)
    return sum(int(each.nulls.sum()) for each in zones if each is not None) / max(relation.row_count, 1)
