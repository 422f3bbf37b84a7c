"""A run in words and as JSON: what failed, what was skipped and why, and who answered the queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from tests.slt.runner import FAILED, PASSED, SKIPPED, Check, FileReport


def file_line(report: FileReport) -> str:
    """One line a file."""
    counts = ", ".join(f"{report.count(s)} {s}" for s in (PASSED, FAILED, SKIPPED) if report.count(s) or s == PASSED)
    return f"{report.path}: {counts}"


def failures(report: FileReport) -> Iterator[str]:
    """Each failure with its place, its SQL and what went wrong."""
    for check in report.checks:
        if check.status == FAILED:
            body = "\n".join(f"    {line}" for line in [*check.sql.splitlines(), *check.detail.splitlines()])
            yield f"  {report.path}:{check.line}\n{body}"


def summary(reports: Sequence[FileReport]) -> str:
    """The closing lines: counts, reasons of skips, and engines with DuckDB's reasons by how often they occur."""
    checks = [check for report in reports for check in report.checks]
    lines = [", ".join(f"{count} {status}" for status, count in _statuses(checks).items())]
    skips = Counter(check.detail for check in checks if check.status == SKIPPED)
    lines += [f"{count:6} skipped: {reason}" for reason, count in skips.most_common()]
    for engine, count in _engines(checks).most_common():
        lines.append(f"{count:6} answered by {engine}")
        lines += [f"{times:14} {reason}" for reason, times in _reasons(checks, engine).most_common()]
    return "\n".join(lines)


def as_json(reports: Sequence[FileReport]) -> dict[str, Any]:
    """The same, for programs."""
    checks = [check for report in reports for check in report.checks]
    return {
        **_statuses(checks),
        "engines": dict(_engines(checks)),
        "reasons": dict(_reasons(checks, "duckdb").most_common()),
        "skips": dict(Counter(check.detail for check in checks if check.status == SKIPPED).most_common()),
        "failures": [
            {"file": str(report.path), "line": check.line, "sql": check.sql, "detail": check.detail}
            for report in reports
            for check in report.checks
            if check.status == FAILED
        ],
    }


def _statuses(checks: Sequence[Check]) -> dict[str, int]:
    found = Counter(check.status for check in checks)
    return {status: found[status] for status in (PASSED, FAILED, SKIPPED)}


def _engines(checks: Sequence[Check]) -> Counter[str]:
    return Counter(check.engine for check in checks if check.engine)


def _reasons(checks: Sequence[Check], engine: str) -> Counter[str]:
    return Counter(check.reason for check in checks if check.engine == engine and check.reason)
