"""Names for the types of primitives' parameters and results."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Ints32 = npt.NDArray[np.int32]
Ints64 = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Words32 = npt.NDArray[np.uint32]
Ints64Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Elements = npt.NDArray[Any]
"""Elements of one type, which each call chooses."""

Integer = Any
Real = Any
Boolean = Any
"""Scalars: numpy's when a kernel is interpreted, Python's where a test passes them, the machine's when compiled."""
