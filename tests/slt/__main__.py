"""``python -m tests.slt``: runs sqllogictest files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import click

from tests.properties.interpreted import interpreted_kernels
from tests.slt.comparison import DIALECTS
from tests.slt.complete import completed
from tests.slt.report import as_json, failures, file_line, summary
from tests.slt.runner import FAILED, run_file
from tests.slt.session import SESSIONS

_SUFFIXES = (".test", ".slt", ".test_slow")


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="""\b
Examples:
  python -m tests.slt tests/slt/corpus                    # our own files
  python -m tests.slt ~/duckdb/test/sql/join --json       # DuckDB's files about joins; the result as JSON
  python -m tests.slt --dialect sqlite select1.test       # a file of SQLite's
  python -m tests.slt --engine duckdb new.test            # is the file itself right?
  python -m tests.slt --complete new.test                 # write DuckDB's answers into the file

\b
A file holds records, apart by empty lines:
  statement ok                 query IT rowsort            statement error
  create table t (a int)       select a, b from t          select 1 + 'a'
                               ----                        ----
                               1<tab>x                     Conversion Error

The letters after query are one a column (I integer, R real, T text). rowsort compares rows in any order, nosort in the
order given, valuesort all values sorted. After the separator comes a row a line, a value a line, "N values hashing to"
and an MD5, or <FILE>: and a path. skipif and onlyif know the names duckdb and locality.
""",
)
@click.argument(
    "paths", metavar="FILE_OR_DIR...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)
@click.option(
    "--engine", type=click.Choice(list(SESSIONS)), default="locality", show_default=True, help="Who runs the queries."
)
@click.option(
    "--dialect", type=click.Choice(list(DIALECTS)), default="duckdb", show_default=True, help="How values are written."
)
@click.option("--interpret", is_flag=True, help="Kernels as plain Python: nothing compiles; quicker over small tables.")
@click.option("--json", "json_output", is_flag=True, help="Print the result as JSON.")
@click.option("--complete", is_flag=True, help="Don't test: write DuckDB's answers into the files, then review them.")
@click.pass_context
def main(
    context: click.Context,
    paths: tuple[Path, ...],
    engine: str,
    dialect: str,
    interpret: bool,
    json_output: bool,
    complete: bool,
) -> None:
    """Run sqllogictest files (DuckDB's or SQLite's) on Locality.

    Each file has a temporary store. CREATE, INSERT and whatever else a store doesn't do in SQL runs in a DuckDB beside
    it, and its tables are ingested before the next query, so that queries run over Locality's own tables. A mismatch
    shows DuckDB's own answer too. The last lines count the queries by the engine that answered them, and by the reason
    why it wasn't Locality.

    The exit status is 1 if anything failed.
    """
    files = list(_files(paths))
    if complete:
        for path in files:
            path.write_text(completed(path, DIALECTS[dialect]), encoding="utf-8")
        return
    reports = []
    with interpreted_kernels() if interpret else nullcontext():
        for path in files:
            reports.append(run_file(path, SESSIONS[engine], DIALECTS[dialect]))
            if not json_output:
                click.echo("\n".join([file_line(reports[-1]), *failures(reports[-1])]))
    click.echo(json.dumps(as_json(reports), indent=1) if json_output else summary(reports))
    context.exit(1 if any(report.count(FAILED) for report in reports) else 0)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and the sqllogictest files below the directories, by name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.suffix in _SUFFIXES)
        else:
            yield path


if __name__ == "__main__":
    main(prog_name="python -m tests.slt")
