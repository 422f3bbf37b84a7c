"""Every format, read back by something that is not ours."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import click
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from locality import SchemaError
from locality.cli.formats import BINARY, TEXT, format_of, write
from locality.runtime.profile import Profile
from locality.runtime.result import Result

Asked = Callable[[str], Result]

MIXED = """
    select * from (values
        (1, 'plain', 1.50::decimal(9,2), 0.1, date '1992-01-02', true, '\\x00\\xFF'::blob, [1, null]),
        (2, 'with, comma', -0.05, 'inf'::double, null, false, ''::blob, []),
        (3, 'with "quotes"', null, 'nan'::double, date '9999-12-31', null, null, null),
        (4, 'two' || chr(10) || 'lines', 0, -1e300, date '0001-01-01', true, 'x'::blob, [3]),
        (5, '', 7, 5e-324, date '2000-02-29', true, 'y'::blob, [4, 5]),
        (6, null, 7, 0.0, date '2000-02-29', true, 'z'::blob, [6]),
        (7, 'Grüße | 🦆 \\', 7, 1.0, date '2000-02-29', true, 'z'::blob, [6])
    ) t(i, s, d, f, day, b, raw, l) order by i
"""


@pytest.fixture
def asked() -> Asked:
    def ask(sql: str) -> Result:
        relation = duckdb.connect().sql(sql)
        return Result(relation.to_arrow_table(), relation.columns, [str(t) for t in relation.types], Profile("duckdb"))

    return ask


def test_csv_is_read_back_by_another_reader(asked: Asked, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write(asked(MIXED), "csv", path, None)
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["i", "s", "d", "f", "day", "b", "raw", "l"]
    columns = ", ".join(f"coalesce({name}::varchar, '')" for name in header)
    expected = duckdb.connect().execute(f"select {columns} from ({MIXED}) order by i").fetchall()
    assert [tuple(row) for row in rows] == expected


def test_csv_tells_null_from_empty_text(asked: Asked, tmp_path: Path) -> None:
    write(asked("select * from (values ('', null::varchar, 1)) t(a, b, c)"), "csv", tmp_path / "out.csv", None)
    assert (tmp_path / "out.csv").read_bytes() == b'a,b,c\n"",,1\n'


def test_json_is_read_back_with_all_digits(asked: Asked, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write(asked(MIXED), "json", path, None)
    rows = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    assert rows[0] == {
        "i": 1,
        "s": "plain",
        "d": Decimal("1.50"),
        "f": Decimal("0.1"),
        "day": "1992-01-02",
        "b": True,
        "raw": "00ff",
        "l": [1, None],
    }
    assert [row["f"] for row in rows[1:3]] == ["inf", "nan"]
    assert [row["s"] for row in rows] == [
        row[0] for row in duckdb.sql(f"select s from ({MIXED}) order by i").fetchall()
    ]


def test_json_of_nested_and_wide_values(asked: Asked, tmp_path: Path) -> None:
    sql = "select {'a': [{'b': 1.5}]} s, map {'k': 2} m, 170141183460469231731687303715884105727::hugeint h, 1 x, 2 x"
    write(asked(sql), "json", tmp_path / "out.json", None)
    assert json.loads((tmp_path / "out.json").read_text()) == [
        {"s": {"a": [{"b": 1.5}]}, "m": {"k": 2}, "h": 2**127 - 1, "x": 1, "x_1": 2}
    ]


def test_json_without_rows_is_an_empty_array(asked: Asked, tmp_path: Path) -> None:
    write(asked("select 1 where false"), "json", tmp_path / "out.json", None)
    assert json.loads((tmp_path / "out.json").read_text()) == []


def test_markdown_has_a_line_a_row_and_as_many_cells(asked: Asked, tmp_path: Path) -> None:
    path = tmp_path / "out.md"
    write(asked(MIXED), "markdown", path, None)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "| i | s | d | f | day | b | raw | l |"
    assert lines[1] == "| --: | --- | --: | --: | --- | --- | --- | --- |"
    assert len(lines) == 2 + 7
    assert {line.replace("\\|", "").count("|") for line in lines} == {9}
    assert "| two lines |" in lines[5]


@pytest.mark.parametrize(
    ("name", "read"),
    [("parquet", pq.read_table), ("arrow", lambda path: pa.ipc.open_file(path.read_bytes()).read_all())],
)
def test_binary_formats_keep_types_and_rows(
    asked: Asked, tmp_path: Path, name: str, read: Callable[[Path], pa.Table]
) -> None:
    write(asked(MIXED), name, tmp_path / "out", None)
    table = read(tmp_path / "out")
    expected = asked(MIXED).to_arrow_table()
    assert table.schema.types == expected.schema.types
    assert duckdb.connect().from_arrow(table).fetchall()[0] == asked(MIXED).fetchall()[0]
    assert table.drop_columns("f").equals(expected.drop_columns("f"))


def test_a_type_that_parquet_does_not_have_is_named(asked: Asked, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="parquet"):
        write(asked("select interval 1 month v"), "parquet", tmp_path / "out.parquet", None)


def test_a_table_is_the_printed_box(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    write(asked("select i from range(100) t(i)"), "table", None, 4)
    out = capsys.readouterr().out
    assert out == asked("select i from range(100) t(i)").to_text(max_rows=4)
    assert "100 rows" in out


@pytest.mark.parametrize("name", list(TEXT))
def test_many_rows_are_all_written(asked: Asked, tmp_path: Path, name: str) -> None:
    write(asked("select i, i::varchar s from range(200_000) t(i) order by i"), name, tmp_path / "out", None)
    text = (tmp_path / "out").read_text(encoding="utf-8")
    assert text.count("\n") == {"csv": 200_001, "json": 200_000, "markdown": 200_002}[name]
    assert "199999" in text[-60:]


def test_the_format_follows_the_name_then_the_suffix() -> None:
    assert format_of(None, None) == "table"
    assert format_of("json", None) == "json"
    assert format_of("json", Path("x.csv")) == "json"
    assert [format_of(None, Path(f"x.{suffix}")) for suffix in ("csv", "JSON", "md", "parquet", "arrow")] == [
        "csv",
        "json",
        "markdown",
        *BINARY,
    ]
    with pytest.raises(click.UsageError, match="suffix"):
        format_of(None, Path("x.xlsx"))
