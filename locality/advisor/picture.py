"""Pictures of layouts: zones from left to right, columns one below the other as high as their values are wide.

What no query reads is pale; the more of the workload reads a zone of a column, the stronger its colour. One SVG, or a
page around it; both need nothing else, and follow the reader's choice of light or dark.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from html import escape
from pathlib import Path

from locality.advisor.maps import LayoutMap, MappedColumn, Maps
from locality.errors import SourceError
from locality.units import byte_size

_WIDTH, _LABELS, _MARGIN, _GAP, _LEGEND = 1000, 190, 16, 44, 34
_HEADING, _LINE = 40, 18
#: Characters of a name for which there is room.
_LONGEST = 29
#: Pixels of a column's height for each byte of a value, and at least and at most.
_BYTE, _LEAST, _MOST = 4.0, 13.0, 34.0
_STYLE = """
.locality { --ink: #1c2430; --soft: #5c6877; --paper: #ffffff; --cold: #e8ecf1; --warm: #c2410c; }
@media (prefers-color-scheme: dark) {
  .locality { --ink: #e6eaf0; --soft: #98a4b3; --paper: #12161c; --cold: #262d37; --warm: #fb923c; }
}
.locality text { font: 11px system-ui, sans-serif; fill: var(--ink); }
.locality .title { font-size: 14px; font-weight: 600; }
.locality .head { font-size: 18px; font-weight: 600; }
.locality .soft { fill: var(--soft); }
.locality .paper { fill: var(--paper); }
.locality .cold { fill: var(--cold); }
.locality .warm { fill: var(--warm); }
"""
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; background: light-dark(#ffffff, #12161c); }}
svg {{ display: block; width: 100%; max-width: {width}px; height: auto; margin: 0 auto; }}
</style>
{svg}
</html>
"""


def write_picture(maps: Maps, path: Path) -> None:
    """Writes a picture to a file, whose suffix says whether as a page or as SVG; raises SourceError for others."""
    match path.suffix.lower():
        case ".svg":
            text = svg_of(maps)
        case ".html" | ".htm":
            text = _PAGE.format(title="Layouts", width=_WIDTH, svg=svg_of(maps))
        case _:
            raise SourceError(f"{path} is neither .html nor .svg")
    path.write_text(text, encoding="utf-8")


def svg_of(maps: Maps) -> str:
    """The picture as the text of an SVG image."""
    parts: list[str] = [_legend(_MARGIN)]
    top = float(_MARGIN + _LEGEND)
    both = bool(maps.proposed)
    before, after = (maps.today, maps.moved_today), (maps.proposed, maps.moved_proposed)
    for heading, (layouts, moved) in (("Today" if both else "Layouts", before), ("As proposed", after)):
        if layouts:
            told = f": a query moves {byte_size(moved)} on average" if moved else ""
            parts.append(_text(_MARGIN, top + 20, f"{heading}{told}", "head"))
            top += _HEADING
        for layout in layouts:
            parts += _drawn(layout, top)
            top += _height(layout)
    height = top + _MARGIN
    opened = f'<svg xmlns="http://www.w3.org/2000/svg" class="locality" viewBox="0 0 {_WIDTH} {height:.0f}" role="img" '
    named = 'aria-label="Which zones of which columns the workload reads">'
    paper = f'<rect class="paper" width="{_WIDTH}" height="{height:.0f}"/>'
    return "\n".join([opened + named, f"<style>{_STYLE}</style>", paper, *parts, "</svg>"])


def _drawn(layout: LayoutMap, top: float) -> Iterator[str]:
    name = layout.table if layout.layout == "primary" else f"{layout.table}, copy {layout.layout}"
    yield _text(_MARGIN, top + 14, name, "title")
    lies = f"in the order of {layout.order}" if layout.order else "as the rows came"
    told = f"{layout.rows:,} rows {lies}; a query reads {byte_size(layout.bytes_read)} of it on average"
    yield _text(_MARGIN, top + 14 + _LINE, told, "soft")
    top += 14 + 1.6 * _LINE
    for column in layout.columns:
        height = _column_height(column)
        yield _label(column.name, top + height / 2 + 4)
        left, width = _LABELS + 8, _WIDTH - _LABELS - 8 - _MARGIN
        yield f'<rect class="cold" x="{left}" y="{top:.1f}" width="{width}" height="{height - 1.5:.1f}"/>'
        yield from _cells(column, left, top, width, height - 1.5)
        top += height


def _label(name: str, y: float) -> str:
    """A column's name beside it; of one that is too long the end, and all of it for whoever points there."""
    if len(name) <= _LONGEST:
        return _text(_LABELS, y, name, "", anchor="end")
    short = _text(_LABELS, y, f"\u2026{name[1 - _LONGEST :]}", "", anchor="end")
    return f"<g><title>{escape(name)}</title>{short}</g>"


def _cells(column: MappedColumn, left: float, top: float, width: float, height: float) -> Iterator[str]:
    """What is read of a column, neighbours that are read alike as one."""
    step = width / len(column.reads)
    start = 0
    for share, group in itertools.groupby(round(min(share, 1.0), 3) for share in column.reads):
        count = len(list(group))
        if share:
            place = f'x="{left + start * step:.1f}" y="{top:.1f}" width="{count * step:.1f}" height="{height:.1f}"'
            told = f"<title>{escape(column.name)}: read by {share:.1%} of the queries</title>"
            yield f'<rect class="warm" fill-opacity="{_opacity(share):.2f}" {place}>{told}</rect>'
        start += count


def _opacity(share: float) -> float:
    """Of a share of the queries: even one in a hundred is seen."""
    return float(0.12 + 0.88 * share**0.5)


def _legend(top: float) -> str:
    parts = [_text(_MARGIN, top + 12, "read by", "soft")]
    for place, share in enumerate((0.0, 0.01, 0.1, 0.3, 1.0)):
        x = _MARGIN + 60 + place * 90
        kind = f'class="warm" fill-opacity="{_opacity(share):.2f}"' if share else 'class="cold"'
        parts.append(f'<rect {kind} x="{x}" y="{top + 2:.1f}" width="22" height="12"/>')
        parts.append(_text(x + 28, top + 12, f"{share:.0%}", "soft"))
    parts.append(_text(_MARGIN + 520, top + 12, "of the queries; a column is as high as its values are wide", "soft"))
    return "\n".join(parts)


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _column_height(column: MappedColumn) -> float:
    return min(max(column.width * _BYTE, _LEAST), _MOST)


def _height(layout: LayoutMap) -> float:
    return 14 + 1.6 * _LINE + sum(map(_column_height, layout.columns)) + _GAP / 2
