"""Writes docs/figures.md and the README's summary of it from stored benchmark records: no figure is typed by hand.

A record comes from ``locality bench SUITE --scale 1 --json docs/benchmarks/SUITE-sf1.json``, with ``--engines`` for
those of tables that are laid out; ``python docs/figures.py`` then writes both.

``--check`` only says, by the exit status, whether they have the records' figures.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
README, PAGE, RECORDS = ROOT / "README.md", ROOT / "docs" / "figures.md", ROOT / "docs" / "benchmarks"
SUITES = {"tpch": "TPC-H", "scan": "Queries over one table of TPC-H"}
#: The records of tables laid out for their queries by scale, and the engine that answers over them.
ADVISED_RECORDS, ADVISED = {1: "tpch-advised-sf1.json", 10: "tpch-advised-sf10.json"}, "locality_advised"
NAMES = {
    "chdb": "chDB",
    "datafusion": "DataFusion",
    "duckdb": "DuckDB",
    "duckdb_sorted": "DuckDB sorted",
    "hyper": "Hyper",
    "locality": "as ingested",
    "locality_advised": "laid out",
    "naive": "Python rows",
    "polars": "Polars",
    "postgres": "PostgreSQL",
    "sqlite": "SQLite",
}
BEGIN, END = "<!-- figures: written by docs/figures.py -->", "<!-- end of figures -->"

Record = dict[str, Any]


def figures(whole: Record) -> str:
    """The Markdown of a record's last run: what it was measured on, a row a query, means, and what to know of them."""
    record = {**whole, **whole["runs"][-1]}
    peers = [load["engine"] for load in record["loads"] if load["engine"] != "locality"]
    lines = [_setting(record), "", *_header(peers)]
    lines += [_row(query, peers) for query in record["queries"]]
    means = [_times(record["geomean_ratios"].get(peer)) for peer in peers]
    lines.append("| " + " | ".join(["**geometric mean**", "", "", *means, "", ""]) + " |")
    notes = [*_fallbacks(record), *_given_up(record), *_extrapolated(record)]
    return "\n".join([*lines, "", *notes] if notes else lines)


def laid_out(whole: Record) -> str:
    """The Markdown of a run over tables as ingested and as the advisor laid them out: a row a query, and means."""
    record = {**whole, **whole["runs"][-1]}
    peers = [load["engine"] for load in record["loads"] if load["engine"] != ADVISED and load["outcome"] == "ok"]
    cells = ["query", "laid out, ms", *(f"vs {_name(peer)}" for peer in peers), "MB moved", "as ingested"]
    lines = [
        f'{_setting(record)} Tables lie as `con.optimize(workload=..., budget="1.5x")` puts them for these queries.',
        "",
        "| " + " | ".join(cells) + " |",
        "| --- |" + " --: |" * (len(cells) - 1),
    ]
    ratios: dict[str, list[float]] = {peer: [] for peer in peers}
    for query in record["queries"]:
        found = query["measurements"]
        seconds = found[ADVISED]["median_seconds"]
        for peer in peers:
            ratios[peer].append(found[peer]["median_seconds"] / seconds)
        moved = (_three_digits(found[name]["ledger"]["bytes_moved"] / 1e6) for name in (ADVISED, "locality"))
        row = [query["name"], _three_digits(seconds * 1000), *(_times(ratios[peer][-1]) for peer in peers), *moved]
        lines.append("| " + " | ".join(row) + " |")
    means = [_times(_mean(found)) for found in ratios.values()]
    lines.append("| " + " | ".join(["**geometric mean**", "", *means, "", ""]) + " |")
    return "\n".join([*lines, "", _sizes(record), *_not_loaded(record)])


def _not_loaded(record: Record) -> list[str]:
    """A sentence for each engine that could not load the tables."""
    failed = [load for load in record["loads"] if load["outcome"] != "ok"]
    return [f"{_name(load['engine'])} did not load them: {load['outcome']}, {load['message']}." for load in failed]


def _sizes(record: Record) -> str:
    """What the tables take on disk, and the seconds that it took to load them."""
    told = [
        f"{_name(load['engine'])} {load['stored_bytes'] / 1e6:,.0f} MB, {sum(load['seconds'].values()):.0f} s"
        for load in record["loads"]
        if load["stored_bytes"]
    ]
    return f"On disk, and time to load: {'; '.join(told)}."


def _name(engine: str) -> str:
    return NAMES.get(engine, engine)


def _setting(record: Record) -> str:
    machine = record["machine"]
    versions = ", ".join(f"{load['engine']} {load['version']}" for load in record["loads"] if load["engine"] != "naive")
    return (
        f"{SUITES[record['suite']]} at scale {record['scale']:g} on {machine['cpu']}, {machine['cores']} cores, "
        f"{record['threads']} threads, Python {machine['python']}, "
        f"read bandwidth {record['bandwidth'] / 1e9:.1f} GB/s, "
        f"{record['started'][:10]}; {versions}. Medians of hot runs."
    )


def _header(peers: list[str]) -> list[str]:
    cells = ["query", "what it asks", "Locality ms", *(f"vs {_name(peer)}" for peer in peers)]
    cells += ["MB moved", "of read bandwidth"]
    return ["| " + " | ".join(cells) + " |", "| --- | --- |" + " --: |" * (len(cells) - 2)]


def _row(query: Record, peers: list[str]) -> str:
    ours = query["measurements"]["locality"]
    ledger, share, mark = ours["ledger"], ours["bandwidth_share"], ""
    if ours["outcome"] == "fallback":
        ledger, share, mark = None, None, " \\*"
    cells = [query["name"] + mark, query["title"], _three_digits(ours["median_seconds"] * 1000)]
    cells += [_times(query["ratios"].get(peer)) for peer in peers]
    cells.append("-" if ledger is None else _three_digits(ledger["bytes_moved"] / 1e6))
    cells.append("-" if share is None else f"{share:.0%}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _fallbacks(record: Record) -> list[str]:
    found = any(query["measurements"]["locality"]["outcome"] == "fallback" for query in record["queries"])
    return ["\\* DuckDB answered, over Locality's store."] if found else []


def _given_up(record: Record) -> list[str]:
    """A sentence for each reason why an engine has no time for some queries."""
    names: dict[str, list[str]] = {}
    for query in record["queries"]:
        for engine, measurement in query["measurements"].items():
            if measurement["outcome"] not in ("ok", "fallback"):
                reason = measurement["message"] or measurement["outcome"]
                names.setdefault(f"{_name(engine)}: {reason}", []).append(query["name"])
    return [f"{message} for {', '.join(queries)}." for message, queries in names.items()]


def _extrapolated(record: Record) -> list[str]:
    """A sentence for each engine whose times were measured on fewer rows."""
    rows = {
        name: measurement["extrapolation"]["measured_rows"]
        for query in record["queries"]
        for name, measurement in query["measurements"].items()
        if measurement["extrapolation"]
    }
    return [f"{name}: measured on the first {count:,} rows and extrapolated to all." for name, count in rows.items()]


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{_three_digits(ratio)}x"


def _three_digits(value: float) -> str:
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def page(records: list[Record], advised: list[Record]) -> str:
    """The page of all figures."""
    parts = ["# Figures", "Written by `docs/figures.py` from the records in `docs/benchmarks/`."]
    parts += [f"## {SUITES[record['suite']]}\n\n{figures(record)}" for record in records]
    for scale, record in zip(ADVISED_RECORDS, advised, strict=True):
        parts.append(f"## TPC-H, laid out for its queries, at scale {scale}\n\n{laid_out(record)}")
    return "\n\n".join(parts) + "\n"


def summary(records: list[Record], advised: list[Record]) -> str:
    """A row an engine: how many times as fast as it Locality is, in the mean of each suite and in its worst query."""
    found = [_ratios(record, "locality") for record in records] + [_ratios(record, ADVISED) for record in advised]
    titles = ["TPC-H", "one table", *(f"TPC-H, laid out, scale {scale}" for scale in ADVISED_RECORDS)]
    cells = ["against", *(cell for title in titles for cell in (title, "worst query"))]
    lines = [_setting({**records[0], **records[0]["runs"][-1]}), "", "| " + " | ".join(cells) + " |"]
    lines.append("| --- |" + " --: |" * (2 * len(titles)))
    for engine in dict.fromkeys(engine for ratios in found for engine in ratios if engine != "locality"):
        cells = [_name(engine)]
        for ratios in found:
            known = ratios.get(engine)
            cells += ["", ""] if not known else [_times(_mean(known)), _times(min(known))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _ratios(whole: Record, ours: str) -> dict[str, list[float]]:
    """For each other engine its seconds by ours, of the queries that it answered."""
    ratios: dict[str, list[float]] = {}
    for query in whole["runs"][-1]["queries"]:
        found = query["measurements"]
        for engine, measurement in found.items():
            if engine != ours and measurement["median_seconds"] is not None:
                ratios.setdefault(engine, []).append(measurement["median_seconds"] / found[ours]["median_seconds"])
    return ratios


def _mean(ratios: list[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def main(arguments: list[str]) -> int:
    """Write the page and the README's summary, or with ``--check`` compare them; returns the exit status."""
    readme = README.read_text(encoding="utf-8")
    records, advised = (
        [json.loads((RECORDS / name).read_text(encoding="utf-8")) for name in names]
        for names in ([f"{suite}-sf1.json" for suite in SUITES], ADVISED_RECORDS.values())
    )
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = {README: f"{before}{BEGIN}\n{summary(records, advised)}\n{END}{after}", PAGE: page(records, advised)}
    if "--check" in arguments:
        return 0 if all(path.read_text(encoding="utf-8") == text for path, text in wanted.items()) else 1
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
