"""Whole files on Locality: what passes, what fails, what is skipped, and who answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.properties.interpreted import interpreted_kernels
from tests.slt.__main__ import main
from tests.slt.comparison import DIALECTS
from tests.slt.runner import Check, run_file
from tests.slt.session import DuckDBSession, LocalitySession

SETUP = "statement ok\ncreate table t as select range::integer as i, 's' || range as s from range(5)\n\n"


def checks(tmp_path: Path, text: str, dialect: str = "duckdb") -> list[Check]:
    path = tmp_path / "a.test"
    path.write_text(text)
    with interpreted_kernels():
        return run_file(path, LocalitySession, DIALECTS[dialect]).checks


def last(tmp_path: Path, text: str) -> Check:
    return checks(tmp_path, SETUP + text)[-1]


def test_queries_run_over_the_tables_as_they_are_now(tmp_path: Path) -> None:
    query = "query II\nselect count(*), sum(i) from t\n----\n"
    text = (
        f"{SETUP}{query}5\t10\n\nstatement ok\ninsert into t values (90, 'x')\n\n{query}6\t100\n\n"
        f"statement ok\nbegin\n\nstatement ok\ndelete from t where i < 90\n\n{query}1\t90\n\n"
        f"statement ok\nrollback\n\n{query}6\t100\n\nstatement ok\ndrop table t\n\nstatement error\nselect i from t\n"
        "----\nTable with name t does not exist\n"
    )
    found = checks(tmp_path, text)
    assert [check.status for check in found] == ["passed"] * 11, found
    assert [check.engine for check in found if check.engine] == ["locality"] * 4


@pytest.mark.parametrize(
    ("before", "query", "reason"),
    [
        ("create view v as from t", "select i from v", "not in a store: Table with name v does not exist"),
        ("create macro plus(x) as x + 1", "select plus(i) from t", "Function with name plus does not exist"),
        ("create table h (i hugeint)", "select count(*) from h", "not in a store: columns of HUGEINT"),
        ("select 1", "select count(*) from duckdb_tables()", "reads the catalog"),
        ("select 1", "update t set i = i returning 1", "UPDATE statement"),
        ("set default_collation = 'nocase'", "select i from t", "setting default_collation was changed"),
    ],
)
def test_why_duckdb_answers(tmp_path: Path, before: str, query: str, reason: str) -> None:
    found = last(tmp_path, f"statement ok\n{before}\n\nquery I\n{query}\n\n")
    assert (found.status, found.engine) == ("passed", "duckdb"), found
    assert reason in found.reason


def test_a_setting_that_changes_no_answer(tmp_path: Path) -> None:
    assert last(tmp_path, "statement ok\npragma enable_verification\n\nquery I\nselect i from t\n").engine == "locality"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (
            "query I\nselect i from t where i = 3\n----\n4\n",
            "row 1, column 1: 3 instead of 4\nanswer:\n  3\nDuckDB's own",
        ),
        ("query I\nselect nope from t\n----\n4\n", 'raises: Binder Error: Referenced column "nope" not found'),
        ("statement ok\nselect nope from t\n", "raises: Binder Error"),
        ("statement error\nselect i from t\n", "an error was expected"),
        ("statement error\nselect nope from t\n----\nOut of Memory\n", "instead of: Out of Memory"),
        (
            "query I nosort x\nselect 1\n\nquery I nosort x\nselect 2\n",
            "another answer than the earlier query labelled x",
        ),
        ("query I\n;\n", "this is no query"),
    ],
)
def test_failures(tmp_path: Path, text: str, detail: str) -> None:
    found = last(tmp_path, text)
    assert found.status == "failed"
    assert detail in found.detail


def test_loops_files_and_conditions(tmp_path: Path) -> None:
    text = """
loop i 0 2

statement ok
copy (select ${i} as a) to '__TEST_DIR__/${i}.csv'

onlyif i=1
query I
select a + 1 from '{TEST_DIR}/${i}.csv'
----
2

endloop

skipif locality
query I
select 'not run'
----
"""
    assert [check.status for check in checks(tmp_path, text)] == ["passed", "skipped", "passed", "passed", "skipped"]


@pytest.mark.parametrize(
    ("directive", "reason"),
    [
        ("restart", "unsupported: restart"),
        ("require spatial", "require spatial"),
        ("mode skip", "mode skip"),
    ],
)
def test_what_is_skipped_and_why(tmp_path: Path, directive: str, reason: str) -> None:
    first, second = checks(tmp_path, f"statement ok\nselect 1\n\n{directive}\n\nquery I\nselect 1\n----\n2\n")
    assert (first.status, second.status, second.detail) == ("passed", "skipped", reason)


def test_halt_ends_a_file_and_mode_unskip_goes_on(tmp_path: Path) -> None:
    text = "mode skip\n\nmode unskip\n\nrequire json\n\nstatement ok\nselect 1\n\nhalt\n\nstatement ok\nselect nope\n"
    assert [check.status for check in checks(tmp_path, text)] == ["passed"]


def test_integer_division_is_skipped_in_files_of_sqlite(tmp_path: Path) -> None:
    (check,) = checks(tmp_path, "query I\nselect 5 / 2\n----\n2\n", "sqlite")
    assert (check.status, check.detail) == ("skipped", "division of integers, which SQLite truncates")


def test_a_crash_fails_one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: DuckDBSession, sql: str) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(DuckDBSession, "run", crash)
    path = tmp_path / "a.test"
    path.write_text("statement error\nselect 1\n")
    (check,) = run_file(path, DuckDBSession, DIALECTS["duckdb"]).checks
    assert check.status == "failed"
    assert "ZeroDivisionError: oh" in check.detail


# --- the command


def command(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--interpret"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.test"
    path.write_text(
        f"{SETUP}query I\nselect max(i) from t\n----\n4\n\n"
        "query I\nselect 1 from t using sample 100% limit 1\n----\n1\n"
    )
    return path


def test_the_report(path: Path) -> None:
    result = command(path.parent)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"{path}: 3 passed",
        "3 passed, 0 failed, 0 skipped",
        "     1 answered by locality",
        "     1 answered by duckdb",
        "             1 table sample",
    ]


def test_failures_set_the_exit_status_and_show_their_place(path: Path) -> None:
    path.write_text(path.read_text().replace("\n4\n", "\n5\n"))
    result = command(path)
    assert result.exit_code == 1
    assert f"  {path}:4\n    select max(i) from t\n    row 1, column 1: 4 instead of 5\n" in result.output


def test_json(path: Path) -> None:
    path.write_text(path.read_text().replace("\n4\n", "\n5\n"))
    result = command(path, "--json")
    found = json.loads(result.output)
    assert (found["passed"], found["failed"], found["skipped"]) == (2, 1, 0)
    assert (found["engines"], found["reasons"]) == ({"locality": 1, "duckdb": 1}, {"table sample": 1})
    assert found["failures"][0]["line"] == 4


def test_duckdb_alone(path: Path) -> None:
    result = command(path, "--engine", "duckdb")
    assert result.exit_code == 0
    assert "2 answered by duckdb" in result.output


def test_files_that_are_no_tests(tmp_path: Path) -> None:
    path = tmp_path / "bad.test"
    path.write_text("statement ok\n\n")
    result = command(path)
    assert result.exit_code == 1
    assert "line 1: there is no SQL" in result.output
    assert command(tmp_path / "nowhere.test").exit_code == 2


def test_complete_writes_duckdbs_answers_and_leaves_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.test"
    before = (
        f"# words\n{SETUP}query IT rowsort\nselect i, s from t where i > 2\n----\nold\n\nquery I\nselect nope\n----\n\n"
    )
    path.write_text(before)
    assert command(path, "--complete").exit_code == 0
    assert path.read_text() == before.replace("----\nold\n", "----\n3\ts3\n4\ts4\n")


def test_help_teaches() -> None:
    text = command("--help").output
    assert "python -m tests.slt tests/slt/corpus" in text
    assert "statement ok" in text
