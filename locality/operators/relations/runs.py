"""Where the rows of each value begin in a stored column whose rows lie in its order.

Files often list children by the key of their parent. Then the rows that match a few parents are found from the parents'
side, without reading the key of every row: by the rank of the key among those that there are, as runs of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locality import memory
from locality.encodings import EncodedColumn
from locality.operators.codegen.block import BLOCK

Ints32 = npt.NDArray[np.int32]

#: The greatest value above the least that is kept.
_MOST_VALUES = 2**31 - 1


@dataclass(frozen=True, eq=False)
class RunIndex:
    """The runs of equal values of one segment, in order; none where its rows do not lie in order.

    values: less ``low``. starts: the row at which each run begins, then the number of rows. blocks: the run of every
    1,024th row, then the last run.
    """

    low: int
    values: Ints32
    starts: Ints32
    blocks: Ints32

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + self.starts.nbytes + self.blocks.nbytes


def may_ascend(column: EncodedColumn) -> bool:
    """Whether a column has the form that is indexed, and a few of its rows are in order."""
    if column.encoding not in ("plain", "frame") or column.factor != 1 or column.validity is not None:
        return False
    codes = column.codes
    if codes is None or codes.ndim != 1 or codes.dtype.kind not in "iu" or codes.dtype == np.uint64:
        return False
    some = codes[:: max(len(codes) // 256, 1)].astype(np.int64)
    return bool((some[1:] >= some[:-1]).all())


def runs_of(column: EncodedColumn) -> RunIndex:
    """The runs of a column that :func:`may_ascend`."""
    codes = column.codes
    assert codes is not None
    if not len(codes) or (codes[1:] < codes[:-1]).any() or int(codes[-1]) - int(codes[0]) > _MOST_VALUES:
        return _NOT_IN_ORDER
    is_first = np.ones(len(codes), np.bool_)
    np.not_equal(codes[1:], codes[:-1], out=is_first[1:])
    begins = np.flatnonzero(is_first)
    low = int(codes[0])
    values = (codes[begins].astype(np.int64) - low).astype(np.int32)
    starts = np.append(begins, len(codes)).astype(np.int32)
    rows = np.append(np.arange(0, len(codes), BLOCK), len(codes) - 1)
    blocks = (np.searchsorted(begins, rows, side="right") - 1).astype(np.int32)
    memory.hold((values, starts, blocks), "where runs of a column begin")
    return RunIndex(low + (column.base if column.encoding == "frame" else 0), values, starts, blocks)


_NOT_IN_ORDER = RunIndex(0, *(np.zeros(0, np.int32) for _ in range(3)))
