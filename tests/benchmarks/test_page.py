"""The HTML page of a run: whole, self-contained, safe with any text, and with losses as visible as wins."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from itertools import combinations
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from locality._suites.benchmarks.page import render_page
from locality._suites.benchmarks.page.plot import Plot, Point
from locality._suites.benchmarks.page.scale import LogScale, round_size

VOID = {"meta", "line", "circle", "path", "br"}
HOSTILE = '<script>alert("x")</script> & "quoted"'


def measurement(seconds: float, **others: Any) -> dict[str, Any]:
    plain = {"outcome": "ok", "message": None, "rows": 1, "first_seconds": 2 * seconds, "extrapolation": None}
    samples = [seconds, seconds * 1.1, seconds * 0.9]
    return {**plain, "samples": samples, "ledger": None, "median_seconds": seconds, "bandwidth_share": None, **others}


def ledger(moved: int, touched: dict[str, int]) -> dict[str, Any]:
    sizes = {"bytes_moved": moved, "bytes_minimum": moved // 2, "bytes_naive": 30 * moved}
    return {"engine": "locality", "reason": None, **sizes, "touched": touched}


def query(name: str, **measurements: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "title": f"about {name}", "sql": "select 1", "tables": ["t"], "measurements": measurements}


def point(kind: str, threads: int, working_set: int, level: str, rate: float) -> dict[str, Any]:
    return {"kind": kind, "threads": threads, "working_set": working_set, "level": level, "bytes_per_second": rate}


def load(engine: str, seconds: float) -> dict[str, Any]:
    sizes = {"stored_bytes": 10**6, "peak_memory_bytes": 2 * 10**6}
    return {"engine": engine, "version": "1", "configuration": "as is", "seconds": {"t": seconds}, "rows": {}, **sizes}


@pytest.fixture
def record() -> dict[str, Any]:
    first, second = ledger(1000, {"t.a": 500, "t.b": 1}), ledger(10**6, {"t.a": 900_000})
    failed = {"outcome": "out of memory", "message": "1 GB", "samples": [], "median_seconds": None}
    return {
        "suite": "tpch",
        "scale": 1.0,
        "threads": 2,
        "started": "2026-01-02T03:04:05+00:00",
        "machine": {"cpu": "one", "cores": 2, "memory_bytes": 8 * 10**9},
        "bandwidth": 2e10,
        "roofline": [],
        "complete": True,
        "loads": [load("locality", 3.0), load("duckdb", 1.0), load("naive", 9.0)],
        "queries": [
            query("won", locality=measurement(0.01, ledger=first), duckdb=measurement(0.2), naive=measurement(9.0)),
            query(
                "lost",
                locality=measurement(0.2, ledger=second),
                duckdb=measurement(0.1),
                naive=measurement(1, **failed),
            ),
        ],
        "problems": [],
        "remarks": [],
    }


class Checker(HTMLParser):
    """Fails where tags don't match; collects text and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> tuple[str, list[tuple[str, str | None]]]:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    return " ".join(" ".join(checker.text).split()), checker.attributes


def test_it_needs_nothing_but_itself(record: dict[str, Any]) -> None:
    html = render_page([record])
    _, attributes = read(html)
    assert "<script" not in html
    assert not [value for name, value in attributes if name in ("src", "href", "action")]
    assert "url(" not in html
    assert "@import" not in html


def test_wins_and_losses_are_there(record: dict[str, Any]) -> None:
    text, _ = read(render_page([record]))
    assert "faster in 1 of 2" in text
    assert "slower in lost 0.50x" in text
    assert "out of memory" in text
    assert "DuckDB: after" in text


def test_each_section_has_what_the_record_has(record: dict[str, Any]) -> None:
    html = render_page([record])
    assert re.findall(r'<section id="(\w+)">', html) == [
        "speedups", "timings", "roofline", "bytes", "touched", "loading", "first"
    ]  # fmt: skip
    record["steps"] = ["naive", "duckdb", "locality"]
    assert '<section id="steps">' in render_page([record])
    record["roofline"] = [
        point("read", 1, 2**14, "L1", 9e9),
        point("read", 1, 2**15, "L1", 8e9),
        point("disk", 1, 0, "disk", 1e9),
    ]
    assert '<section id="memory">' in render_page([record])
    small = copy.deepcopy(record) | {"scale": 0.1}
    assert '<section id="curves">' in render_page([small, record])


def test_memory_is_told_by_level_and_threads(record: dict[str, Any]) -> None:
    rates = {("L1", 2**14): 50e9, ("L1", 2**15): 60e9, ("memory", 2**28): 10e9}
    record["roofline"] = [
        point(kind, threads, size, level, rate * threads)
        for kind in ("read", "write", "random")
        for threads in (1, 2)
        for (level, size), rate in rates.items()
    ]
    text, _ = read(render_page([record]))
    assert "GB/s threads L1 memory reading 1 60.0 10.0 reading 2 120.0 20.0 writing 1" in text
    assert "The disk" not in text


def test_an_interrupted_run_shows_what_there_was(record: dict[str, Any]) -> None:
    text, _ = read(render_page([record | {"loads": [], "queries": [], "complete": False, "bandwidth": None}]))
    assert "Interrupted" in text


@pytest.mark.parametrize("place", ["suite", "problems", "query", "message"])
def test_no_text_becomes_markup(record: dict[str, Any], place: str) -> None:
    match place:
        case "query":
            record["queries"][0]["name"] = HOSTILE
        case "message":
            record["queries"][1]["measurements"]["naive"]["message"] = HOSTILE
        case "problems":
            record["problems"] = [HOSTILE]
        case _:
            record["suite"] = HOSTILE
    html = render_page([record])
    text, attributes = read(html)
    assert "<script" not in html
    assert HOSTILE in text or HOSTILE in [value for _, value in attributes]


positive = st.floats(1e-6, 1e12)


@given(values=st.lists(positive, min_size=1, max_size=20))
def test_an_axis_has_its_values_and_few_round_ticks_in_order(values: list[float]) -> None:
    scale = LogScale.around(values)
    places = [scale.at(value) for value in sorted(values)]
    assert all(0 < place < 1 for place in places)
    assert places == sorted(places)
    ticks = scale.ticks(round_size)
    assert len(ticks) <= 9
    assert [tick.at for tick in ticks] == sorted({tick.at for tick in ticks})


@given(places=st.lists(st.tuples(st.floats(1, 1e3), st.floats(1, 1e3)), min_size=1, max_size=40))
@example(places=[(38.0, 456.0), (72.0, 599.0), (73.0, 599.0)])
def test_names_in_a_plot_cover_neither_dots_nor_each_other(places: list[tuple[float, float]]) -> None:
    scale = LogScale(0.5, 2e3)
    points = [Point(x, y, f"q{i:02}", "") for i, (x, y) in enumerate(places)]
    plot = Plot.of(720, 420, scale, scale, (("x", str), ("y", str)), points, [])
    boxes = [(name.x, name.y - 10, name.x + 6.6 * len(name.text), name.y + 2) for name in plot.names]
    assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for a, b in combinations(boxes, 2))
    for left, top, right, bottom in boxes:
        assert not any(left < dot.x < right and top < dot.y < bottom for dot in plot.dots)
