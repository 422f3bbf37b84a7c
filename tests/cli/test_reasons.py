"""``locality reasons``: who answers each query of a file, and the tally."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

import locality
from locality.cli.main import command

QUERIES = """-- the numbers
select count(*) from numbers;

select i
from numbers where i < 3; select approx_quantile(i, 0.5) from numbers;
select i from numbers tablesample 2 rows;
select nope from numbers;
select max(i) from numbers tablesample 2 rows
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reasons") / "numbers.locality"
    with locality.connect(path) as connection:
        connection.ingest("numbers", pa.table({"i": [1, 2, 2**63 - 1]}))
    return path


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "q.sql"
    path.write_text(QUERIES)
    return path


def reasons(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(command, ["reasons", *map(str, arguments)], input=stdin, catch_exceptions=False)


def test_each_query_and_the_tally(store: Path, queries: Path) -> None:
    lines = reasons(store, queries).output.splitlines()
    assert [line.split()[:2] for line in lines[:6]] == [
        ["q.sql:2", "locality"],
        ["q.sql:4", "locality"],
        ["q.sql:5", "duckdb"],
        ["q.sql:6", "duckdb"],
        ["q.sql:7", "error"],
        ["q.sql:8", "duckdb"],
    ]
    assert lines[3] == "q.sql:6  duckdb    table sample"
    assert lines[6:9] == ["", "     6  in all", "     3  duckdb"]
    assert lines[9] == "             2  table sample"
    assert lines[11] == "     2  locality"
    assert lines[12] == "     1  error"
    assert 'Binder Error: Referenced column "nope" not found' in lines[13]


def test_json(store: Path, queries: Path) -> None:
    found = json.loads(reasons(store, queries, "--json").output)
    assert found[0] == {"place": "q.sql:2", "engine": "locality", "reason": ""}
    assert found[3] == {"place": "q.sql:6", "engine": "duckdb", "reason": "table sample"}


def test_running_shows_what_planning_can_not(store: Path) -> None:
    sql = "select i * i from numbers"
    planned = reasons(store, "-", stdin=sql).output
    ran = reasons(store, "-", "--run", stdin=sql).output
    assert planned.splitlines()[0] == "<stdin>:1  locality"
    assert ran.splitlines()[0].startswith("<stdin>:1  error     Out of Range Error")


def test_several_files_and_one_that_is_no_sql(store: Path, queries: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.sql"
    bad.write_text("\nselec i; select 1")
    lines = reasons(store, bad, queries).output.splitlines()
    assert lines[0].startswith("bad.sql:2  error     Parser Error")
    assert lines[1] == "q.sql:2    locality"


def test_an_empty_file(store: Path) -> None:
    assert reasons(store, "-", stdin="-- nothing\n").output.splitlines() == ["", "     0  in all"]


def test_a_store_and_files_that_are_not_there(store: Path, tmp_path: Path) -> None:
    assert reasons(store, tmp_path / "no.sql").exit_code == 2
    assert reasons(store).exit_code == 2


def test_help_has_examples() -> None:
    text = reasons("--help").output
    assert "locality reasons sales.locality queries.sql" in text
