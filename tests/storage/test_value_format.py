"""The values file of a segment, by itself."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from locality.encodings import EncodedColumn, bitmaps, decode
from locality.storage.value_format import read, write
from locality.types import DataType


def test_uuids_that_were_written_as_they_came_are_read_so(tmp_path: Path) -> None:
    values = pa.array(["eeccb8c5-9943-b2bb-bb5e-222f4e14b687", None])
    dtype, path = DataType("UUID"), tmp_path / "old.values.arrow"
    column = EncodedColumn(dtype, "opaque", 2, validity=bitmaps.from_arrow(values), nested=values)
    with pa.OSFile(str(path), "wb") as sink:
        write(sink, [(column, "u")], 2)
    found = read(path, 0, dtype, 2)
    assert found.encoding == "opaque"
    assert decode(found).to_pylist() == values.to_pylist()
