"""Runs one file, record by record, and keeps what came of each."""

from __future__ import annotations

import re
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.slt.comparison import REGEX, Answer, Dialect, difference, digest, written
from tests.slt.parser import (
    Directive,
    Loop,
    Query,
    Record,
    Statement,
    SyntaxProblem,
    Unsupported,
    instance,
    parse,
    substitute,
)
from tests.slt.session import Session, SqlError

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

#: What ``require`` may ask for that every run here has.
_PRESENT = frozenset(
    {
        *("skip_reload", "noforcestorage", "notwindows", "notmingw", "longdouble", "64bit", "strinline", "vector_size"),
        *("no_alternative_verify", "no_vector_verification", "no_block_verification", "no_extension_autoloading"),
    }
)
_SHOWN_ROWS = 10


@dataclass(frozen=True)
class Check:
    """What came of one record. detail: why it failed or was skipped. engine, reason: who answered a query, and why."""

    line: int
    sql: str
    status: str
    detail: str = ""
    engine: str = ""
    reason: str = ""


@dataclass
class FileReport:
    """What came of one file; a file that can't be read has one failed check."""

    path: Path
    checks: list[Check] = field(default_factory=list)

    def count(self, status: str) -> int:
        """How many records passed, failed or were skipped."""
        return sum(check.status == status for check in self.checks)


class _End(Exception):
    """The rest of the file is not run; the reason is empty after ``halt``."""


def run_file(path: Path, open_session: Callable[[], Session], dialect: Dialect) -> FileReport:
    """Runs the file in a session of its own."""
    report = FileReport(path)
    try:
        records = parse(path.read_text(encoding="utf-8").replace("__TEST_DIR__", "{TEST_DIR}"))
    except (OSError, UnicodeDecodeError, SyntaxProblem) as problem:
        report.checks.append(Check(0, "", FAILED, str(problem)))
        return report
    with tempfile.TemporaryDirectory(prefix="locality-slt-", ignore_cleanup_errors=True) as scratch:
        session = open_session()
        try:
            _File(report, session, dialect).run(records, {"TEST_DIR": scratch})
        finally:
            session.close()
    return report


@dataclass
class _File:
    report: FileReport
    session: Session
    dialect: Dialect
    labels: dict[str, str] = field(default_factory=dict)
    skipping: bool = False

    def run(self, records: Sequence[Record], variables: Mapping[str, str]) -> None:
        """Runs the records; after one that ends the file the others count as skipped, for its reason."""
        try:
            self._run_all(records, variables)
        except _End as end:
            if reason := str(end):
                met = {check.line for check in self.report.checks}
                for record in _queries(records):
                    if record.line not in met:
                        self._skip(record, reason)

    def _run_all(self, records: Iterable[Record], variables: Mapping[str, str]) -> None:
        for record in records:
            admitted = all(c.admits(self.session.engines, variables) for c in record.conditions)
            match record:
                case Statement() | Query() if not admitted:
                    self._skip(record, "skipif or onlyif")
                case _ if not admitted:
                    pass
                case Loop():
                    values = [substitute(value, variables) for value in record.values]
                    for value in values:
                        self._run_all(record.body, {**variables, record.variable: value})
                case Directive():
                    self._steer(record)
                case Unsupported():
                    raise _End(f"unsupported: {record.reason}")
                case Statement() | Query() if self.skipping:
                    self._skip(record, "mode skip")
                case Statement() | Query():
                    self._check(instance(record, variables))

    def _steer(self, directive: Directive) -> None:
        match directive.name, directive.words:
            case "halt", _:
                raise _End("")
            case "mode", ("skip",):
                self.skipping = True
            case "mode", ("unskip",):
                self.skipping = False
            case "require", (name, *_) if name not in _PRESENT and not self.session.has_extension(name):
                raise _End(f"require {name}")
            case _:
                pass

    def _skip(self, record: Statement | Query, reason: str) -> None:
        self.report.checks.append(Check(record.line, record.sql, SKIPPED, reason))

    def _check(self, record: Statement | Query) -> None:
        if self.dialect.name == "sqlite" and "/" in record.sql:
            self._skip(record, "division of integers, which SQLite truncates")
            return
        engine = reason = ""
        try:
            outcome = self.session.run(record.sql)
        except SqlError as error:
            problem = _judge_error(record, str(error))
        except Exception:  # noqa: BLE001 (whatever else an engine raises is a failure of this record, and shown)
            problem = f"crash\n{traceback.format_exc()}"
        else:
            engine, reason = outcome.engine, outcome.reason
            problem = self._judge(record, outcome.answer)
        if not isinstance(record, Query):
            engine = reason = ""
        status = PASSED if problem is None else FAILED
        self.report.checks.append(Check(record.line, record.sql, status, problem or "", engine, reason))

    def _judge(self, record: Statement | Query, answer: Answer | None) -> str | None:
        if isinstance(record, Statement):
            return "an error was expected" if record.expects == "error" else None
        if answer is None:
            return "this is no query"
        problem = difference(answer, record, self.dialect, (self.report.path.parent, Path.cwd()))
        if problem is None and record.label:
            found = digest(written(answer, record, self.dialect))
            if self.labels.setdefault(record.label, found) != found:
                problem = f"another answer than the earlier query labelled {record.label}"
        return None if problem is None else self._explained(problem, record, answer)

    def _explained(self, problem: str, record: Query, answer: Answer) -> str:
        """The problem, the answer, and what DuckDB says."""
        parts = [problem, "answer:", *_shown(answer, record, self.dialect)]
        oracle = self.session.oracle(record.sql)
        if isinstance(oracle, str):
            return "\n".join([*parts, f"DuckDB raises: {oracle}"])
        theirs = difference(oracle, record, self.dialect, (self.report.path.parent, Path.cwd()))
        if theirs is None:
            return "\n".join([*parts, "DuckDB's own answer is as the file expects"])
        return "\n".join([*parts, "DuckDB's own answer:", *_shown(oracle, record, self.dialect)])


def _judge_error(record: Statement | Query, message: str) -> str | None:
    if isinstance(record, Query) or record.expects == "ok":
        return f"raises: {message}"
    return None if _says(message, record.message) else f"raises: {message}\ninstead of: {record.message}"


def _says(message: str, wanted: str) -> bool:
    """Whether the error's message holds the expected text; runs of white space are alike."""
    if wanted.startswith(REGEX):
        return re.search(wanted.removeprefix(REGEX), message) is not None
    return " ".join(wanted.split()) in " ".join(message.split())


def _shown(answer: Answer, query: Query, dialect: Dialect) -> list[str]:
    rows = written(answer, query, dialect)
    lines = ["  " + "\t".join(row) for row in rows[:_SHOWN_ROWS]]
    return [*lines, f"  ... {len(rows)} rows"] if len(rows) > _SHOWN_ROWS else lines or ["  (no rows)"]


def _queries(records: Iterable[Record]) -> Iterator[Statement | Query]:
    """All statements and queries, those in loops once."""
    for record in records:
        match record:
            case Loop():
                yield from _queries(record.body)
            case Statement() | Query():
                yield record
            case _:
                pass
