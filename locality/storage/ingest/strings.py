"""Strings on their way in: what is kept of a chunk, and the facts about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality.encodings import EncodedColumn, bitmaps
from locality.encodings.canonical import code_dtype, text_array
from locality.encodings.column import AnyArray
from locality.encodings.dictionaries import make_dictionary
from locality.storage.ingest.facts import Facts, with_order
from locality.storage.zones import extremes

Counts = npt.NDArray[np.int64]

_SAMPLE = 256
_FEW = 12


def dictionary_facts(column: EncodedColumn, nulls: int) -> tuple[EncodedColumn, Facts]:
    """A ``dictionary`` column with entries that are all used, and the facts about it."""
    column, counts = compact(column)
    codes, dictionary = column.codes, column.dictionary
    assert codes is not None
    assert dictionary is not None
    values = dictionary.values.view(pa.binary())
    lengths = np.diff(np.frombuffer(values.buffers()[1], dtype=np.int32)[values.offset :][: len(values) + 1])
    facts = Facts(
        column.length,
        nulls,
        values[0].as_py(),
        values[-1].as_py(),
        text_bytes=int(lengths.astype(np.int64) @ counts),
        longest_text=int(lengths.max()),
    )
    return column, with_order(facts, codes, values[int(codes[0])].as_py(), values[int(codes[-1])].as_py())


def compact(column: EncodedColumn) -> tuple[EncodedColumn, Counts]:
    """A ``dictionary`` column without the entries that no row uses, and how many rows use each of the others."""
    codes, dictionary = column.codes, column.dictionary
    assert codes is not None
    assert dictionary is not None
    valid = codes if column.validity is None else codes[bitmaps.to_mask(column.validity, column.length)]
    counts = _counts(valid, len(dictionary))
    used = counts > 0
    if used.all():
        return column, counts
    kept = np.flatnonzero(used)
    ranks = np.cumsum(used, dtype=np.int64) - 1
    codes = np.maximum(ranks[codes], 0).astype(code_dtype(len(kept) - 1))
    values = dictionary.values.take(pa.array(kept))
    return replace(column, codes=codes, dictionary=make_dictionary(values)), counts[kept]


def _counts(codes: AnyArray, entries: int) -> Counts:
    """How often each code occurs; a few of them are counted one by one, which vectorises."""
    if entries <= _FEW:
        return np.array([np.count_nonzero(codes == code) for code in range(entries)], dtype=np.int64)
    return np.bincount(codes, minlength=entries)


def trimmed(column: EncodedColumn) -> EncodedColumn:
    """A ``text`` column whose data is what its rows refer to."""
    offsets, data = column.offsets, column.data
    assert offsets is not None
    assert data is not None
    first, last = int(offsets[0]), int(offsets[-1])
    if first == 0 and last == len(data):
        return column
    return replace(column, offsets=offsets - first, data=data[first:last])


def text_facts(column: EncodedColumn, nulls: int) -> Facts:
    """The facts about a ``text`` column."""
    import pyarrow.compute as pc

    offsets = column.offsets
    assert offsets is not None
    array = text_array(column).view(pa.large_binary())
    least, greatest = extremes(column)
    lengths = np.diff(offsets)
    if column.validity is not None:
        lengths = lengths[bitmaps.to_mask(column.validity, column.length)]
    facts = Facts(
        column.length,
        nulls,
        least,
        greatest,
        runs=column.length,
        text_bytes=int(lengths.sum()),
        longest_text=int(lengths.max()),
    )
    if nulls:
        return facts
    first, last = array[0].as_py(), array[-1].as_py()
    ordered = {"<": False, "<=": False, ">=": False}
    for test, compare in (("<", pc.less), ("<=", pc.less_equal), (">=", pc.greater_equal)):
        ordered[test] = _probably(array, compare) and bool(pc.all(compare(array[:-1], array[1:])).as_py() is not False)
    return replace(
        facts, first=first, last=last, ascending=ordered["<="], strict=ordered["<"], descending=ordered[">="]
    )


def _probably(array: pa.Array, compare: Callable[[pa.Array, pa.Array], pa.Array]) -> bool:
    """Whether the first rows are in an order; sorted text is rare, and comparing all of it takes time."""
    import pyarrow.compute as pc

    head = array[:_SAMPLE]
    return pc.all(compare(head[:-1], head[1:])).as_py() is not False
