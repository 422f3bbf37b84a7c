"""Writes expectations: runs a file on DuckDB and puts its answers below the queries."""

from __future__ import annotations

from pathlib import Path

from tests.slt.comparison import Dialect, written
from tests.slt.parser import SEPARATOR, Query, Record, Statement, parse
from tests.slt.session import DuckDBSession, SqlError


def completed(path: Path, dialect: Dialect) -> str:
    """The file's text with DuckDB's answers as the expectation of every query outside of loops.

    A statement that does not do what the file says, or a query that fails, is left for the runner to report.
    """
    text = path.read_text(encoding="utf-8")
    lines, session = text.split("\n"), DuckDBSession()
    try:
        found = [(record, _answer(record, session, dialect)) for record in parse(text)]
    finally:
        session.close()
    for record, answer in reversed(found):
        if isinstance(record, Query) and answer is not None:
            start, end = record.span
            lines[start - 1 : end] = [SEPARATOR, *answer]
    return "\n".join(lines)


def _answer(record: Record, session: DuckDBSession, dialect: Dialect) -> list[str] | None:
    if not isinstance(record, Statement | Query) or not all(c.admits(session.engines, {}) for c in record.conditions):
        return None
    try:
        answer = session.run(record.sql).answer
    except SqlError:
        return None
    if not isinstance(record, Query) or answer is None:
        return None
    return ["\t".join(row) for row in written(answer, record, dialect)]
