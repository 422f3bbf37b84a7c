"""Manifests: what an older format said is still read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from locality.errors import CorruptStoreError
from locality.storage import manifest
from locality.storage.ingest import ingest
from locality.storage.store import Store


def _write_format_1(store: Path, order: list[str]) -> None:
    """Says what the manifest says as format 1 did: each table's one layout in the table itself."""
    _, body = (json.loads(line) for line in (store / manifest.NAME).read_bytes().splitlines())
    for table in body["tables"]:
        (layout,) = table.pop("layouts")
        del table["changed"], table["dropped"]
        table.update({key: layout[key] for key in ("segments", "dictionaries")}, order=order)
    _write_body(store, body, 1)


def _write_body(store: Path, body: Any, number: int) -> None:
    """Puts another body, of format ``number``, in a manifest, with the checksum that belongs to it."""
    header = json.loads((store / manifest.NAME).read_bytes().splitlines()[0])
    text = json.dumps(body).encode()
    header.update({"format": number, "length": len(text), "sha256": hashlib.sha256(text).hexdigest()})
    (store / manifest.NAME).write_bytes(json.dumps(header).encode() + b"\n" + text + b"\n")


def _rows(store: Path) -> dict[str, Any]:
    with Store.open(store, create=False) as opened:
        table = opened.snapshot().tables["t"]
        return pa.Table.from_batches(table.to_batches([0, 1]), table.arrow_schema).to_pydict()


def test_a_manifest_of_format_1_is_read_and_written_on(tmp_path: Path) -> None:
    rows = pa.table({"a": [3, 1, 2], "b": ["x", "y", "z"]})
    with Store.open(tmp_path) as store:
        ingest(store, "t", rows, primary_key="a")
    _write_format_1(tmp_path, ["a", "curve(b, a)"])
    (entry,) = manifest.read(tmp_path).tables
    assert (entry.primary.order, entry.primary.curve, entry.primary_key) == (("a",), ("b", "a"), ("a",))
    assert _rows(tmp_path) == rows.to_pydict()
    with Store.open(tmp_path) as store:
        ingest(store, "t", pa.table({"a": [4], "b": ["w"]}), mode="append")
    assert _rows(tmp_path) == {"a": [3, 1, 2, 4], "b": ["x", "y", "z", "w"]}
    (entry,) = manifest.read(tmp_path).tables
    assert (entry.primary.placement, entry.changed) == (("a", "curve(b, a)"), 0)


@pytest.mark.parametrize("body", [[], {}, {"version": 0, "tables": [{}]}, {"version": 0, "tables": 3, "retired": []}])
def test_a_manifest_without_a_part_is_named(tmp_path: Path, body: Any) -> None:
    Store.open(tmp_path).close()
    _write_body(tmp_path, body, manifest.FORMAT)
    with pytest.raises(CorruptStoreError, match=f"{manifest.NAME} is damaged"):
        Store.open(tmp_path)


@pytest.mark.parametrize("path", ["../outside.arrow", "/etc/passwd", "segments/../../x", "", "segments\\..\\x", "a//b"])
def test_a_path_that_leads_out_of_the_store_is_refused(tmp_path: Path, path: str) -> None:
    with Store.open(tmp_path) as store:
        ingest(store, "t", pa.table({"a": [1]}), mode="create")
    _, body = (json.loads(line) for line in (tmp_path / manifest.NAME).read_bytes().splitlines())
    body["tables"][0]["layouts"][0]["segments"][0]["codes"]["path"] = path
    _write_body(tmp_path, body, manifest.FORMAT)
    with pytest.raises(CorruptStoreError, match=f"{manifest.NAME} is damaged.* is not the path of a file"):
        Store.open(tmp_path)
