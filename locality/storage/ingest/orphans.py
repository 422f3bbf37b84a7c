"""Whether rows that go leave others behind whose foreign keys named them."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from locality.encodings import take
from locality.errors import KeyViolation
from locality.storage.catalog import column_positions
from locality.storage.ingest.proofs import Spans, check_references, mix, mixed_keys, spans_of
from locality.storage.table import ForeignKey, Table

Ints = npt.NDArray[np.int64]


def check_children(
    child: Table, key: ForeignKey, before: Table, after: Table, rows: Ints, since: int, scratch: Path
) -> None:
    """Raise KeyViolation if a row of ``child`` names a row of its parent that is there no more.

    before, after: the parent; rows: the ids of the rows that went, ascending; since: the first segment of ``after``
    with rows that came. scratch: a directory for temporary files.
    """
    if _leaves_none(child, key, before, after, rows, since):
        return
    try:
        check_references(child, key, after, scratch)
    except KeyViolation as error:
        raise KeyViolation(
            f"rows of {after.name!r} that others refer to can't be deleted, nor their keys changed: {error}"
        ) from None


def _leaves_none(child: Table, key: ForeignKey, before: Table, after: Table, rows: Ints, since: int) -> bool:
    """Whether that is proven from the keys alone that went and did not come again."""
    theirs = column_positions(before.name, before.column_names, key.parents)
    ours = column_positions(child.name, child.column_names, key.columns)
    old, new = spans_of(before, theirs), spans_of(after, theirs)
    if old is None or new is None or spans_of(child, ours) is None:
        return False
    spans = _over_both(old, new)
    if prod(span for _, span in spans) >= 2**63:
        return False
    gone = _keys_at(before, theirs, spans, rows)
    for mixed, valid in mixed_keys(after, theirs, spans, slice(since, None)):
        gone = np.setdiff1d(gone, mixed[valid])
    if not len(gone):
        return True
    for mixed, valid in mixed_keys(child, ours, spans):
        named = mixed[valid]
        if np.isin(named[(named >= gone[0]) & (named <= gone[-1])], gone).any():
            return False
    return True


def _over_both(one: Spans, other: Spans) -> Spans:
    """What the values of both lie in."""
    pairs = zip(one, other, strict=True)
    ends = ((min(a, b), max(a + span, b + width)) for (a, span), (b, width) in pairs)
    return [(low, high - low) for low, high in ends]


def _keys_at(table: Table, indices: list[int], spans: Spans, rows: Ints) -> Ints:
    """The keys of some rows as numbers, ascending, each once."""
    found = []
    first = 0
    for segment in table.segments:
        start, stop = np.searchsorted(rows, (first, first + segment.row_count))
        local = rows[start:stop] - first
        first += segment.row_count
        if not len(local):
            continue
        mixed, valid = mix([take(segment.column(index), local) for index in indices], spans)
        found.append(mixed[valid])
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
