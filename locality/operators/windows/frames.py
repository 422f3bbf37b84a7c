"""Frames: the rows that a call sees from each row, as half-open ranges of positions in the window's order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locality.errors import Unsupported
from locality.kernel.loader import primitive
from locality.operators.ordering.keys import Keys
from locality.operators.relations.relation import Positions
from locality.operators.windows.inputs import Input, Mask
from locality.plan.expressions import Expression, SortKey
from locality.plan.windows import Bound, WindowCall

#: A number of rows beyond all that fit into memory, and far from the end of int64.
_MOST_ROWS = 2**48


@dataclass(frozen=True, eq=False)
class Range:
    """From ``begin`` up to ``end`` for each row; empty where they are equal."""

    begin: Positions
    end: Positions


def frames_of(source: Input, call: WindowCall) -> tuple[Range, ...]:
    """The frame of each row: one range, or what EXCLUDE leaves of it, up to three that ascend."""
    ordered = source.ordered
    begin = _edge(source, call, call.frame.start, is_end=False)
    end = _edge(source, call, call.frame.end, is_end=True)
    begin = np.clip(begin, ordered.partitions.first, ordered.partitions.after)
    end = np.clip(end, begin, ordered.partitions.after)
    return _without_excluded(source, call, Range(begin, end))


def _without_excluded(source: Input, call: WindowCall, frame: Range) -> tuple[Range, ...]:
    here, peers = source.ordered.position, source.ordered.peers
    match call.exclude:
        case "no others":
            return (frame,)
        case "current row":
            return _within(frame, None, here), _within(frame, here + 1, None)
        case "group":
            return _within(frame, None, peers.first), _within(frame, peers.after, None)
        case "ties":
            own = _within(frame, here, here + 1)
            return _within(frame, None, peers.first), own, _within(frame, peers.after, None)


def _within(frame: Range, low: Positions | None, high: Positions | None) -> Range:
    """The part of a frame from ``low`` up to ``high``; None for its own end."""
    begin = frame.begin if low is None else np.clip(low, frame.begin, frame.end)
    end = frame.end if high is None else np.clip(high, frame.begin, frame.end)
    return Range(begin, end)


def _edge(source: Input, call: WindowCall, bound: Bound, is_end: bool) -> Positions:
    """Where the frame of each row begins, or ends; it may lie outside its partition."""
    partitions, peers, here = source.ordered.partitions, source.ordered.peers, source.ordered.position
    match bound.kind, call.frame.unit:
        case "unbounded preceding", _:
            return partitions.first
        case "unbounded following", _:
            return partitions.after
        case "current row", "rows":
            return here + is_end
        case "current row", _:
            return peers.after if is_end else peers.first
        case _, "rows":
            return here + is_end + _distance(source, bound)
        case _, "groups":
            return _group_edge(source, bound, is_end)
        case _:
            return _range_edge(source, call, bound, is_end)


def _distance(source: Input, bound: Bound) -> Positions:
    """The signed number of rows or groups to an end."""
    assert bound.offset is not None
    offsets, valid = source.numbers(bound.offset)
    if valid is not None or (len(offsets) and offsets.min() < 0):
        raise Unsupported("a frame of a negative or unknown number of rows")
    distance = np.minimum(offsets, _MOST_ROWS).astype(np.int64)
    return -distance if bound.kind == "preceding" else distance


def _group_edge(source: Input, bound: Bound, is_end: bool) -> Positions:
    peers = source.ordered.peers
    number = peers.number + is_end + _distance(source, bound)
    return peers.starts[np.clip(number, 0, len(peers.starts) - 1)]


def _range_edge(source: Input, call: WindowCall, bound: Bound, is_end: bool) -> Positions:
    """The first row whose key is not before the bound's value, or the first one beyond it; for NULL the peers' ends."""
    assert bound.offset is not None
    (key,) = call.keys
    if bound.offset.type != key.expression.type:
        raise Unsupported(f"a range of {key.expression.type} up to {bound.offset.type}")
    keys, bounds = (_one_key(source, e, key.descending) for e in (key.expression, bound.offset))
    known = source.valid(key.expression)
    first, after = _known_span(source, known, key)
    limits = source.valid(bound.offset)
    unknown = np.zeros(len(keys), np.bool_) if known is None else ~known
    wrong = bounds > keys if bound.kind == "preceding" else bounds < keys
    if (wrong & ~unknown).any() or (limits is not None and not (limits | unknown).all()):
        raise Unsupported("a range of a negative or unknown distance")
    found = np.empty(len(keys), np.int64)
    primitive("search_spans")(keys, bounds, first, after, is_end, found)
    peers = source.ordered.peers
    return np.where(unknown, peers.after if is_end else peers.first, found)


def _one_key(source: Input, expression: Expression, descending: bool) -> Keys:
    first, *others = source.sort_keys(expression, descending)
    if others:
        raise Unsupported(f"a range of {expression.type}")
    return first


def _known_span(source: Input, known: Mask | None, key: SortKey) -> tuple[Positions, Positions]:
    """The rows of each partition whose key is not NULL."""
    first, after = source.ordered.partitions.first, source.ordered.partitions.after
    if known is None:
        return first, after
    before = np.concatenate(([0], np.cumsum(known)))
    count = before[after] - before[first]
    return (after - count, after) if key.nulls_first else (first, first + count)
