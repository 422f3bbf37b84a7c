"""``locality reasons``: which queries of a file Locality answers by itself, and why not the others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from locality.cli.options import examples, open_store, store_argument
from locality.errors import QueryError

if TYPE_CHECKING:
    from locality.connection import Connection

ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One query: where it stands (``file:line``), and who answers it: locality, duckdb for a reason, or an error."""

    place: str
    engine: str
    reason: str


@click.command(
    short_help="Show which queries of a file DuckDB answers, and why.",
    epilog=examples(
        "locality reasons sales.locality queries.sql",
        "locality reasons sales.locality workload/*.sql --run",
        "locality reasons sales.locality queries.sql --json",
        "echo 'select 1; select 2' | locality reasons sales.locality -",
    ),
)
@store_argument
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.File(encoding="utf-8"))
@click.option("--run", is_flag=True, help="Run the queries: values that overflow, for example, show only then.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reasons(store: Path, files: tuple[IO[str], ...], run: bool, as_json: bool) -> None:
    """Show for each query of the FILEs, which semicolons separate, whether Locality answers it by itself.

    What Locality's own operators can't do yet, DuckDB answers over the same data. The closing lines count the reasons,
    the most frequent first. Queries of several steps are run for that, others only if you say --run.
    """
    with open_store(store) as connection:
        findings = [_finding(connection, place, sql, run) for file in files for place, sql in _queries(file)]
    click.echo(json.dumps([asdict(finding) for finding in findings], indent=1) if as_json else _table(findings))


def _queries(file: IO[str]) -> Iterator[tuple[str, str]]:
    """The statements of a file with their places; one that can't be parsed is the whole file."""
    import duckdb

    text, name = file.read(), Path(file.name).name
    try:
        statements = [_from_first_word(statement.query) for statement in duckdb.extract_statements(text)]
    except duckdb.Error:
        statements = [text]
    position = 0
    for sql in statements:
        position = max(position, text.find(sql.strip(), position))
        yield f"{name}:{text.count(chr(10), 0, position) + 1}", sql
        position += len(sql.strip())


def _from_first_word(sql: str) -> str:
    """A statement without the comment before it, which DuckDB 1.5 gives along."""
    from locality.sql.tokens import lexemes_of

    return sql.encode()[next(lexemes_of(sql)).start :].decode()


def _finding(connection: Connection, place: str, sql: str, run: bool) -> Finding:
    try:
        if run:
            profile = connection.sql(sql).profile
            return Finding(place, profile.engine, profile.reason)
        explained = connection.explain(sql)
        return Finding(place, explained.engine, explained.reason)
    except QueryError as error:
        return Finding(place, ERROR, str(error).partition("\n")[0])


def _table(findings: Iterable[Finding]) -> str:
    """A line a query, then engines and reasons by how often they occur."""
    found = list(findings)
    width = max((len(finding.place) for finding in found), default=0)
    lines = [f"{f.place:<{width}}  {f.engine:<8}  {f.reason}".rstrip() for f in found]
    lines += ["", f"{len(found):6,}  in all"]
    for engine, count in Counter(finding.engine for finding in found).most_common():
        lines.append(f"{count:6,}  {engine}")
        tally = Counter(finding.reason for finding in found if finding.engine == engine and finding.reason)
        lines += [f"{times:14,}  {reason}" for reason, times in tally.most_common()]
    return "\n".join(lines)
