"""The command from outside: what it prints, where, and the status that it exits with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

import locality
from locality.cli.main import command

from .conftest import ROWS, Output


def process(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "locality", *map(str, arguments)]
    running: subprocess.Popen[str] = subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )
    return running


# --- ingest


def test_ingest_creates_a_store_and_says_how_many_rows(output: Output, tmp_path: Path, source: Path) -> None:
    status, out, err = output("ingest", tmp_path / "new", "t", source)
    assert (status, out) == (0, "")
    assert "t: 70,000 rows" in err


def test_ingest_modes(output: Output, tmp_path: Path, source: Path) -> None:
    target = tmp_path / "new"
    assert output("ingest", target, "t", source, source, "-q") == (0, "", "")
    assert output("ingest", target, "t", source, "-q")[0] == 1
    assert output("ingest", target, "t", source, "-q", "--mode", "append")[0] == 0
    assert output("sql", target, "select count(*) c from t", "-F", "csv")[1] == f"c\n{3 * ROWS}\n"
    assert output("ingest", target, "t", source, "-q", "--mode", "replace")[0] == 0
    assert output("sql", target, "select count(*) c from t", "-F", "csv")[1] == f"c\n{ROWS}\n"


def test_ingest_checks_declared_keys(output: Output, tmp_path: Path, source: Path) -> None:
    target = tmp_path / "new"
    status, _, err = output("ingest", target, "t", source, "--primary-key", "s")
    assert status == 1
    assert err.startswith("error: ")
    assert "s" in err
    assert output("ingest", target, "t", source, "--primary-key", "i", "-q")[0] == 0
    child = tmp_path / "child.csv"
    child.write_text("id,parent\n1,5\n2,69999\n")
    assert output("ingest", target, "c", child, "--foreign-key", "parent=t(i)", "-q")[0] == 0
    child.write_text("id,parent\n1,5\n2,70000\n")
    status, _, err = output("ingest", target, "c2", child, "--foreign-key", "parent=t(i)", "-q")
    assert status == 1
    assert "parent" in err


def test_ingest_reads_csv_as_it_is_told(output: Output, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("a comment\n01;1,5;31.12.2024;'x;y';n/a\n02;-;01.02.2025;z;7\n")
    told = ["--skip", 1, "--no-header", "--delimiter", ";", "--quote", "'", "--decimal-separator", ","]
    told += ["--null", "n/a", "--null", "-", "--date-format", "%d.%m.%Y", "--type", "column0=VARCHAR"]
    assert output("ingest", tmp_path / "new", "p", path, "-q", *told) == (0, "", "")
    rows = "01,1.5,2024-12-31,x;y,\n02,,2025-02-01,z,7\n"
    assert output("sql", tmp_path / "new", "from p", "-F", "csv")[1].partition("\n")[2] == rows


def test_ingest_reads_tabs_headers_and_timestamps(output: Output, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("1\t2\n2024/01/02 03\tb\n")
    told = ["--header", "--delimiter", "\\t", "--timestamp-format", "%Y/%m/%d %H"]
    assert output("ingest", tmp_path / "new", "t", path, "-q", *told) == (0, "", "")
    assert output("sql", tmp_path / "new", "from t", "-F", "csv")[1] == "1,2\n2024-01-02 03:00:00,b\n"


@pytest.mark.parametrize(
    ("option", "status", "part"),
    [
        (["--type", "x"], 2, "COLUMN=TYPE"),
        (["--type", "=DATE"], 2, "COLUMN=TYPE"),
        (["--skip", "-1"], 2, "--skip"),
        (["--type", "nope=DATE"], 1, "nope"),
        (["--delimiter", "too long a delimiter"], 1, "delim"),
    ],
)
def test_csv_options_that_can_not_be(output: Output, tmp_path: Path, option: list[str], status: int, part: str) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    found, _, err = output("ingest", tmp_path / "new", "t", tmp_path / "t.csv", *option)
    assert (found, part in err) == (status, True), err


def test_csv_options_for_other_files(output: Output, tmp_path: Path, source: Path) -> None:
    status, _, err = output("ingest", tmp_path / "new", "t", source, "--delimiter", ";")
    assert (status, "'delim' is for CSV files" in err, "Parquet" in err) == (1, True, True)


@pytest.mark.parametrize("name", ["no.parquet", "no.csv", "no*.parquet"])
def test_a_missing_source_is_named(output: Output, tmp_path: Path, name: str) -> None:
    status, out, err = output("ingest", tmp_path / "new", "t", tmp_path / name)
    assert (status, out) == (1, "")
    assert err.startswith("error: ")
    assert name in err
    assert err.count("\n") == 1


# --- sql


@pytest.mark.parametrize("query", ["select count(*) as c from numbers", "select count(*) as c from numbers;  \n"])
def test_sql_prints_a_table(output: Output, store: Path, query: str) -> None:
    status, out, err = output("sql", store, query)
    assert (status, err) == (0, "")
    assert "70000" in out
    assert "int64" in out


def test_sql_from_a_file_and_from_standard_input(store: Path, tmp_path: Path, output: Output) -> None:
    (tmp_path / "q.sql").write_text("-- how many\nselect count(*) c from numbers\n")
    assert output("sql", store, "--file", tmp_path / "q.sql", "-F", "csv") == (0, "c\n70000\n", "")
    piped = process("sql", store, "-", "--format", "json", stdin=subprocess.PIPE)
    out, err = piped.communicate("select max(i) m from numbers")
    assert (piped.returncode, json.loads(out), err) == (0, [{"m": ROWS - 1}], "")


def test_parameters(output: Output, store: Path) -> None:
    query = "select count(*) c from numbers where i < ? and s = ?"
    assert output("sql", store, query, "-p", "700", "-p", "s3", "-F", "csv")[1] == "c\n100\n"
    query = "select count(*) c from numbers where i < $top"
    assert output("sql", store, query, "--named", "top=8.5", "-F", "csv")[1] == "c\n9\n"
    assert output("sql", store, query, "--named", "top=8", "-p", "8")[0] == 2
    assert output("sql", store, query, "--named", "top")[0] == 2


def test_output_goes_to_a_file_of_the_suffix_s_format(output: Output, store: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    query = "select s, sum(i) total, avg(d) mean from numbers group by s order by s"
    assert output("sql", store, query, "-o", path) == (0, "", "")
    assert len(duckdb.read_parquet(str(path)).fetchall()) == 7
    assert output("sql", store, query, "-F", "parquet")[0] == 2
    assert output("sql", store, query, "-o", tmp_path / "out.xyz")[0] == 2
    status, _, err = output("sql", store, query, "-o", tmp_path / "no" / "out.csv")
    assert (status, err.startswith("error: ")) == (1, True)


def test_the_profile_names_engine_and_reason(output: Output, store: Path) -> None:
    status, out, err = output("sql", store, "select sum(i) from numbers where d > 5", "--profile")
    assert status == 0
    assert out
    assert err.startswith("locality | ")
    assert "moved" in err
    _, _, err = output(
        "sql", store, "select count(*) from numbers a join numbers b using (i) where a.s < b.s", "--timing"
    )
    assert err.split("|")[0].strip().startswith(("locality", "duckdb ("))


# --- explain, info, verify, bench


def test_explain_shows_the_plan(output: Output, store: Path) -> None:
    status, out, err = output("explain", store, "select count(*) from numbers where i < 10")
    assert (status, err) == (0, "")
    assert "numbers" in out
    status, analyzed, _ = output("explain", store, "select count(*) from numbers where i < 10", "--analyze")
    assert status == 0
    assert len(analyzed) > len(out)


def test_info_lists_tables_and_columns(output: Output, store: Path) -> None:
    status, out, _ = output("info", store)
    assert status == 0
    for word in ("numbers", "70,000", "VARCHAR", "BIGINT"):
        assert word in out


def test_sql_changes_a_store_if_it_may(output: Output, tmp_path: Path, source: Path) -> None:
    target = tmp_path / "new"
    output("ingest", target, "t", source, "-q")
    status, _, err = output("sql", target, "delete from t")
    assert (status, "--write" in err) == (1, True)
    assert output("sql", target, "--write", "delete from t", "-F", "csv")[0] == 0
    assert "0" in output("sql", target, "select count(*) from t", "-F", "csv")[1].splitlines()
    status, _, err = output("compact", target, "t")
    assert (status, err.startswith("t: 0 rows in ")) == (0, True)


def test_verify_passes_a_whole_store_and_fails_a_damaged_one(output: Output, tmp_path: Path, source: Path) -> None:
    target = tmp_path / "new"
    output("ingest", target, "t", source, "-q")
    assert output("verify", target)[0] == 0
    victim = max((path for path in target.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 0xFF
    victim.chmod(0o644)
    victim.write_bytes(content)
    status, out, err = output("verify", target)
    assert status == 1
    assert victim.name in out + err


def test_bench_of_an_unknown_suite_is_a_usage_error(output: Output) -> None:
    status, _, err = output("bench", "nothing")
    assert status == 2
    assert "tpch" in err


# --- failures


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("selec 1", "selec"),
        ("select nothing from numbers", "nothing"),
        ("select * from nothing", "nothing"),
        ("select i::tinyint from numbers", ""),
        ("create table x (i int)", ""),
        ("", ""),
    ],
)
def test_a_bad_query_is_one_line_on_standard_error(output: Output, store: Path, query: str, word: str) -> None:
    status, out, err = output("sql", store, query)
    assert (status, out) == (1, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert word in err


@pytest.mark.parametrize("subcommand", [["sql", "select 1"], ["info"], ["verify"], ["explain", "select 1"]])
def test_a_store_that_is_not_there_is_not_made(output: Output, tmp_path: Path, subcommand: list[str]) -> None:
    name, *rest = subcommand
    status, out, err = output(name, tmp_path / "missing", *rest)
    assert (status, out) == (1, "")
    assert "missing" in err
    assert not (tmp_path / "missing").exists()


def test_a_directory_that_is_no_store_is_left_alone(output: Output, tmp_path: Path, source: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    status, _, err = output("ingest", tmp_path, "t", source)
    assert status == 1
    assert err.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["sql"],
        ["sql", "store"],
        ["sql", "store", "select 1", "--nothing"],
        ["ingest", "store", "t"],
        ["ingest", "store", "t", "x", "--mode", "merge"],
        ["ingest", "store", "t", "x", "--primary-key", ","],
        ["ingest", "store", "t", "x", "--foreign-key", "a"],
        ["bench", "tpch", "--scale", "0"],
        ["bench", "tpch", "--scale", "much"],
    ],
)
def test_usage_errors_exit_with_2(output: Output, arguments: list[str]) -> None:
    status, _, err = output(*arguments)
    assert status == 2
    assert "Usage: locality" in err or not arguments


@pytest.mark.parametrize("name", sorted(command.commands))
def test_every_command_has_help_with_examples(output: Output, name: str) -> None:
    status, out, err = output(name, "--help")
    assert (status, err) == (0, "")
    assert f"Usage: locality {name}" in out
    assert out.split("Examples:")[1].count(f"locality {name} ") >= 1


def test_version(output: Output) -> None:
    assert output("--version") == (0, f"locality, version {locality.__version__}\n", "")


@pytest.mark.skipif(os.name == "nt", reason="signals and pipes work otherwise there")
def test_ctrl_c_exits_with_130_and_quietly(store: Path) -> None:
    endless = "select sum(a.i * b.i) from numbers a, numbers b, numbers c where a.i + b.i + c.i > 1"
    running = process("sql", store, endless)
    while not list((store / "readers").iterdir()):
        time.sleep(0.1)  # until the store is open: before that, an interpreter that starts is what is interrupted
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="signals and pipes work otherwise there")
def test_a_reader_that_goes_away_is_no_failure_to_tell(store: Path) -> None:
    running = process("sql", store, "select * from numbers", "--format", "csv")
    assert running.stdout is not None
    assert running.stdout.readline() == "i,s,d\n"
    running.stdout.close()
    assert running.stderr is not None
    assert running.stderr.read() == ""
    running.wait(timeout=30)


def test_a_quick_end_leaves_nothing_on_standard_error(tmp_path: Path) -> None:
    code = "import locality; locality.connect(); print(locality.connect().sql('select 1'))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
