"""Sorted dictionaries: building them, naming them by content, and merging them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from locality import types
from locality.encodings.column import Dictionary
from locality.encodings.numbers import to_numpy
from locality.types import DataType

Ranks = npt.NDArray[np.int32]

_FEW = 64


def make_dictionary(values: pa.Array) -> Dictionary:
    """The dictionary of string or binary values that are distinct, ascending by bytes, without NULL."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(str(values.type).encode())
    if len(values):
        offsets = np.frombuffer(values.buffers()[1], dtype=np.int32, count=values.offset + len(values) + 1)
        offsets = offsets[values.offset :]
        digest.update(np.ascontiguousarray(offsets - offsets[0]).data)
        if offsets[-1] > offsets[0]:
            digest.update(memoryview(values.buffers()[2])[int(offsets[0]) : int(offsets[-1])])
    return Dictionary(digest.hexdigest(), values)


def dictionary_of(entries: Sequence[str | bytes], arrow: pa.DataType) -> Dictionary:
    """:func:`make_dictionary` of Python's values; pyarrow's own conversion of them imports pandas."""
    values = [entry.encode() if isinstance(entry, str) else entry for entry in entries]
    offsets = np.cumsum([0, *map(len, values)], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return make_dictionary(pa.Array.from_buffers(arrow, len(values), buffers))


def sorted_dictionary(values: pa.Array, dtype: DataType) -> tuple[Dictionary, Ranks]:
    """The dictionary of all ``values`` (any order, duplicates and NULLs allowed), and the code of each; -1 for NULL."""
    if len(values) <= _FEW:
        return _sorted_few(values, dtype)
    encoded = values.dictionary_encode()
    entries = encoded.dictionary.cast(types.to_arrow(dtype))
    order = _sort_indices(entries)
    ranks = np.empty(len(order) + 1, dtype=np.int32)
    ranks[to_numpy(order)] = np.arange(len(order), dtype=np.int32)
    ranks[-1] = -1
    positions = to_numpy(encoded.indices.fill_null(-1))
    return make_dictionary(entries.take(order)), ranks[positions]


def _sorted_few(values: pa.Array, dtype: DataType) -> tuple[Dictionary, Ranks]:
    """As :func:`sorted_dictionary`, without Arrow's kernels, whose calls take longer than sorting a few values."""
    arrow = types.to_arrow(dtype)
    known = values.cast(arrow).view(pa.binary()).to_pylist()
    entries = sorted({value for value in known if value is not None})
    codes = {value: code for code, value in enumerate(entries)}
    ranks = np.array([codes.get(value, -1) for value in known], dtype=np.int32)
    return make_dictionary(pa.array(entries, pa.binary()).view(arrow)), ranks


def _sort_indices(values: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.sort_indices(values)


def merge_dictionaries(dictionaries: Sequence[Dictionary]) -> tuple[Dictionary, list[Ranks]]:
    """One dictionary of all their values, and for each of them the new code of every old one (int32).

    All are of one Arrow type, and at least one is given. Equal dictionaries are merged without looking at their values.
    """
    distinct = {dictionary.key: dictionary for dictionary in dictionaries}
    if len(distinct) == 1:
        first = dictionaries[0]
        return first, [np.arange(len(first), dtype=np.int32)] * len(dictionaries)
    dtype = types.from_arrow(dictionaries[0].values.type)
    merged, ranks = sorted_dictionary(pa.concat_arrays([d.values for d in distinct.values()]), dtype)
    ends = np.cumsum([len(d) for d in distinct.values()])
    parts = dict(zip(distinct, np.split(ranks, ends[:-1]), strict=True))
    return merged, [parts[dictionary.key] for dictionary in dictionaries]


def lookup(values: pa.Array, dictionary: Dictionary) -> Ranks:
    """The code of each value in ``dictionary``, 0 for NULL; raises ValueError if a value is not in it."""
    import pyarrow.compute as pc

    if len(values) == values.null_count:
        return np.zeros(len(values), dtype=np.int32)
    entries = dictionary.values.cast(values.type)
    codes = pc.index_in(values, value_set=entries, skip_nulls=True)
    if codes.null_count != values.null_count:
        raise ValueError("a value is not in the dictionary that was chosen for its column")
    return to_numpy(codes.fill_null(0))
