"""A process that writes to a store until it is stopped: ``writer.py STORE``; prints a line when it is at work."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa

from locality.storage.ingest import ingest
from locality.storage.store import Store


def table(number: int, rows: int) -> pa.Table:
    """The rows of write ``number``: whether they are whole can be seen from each of them."""
    return pa.table(
        {
            "number": np.full(rows, number),
            "row": np.arange(rows),
            "text": [f"{number}-{row}-{'x' * (row % 50)}" for row in range(rows)],
        }
    )


def main() -> None:
    """Replace a table again and again, with a growing number in each row."""
    with Store.open(sys.argv[1]) as store:
        print("open", flush=True)
        for number in range(1, 1_000_000):
            ingest(store, "t", table(number, 20_000), mode="replace")
            print(number, flush=True)


if __name__ == "__main__":
    main()
