"""Maps of what a workload reads of layouts, and the pictures of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import locality
from locality.advisor.maps import LayoutMap, MappedColumn, Maps
from locality.advisor.picture import svg_of, write_picture
from locality.connection import Connection

ROWS = 1 << 18
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def con() -> Connection:
    con = locality.connect()
    rows = np.arange(ROWS)
    con.ingest("t", pa.table({"k": rows * 7919 % ROWS, "v": rows % 100, "unused": rows % 7}))
    return con


def test_maps_show_what_is_read_today_and_would_be(con: Connection) -> None:
    advice = con.advise(["select sum(v) from t where k < 1000"])
    (today,), (proposed,) = advice.maps.today, advice.maps.proposed
    assert (today.order, proposed.order) == ("", "k")
    for name, before, after in (("k", [1, 1, 1, 1], [1, 0, 0, 0]), ("v", [1, 1, 1, 1], [1, 0, 0, 0])):
        assert [list(c.reads) for c in today.columns if c.name == name] == [before]
        assert [list(c.reads) for c in proposed.columns if c.name == name] == [after]
    assert [c.reads for c in today.columns if c.name == "unused"] == [(0.0,)]
    (forecast,) = advice.forecasts  # which counts some state, too
    assert today.bytes_read == pytest.approx(forecast.bytes_before, rel=0.01)
    assert proposed.bytes_read == pytest.approx(forecast.bytes_after, rel=0.01)
    assert (advice.maps.moved_today, advice.maps.moved_proposed) == (forecast.bytes_before, forecast.bytes_after)
    headings = [text for text in svg_of(advice.maps).splitlines() if 'class="head"' in text]
    assert ["a query moves" in heading for heading in headings] == [True, True]


def test_maps_tell_copies_apart_and_count_queries_by_weight(con: Connection) -> None:
    con.optimize("t", order="k", layout="by_k", columns=["k", "v"])
    maps = con.maps(
        [("select sum(v) from t where k < 1000", 3.0), ("select max(unused) from t where v = -1 or v = 5", 1.0)]
    )
    primary, copy = maps.today
    assert (primary.layout, copy.layout, maps.proposed) == ("primary", "by_k", ())
    assert [list(c.reads) for c in copy.columns if c.name == "v"] == [[0.75, 0, 0, 0]]
    assert [list(c.reads) for c in primary.columns if c.name == "unused"] == [[0.25] * 4]


def test_without_queries_nothing_is_read(con: Connection) -> None:
    (layout,) = con.maps().today
    assert layout.bytes_read == 0


def test_pictures_are_whole_and_need_nothing_else(tmp_path: Path) -> None:
    column = MappedColumn('<price & "tax">', 2.0, (0.0, 0.5, 0.5, 1.0), 4.0)
    layout = LayoutMap("a<b", "primary", "x", 262_144, (column, MappedColumn("id", 400.0, (0.0,), 0.0)))
    maps = Maps((layout,), (layout,))
    root = ET.fromstring(svg_of(maps))
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert texts.count("a<b") == 2
    assert '<price & "tax">' in texts
    assert [rect.find(f"{SVG}title") is not None for rect in root.iter(f"{SVG}rect")].count(True) == 4
    for name in ("p.html", "p.svg"):
        write_picture(maps, tmp_path / name)
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "prefers-color-scheme: dark" in text
        assert not any(word in text for word in ("<script", "<link", "src=", "url("))
    with pytest.raises(locality.errors.SourceError, match="neither"):
        write_picture(maps, tmp_path / "p.png")


def test_names_that_are_too_long_are_cut_and_told_whole() -> None:
    way = "orders.customer.nation.region.r_name"
    layout = LayoutMap("t", "primary", "", 1, (MappedColumn(way, 1.0, (0.0,), 0.0),))
    root = ET.fromstring(svg_of(Maps((layout,))))
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    (cut,) = (text for text in texts if text.endswith("region.r_name"))
    assert cut.startswith("\u2026")
    assert way in [title.text for title in root.iter(f"{SVG}title")]


def test_a_store_without_tables_has_an_empty_picture() -> None:
    assert ET.fromstring(svg_of(Maps())).tag == f"{SVG}svg"
