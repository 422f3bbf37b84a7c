"""A reader written from docs/storage-format.md alone, with pyarrow and json, against what was ingested."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import subprocess
import sys
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import locality

ROOT = Path(__file__).resolve().parents[1]
ROWS = 150_000
DAY = datetime.date(2000, 1, 1)


def with_nulls(values: list[Any], every: int) -> list[Any]:
    return [None if i % every == 0 else value for i, value in enumerate(values)]


def written_table() -> pa.Table:
    n = range(ROWS)
    return pa.table(
        {
            "framed": pa.array([i % 200 - 100 for i in n], pa.int64()),
            "framed_nulls": pa.array(with_nulls([i * 7 for i in n], 11), pa.int32()),
            "scaled": pa.array([Decimal(i % 50) * 100 for i in n], pa.decimal128(12, 2)),
            "plain_integers": pa.array([(i * 2654435761) % 2**31 for i in n], pa.int32()),
            "floats": pa.array(with_nulls([i / 3 for i in n], 7), pa.float64()),
            "wide": pa.array([Decimal(i) * 10**20 for i in n], pa.decimal128(38, 0)),
            "booleans": pa.array([i % 3 == 0 for i in n]),
            "days": pa.array([DAY + datetime.timedelta(days=i // 100) for i in n]),
            "words": pa.array(with_nulls([f"word {i % 300}" for i in n], 13)),
            "runs": pa.array([i // 20_000 for i in n], pa.int64()),
            "word_runs": pa.array([f"run {i // 20_000}" for i in n]),
            "always": pa.array([42] * ROWS, pa.int16()),
            "always_word": pa.array(with_nulls(["same"] * ROWS, 2)),
            "never": pa.array([None] * ROWS, pa.int32()),
            "texts": pa.array(with_nulls([f"text {i * 7919} of its own" for i in n], 17)),
            "lists": pa.array([[i, None] for i in n], pa.list_(pa.int64())),
        }
    )


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return written_table()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, table: pa.Table) -> Path:
    path = tmp_path_factory.mktemp("format") / "t.locality"
    with locality.connect(path) as connection:
        connection.ingest("t", table)
    return path


def manifest(store: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    header, body = (store / "manifest.json").read_bytes().splitlines()
    described = json.loads(header)
    assert described["magic"] == "locality store"
    assert described["format"] == 2
    assert described["length"] == len(body)
    assert described["sha256"] == hashlib.sha256(body).hexdigest()
    return described, json.loads(body)


def read(store: Path, file: dict[str, Any]) -> pa.Table:
    content = (store / file["path"]).read_bytes()
    assert len(content) == file["size"]
    assert zlib.crc32(content) == file["crc32"]
    return pa.ipc.open_file(content).read_all()


def integer_to_value(sql_type: str, integer: int | None) -> Any:
    if integer is None:
        return None
    if match := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", sql_type):
        return Decimal(integer).scaleb(-int(match[2]))
    if sql_type == "DATE":
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=integer)
    return bool(integer) if sql_type == "BOOLEAN" else integer


def decoded(store: Path, field: pa.Field, column: pa.ChunkedArray) -> list[Any]:
    """The values of a column of a segment, by the rules of the document."""
    entries = {key.decode(): value.decode() for key, value in field.metadata.items()}
    sql_type, encoding = entries["locality.type"], entries["locality.encoding"]
    codes = column.to_pylist()
    if encoding in ("text", "opaque"):
        return codes
    if encoding == "plain":
        natural = pa.types.is_decimal(column.type) or (sql_type != "BOOLEAN" and "DECIMAL" not in sql_type)
        return codes if natural else [integer_to_value(sql_type, code) for code in codes]
    if encoding == "constant":
        text = entries.get("locality.value")
        if text is None:
            return [None] * len(codes)
        value = bytes.fromhex(text).decode() if sql_type == "VARCHAR" else integer_to_value(sql_type, int(text))
        return [value if pa.types.is_null(column.type) or code else None for code in codes]
    if key := entries.get("locality.dictionary"):
        words = pa.ipc.open_file((store / "dictionaries" / f"{key}.arrow").read_bytes()).read_all()["value"].to_pylist()
        assert words == sorted(set(words), key=str.encode)
        return [None if code is None else words[code] for code in codes]
    base, factor = int(entries["locality.base"]), int(entries["locality.factor"])
    assert encoding in ("frame", "scaled", "rle")
    return [None if code is None else integer_to_value(sql_type, base + factor * code) for code in codes]


def test_the_document_is_enough_to_read_every_value(store: Path, table: pa.Table) -> None:
    _, body = manifest(store)
    (entry,) = body["tables"]
    assert [column["name"] for column in entry["columns"]] == table.column_names
    values: dict[str, list[Any]] = {name: [] for name in table.column_names}
    used = set()
    for segment in entry["layouts"][0]["segments"]:
        for file in (segment["codes"], segment["text"]):
            stored = read(store, file)
            for field, column in zip(stored.schema, stored.columns, strict=True):
                values[field.name] += decoded(store, field, column)
                used.add(field.metadata[b"locality.encoding"].decode())
    for name in table.column_names:
        assert values[name] == table[name].to_pylist(), name
    assert used == {"plain", "frame", "scaled", "dictionary", "rle", "constant", "text", "opaque"}


def test_buffers_of_codes_lie_at_multiples_of_64_bytes(store: Path) -> None:
    _, body = manifest(store)
    for segment in body["tables"][0]["layouts"][0]["segments"]:
        with pa.memory_map(str(store / segment["codes"]["path"])) as file:
            start = file.read_buffer(0).address
            assert file.size() == segment["codes"]["size"]
            batch = pa.ipc.open_file(file).get_batch(0)
            for column in batch.columns:
                arrays = [column.run_ends, column.values] if pa.types.is_run_end_encoded(column.type) else [column]
                buffers = [buffer for array in arrays for buffer in array.buffers() if buffer is not None]
                assert all((buffer.address - start) % 64 == 0 for buffer in buffers)


def test_zones_have_65536_rows_and_bound_the_codes(store: Path, table: pa.Table) -> None:
    _, body = manifest(store)
    (segment,) = body["tables"][0]["layouts"][0]["segments"]
    zones = read(store, segment["zones"])
    assert zones.num_rows == -(-ROWS // 65536)
    codes = read(store, segment["codes"])["framed_nulls"].to_pylist()
    index = table.column_names.index("framed_nulls")
    for zone, row in enumerate(zones.to_pylist()):
        part = codes[zone * 65536 : (zone + 1) * 65536]
        known = [code for code in part if code is not None]
        assert (row[f"{index}.nulls"], row[f"{index}.minimum"], row[f"{index}.maximum"]) == (
            len(part) - len(known),
            min(known),
            max(known),
        )


def test_the_document_s_example_runs(store: Path) -> None:
    text = (ROOT / "docs" / "storage-format.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    code = code.replace("sales.locality", store.name)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=store.parent, check=True)
    assert "framed uint8 {'locality.type': 'BIGINT', 'locality.encoding': 'frame'" in run.stdout


def test_the_document_says_which_rows_were_deleted(tmp_path: Path) -> None:
    with locality.connect(tmp_path) as connection:
        connection.ingest("t", pa.table({"a": range(10), "b": ["x"] * 10}))
        connection.sql("delete from t where a % 3 = 1")
    _, body = manifest(tmp_path)
    (segment,) = body["tables"][0]["layouts"][0]["segments"]
    live = read(tmp_path, segment["deleted"])
    assert live.to_pydict() == {"live": [a % 3 != 1 for a in range(10)]}
    assert (segment["rows"], segment["dead"]) == (10, 3)
