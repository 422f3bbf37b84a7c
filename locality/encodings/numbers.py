"""Arrow's numbers as numpy's, without a copy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from locality.encodings.column import AnyArray


def to_numpy(array: pa.Array) -> AnyArray:
    """A view of numbers without NULLs. Arrow's own conversion imports pandas, which takes longer than most queries."""
    dtype = np.dtype(str(array.type))
    return np.frombuffer(array.buffers()[1], dtype=dtype, count=len(array), offset=array.offset * dtype.itemsize)
