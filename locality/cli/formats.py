"""The forms in which ``locality sql`` writes a result."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from locality import SchemaError

if TYPE_CHECKING:
    from locality.runtime.result import Result

TextWriter = Callable[["Result", IO[str]], None]
FileWriter = Callable[["Result", Path], None]


def format_of(name: str | None, output: Path | None) -> str:
    """The format asked for: by name, else by the file's suffix, else a table."""
    if name is not None:
        return name
    if output is None:
        return "table"
    try:
        return _SUFFIXES[output.suffix.lower()]
    except KeyError:
        known = ", ".join(_SUFFIXES)
        raise click.UsageError(f"the suffix of {output} names no format ({known}); choose one with --format") from None


def write(result: Result, name: str, output: Path | None, max_rows: int | None) -> None:
    """Write ``result`` in the format called ``name`` to a file, or to standard output."""
    if name in BINARY and output is not None:
        _write_binary(result, name, output)
    elif output is None:
        stream = sys.stdout
        _write_text(result, name, stream, max_rows)
        stream.flush()
    else:
        with output.open("w", encoding="utf-8", newline="") as file:
            _write_text(result, name, file, max_rows)


def _write_binary(result: Result, name: str, output: Path) -> None:
    import pyarrow as pa

    try:
        BINARY[name](result, output)
    except pa.ArrowException as error:
        raise SchemaError(
            f"can't write this result as {name}: {error}; cast the column to another type or choose another --format"
        ) from error


def _write_text(result: Result, name: str, stream: IO[str], max_rows: int | None) -> None:
    if name == "table":
        stream.write(result.to_text(max_rows=max_rows))
    else:
        TEXT[name](result, stream)


def _write_csv(result: Result, stream: IO[str]) -> None:
    """RFC 4180 with a header; values as DuckDB casts them to text, NULL is nothing, and empty text is quoted."""
    for row in (result.columns, *result.text_rows()):
        stream.write(",".join(map(_csv_field, row)) + "\n")


def _csv_field(text: str | None) -> str:
    if text is None:
        return ""
    if not text or any(c in text for c in '",\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _write_json(result: Result, stream: IO[str]) -> None:
    """An array of objects, one a row and a line; a repeated column name gets a number, as objects need."""
    names = [json.dumps(name, ensure_ascii=False) for name in _distinct(result.columns)]
    separator = "["
    for row in result:
        pairs = ", ".join(f"{name}: {_json_value(value)}" for name, value in zip(names, row, strict=True))
        stream.write(f"{separator}{{{pairs}}}")
        separator = ",\n "
    stream.write("]\n" if separator != "[" else "[]\n")


def _distinct(names: Iterable[str]) -> Iterator[str]:
    used: set[str] = set()
    for name in names:
        candidate, count = name, 0
        while candidate in used:
            count += 1
            candidate = f"{name}_{count}"
        used.add(candidate)
        yield candidate


def _json_value(value: Any) -> str:
    """Decimals keep their digits; NaN, infinities, dates, times, intervals and UUIDs are text, blobs hexadecimal."""
    match value:
        case None | bool() | int() | str():
            return json.dumps(value, ensure_ascii=False)
        case Decimal() if value.is_finite():
            return format(value, "f")
        case float() if math.isfinite(value):
            return repr(value)
        case bytes():
            return json.dumps(value.hex())
        case list() | tuple():
            return "[" + ", ".join(map(_json_value, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{json.dumps(str(k))}: {_json_value(v)}" for k, v in value.items()) + "}"
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def _write_markdown(result: Result, stream: IO[str]) -> None:
    """A table with numbers to the right; NULL is an empty cell."""
    numeric = [name in _NUMERIC or name.startswith("DECIMAL(") for name in result.types]
    stream.write(_markdown_row(result.columns))
    stream.write(_markdown_row(["--:" if right else "---" for right in numeric]))
    for row in result.text_rows():
        stream.write(_markdown_row(row))


def _markdown_row(cells: Iterable[str | None]) -> str:
    texts = (("" if cell is None else cell).replace("\\", "\\\\").replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(" ".join(text.splitlines()) for text in texts) + " |\n"


def _write_parquet(result: Result, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(result.to_arrow_table(), path)


def _write_arrow(result: Result, path: Path) -> None:
    import pyarrow as pa

    table = result.to_arrow_table()
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


_NUMERIC = frozenset({"FLOAT", "DOUBLE"}) | {
    f"{sign}{name}" for sign in ("", "U") for name in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
}

TEXT: dict[str, TextWriter] = {"csv": _write_csv, "json": _write_json, "markdown": _write_markdown}
BINARY: dict[str, FileWriter] = {"parquet": _write_parquet, "arrow": _write_arrow}
FORMATS = ("table", *TEXT, *BINARY)
_SUFFIXES = {
    ".txt": "table",
    ".csv": "csv",
    ".json": "json",
    ".md": "markdown",
    ".parquet": "parquet",
    ".arrow": "arrow",
}
