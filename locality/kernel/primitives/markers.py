"""Numbers that stand for something else in tables of keys."""

from __future__ import annotations

import numpy as np

#: The first word of a key that is in no table, and is entered into none.
NO_KEY = np.int64(-(2**63))

#: The rank of a row that is still to be entered.
PENDING = np.int64(-2)
