"""Zone statistics: bounds of every 65,536 rows of a column, by which scans skip zones that can't hold a match."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locality.encodings import EncodedColumn

#: Rows of a zone; the last one of a segment may be shorter.
ZONE_ROWS = 65536

#: Bounds of a zone without values: minimum > maximum.
EMPTY_MINIMUM = 2**63 - 1
EMPTY_MAXIMUM = -(2**63)

Bounds = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Zones:
    """Statistics of the zones of one column of a segment.

    nulls: int64, NULLs in each zone.
    minimum, maximum: int64, exact bounds of the values that are not NULL, in code space for ``frame``, ``scaled``,
        ``dictionary``, ``rle`` and ``constant`` (whose codes are 0); the values themselves for ``plain`` integers;
        :func:`ordered_keys` for floats. A zone of NULLs has minimum > maximum. None for ``text``, ``opaque``, 128-bit
        values and unsigned values beyond int64.
    prefix_minimum, prefix_maximum: of ``text`` only: for each zone the first 16 bytes of its minimum, and at most 16
        bytes that are >= all its values; None for a zone of NULLs, and as the maximum where no 16 bytes bound it.
    """

    nulls: npt.NDArray[np.int64]
    minimum: Bounds | None = None
    maximum: Bounds | None = None
    prefix_minimum: tuple[bytes | None, ...] | None = None
    prefix_maximum: tuple[bytes | None, ...] | None = None

    def __len__(self) -> int:
        return len(self.nulls)


def ordered_keys(values: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """int64 keys that order as SQL orders floats: -0.0 equals 0.0, and NaN equals itself and is the greatest.

    float32 values are widened first, so that both widths share one key space.
    """
    wide = values.astype(np.float64)
    wide += 0.0  # -0.0 + 0.0 is 0.0
    bits = wide.view(np.int64)
    keys = np.where(bits < 0, bits ^ np.int64(2**63 - 1), bits)
    keys[np.isnan(wide)] = np.array(np.nan).view(np.int64)
    return keys


def zones_of(column: EncodedColumn) -> Zones:
    """The zone statistics of a column of a segment."""
    raise NotImplementedError
