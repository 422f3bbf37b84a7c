"""A plot over two logarithmic axes, laid out in pixels for a drawing of a given size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .scale import LogScale

Axis = tuple[str, Callable[[float], str]]
"""What an axis shows, and how its values are written."""

LEFT, RIGHT, TOP, BOTTOM = 56, 16, 14, 44
"""Margins in pixels, for the labels of the axes."""

_LETTER, _LINE = 6.6, 13
"""About how wide a letter of a label is, and how high a line."""


@dataclass(frozen=True)
class Point:
    """A named point; ``note`` is shown to those who point at it."""

    x: float
    y: float
    name: str
    note: str


@dataclass(frozen=True)
class Line:
    """A line through points; ``kind`` is a class of the style sheet."""

    points: Sequence[tuple[float, float]]
    name: str
    kind: str


@dataclass(frozen=True)
class Label:
    """Text at a place; an empty text is one that found no room."""

    x: float
    y: float
    text: str
    note: str = ""


@dataclass(frozen=True)
class Path:
    """A line as SVG writes it, with its dots and the place of its name."""

    d: str
    kind: str
    dots: list[Label]
    name: Label


@dataclass(frozen=True)
class Plot:
    """All places are in pixels from the top left."""

    width: int
    height: int
    x_title: str
    y_title: str
    x_ticks: list[Label]
    y_ticks: list[Label]
    dots: list[Label]
    names: list[Label]
    paths: list[Path]

    @property
    def frame(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom edge of the area between the axes."""
        return LEFT, TOP, self.width - RIGHT, self.height - BOTTOM

    @classmethod
    def of(
        cls,
        width: int,
        height: int,
        x: LogScale,
        y: LogScale,
        axes: tuple[Axis, Axis],
        points: Sequence[Point],
        lines: Sequence[Line],
    ) -> Plot:
        """The plot of points and lines; names of points are put where they cover no others, or left out."""

        def place(at_x: float, at_y: float) -> tuple[float, float]:
            across = LEFT + x.at(at_x) * (width - LEFT - RIGHT)
            return round(across, 1), round(TOP + (1 - y.at(at_y)) * (height - TOP - BOTTOM), 1)

        (x_title, x_label), (y_title, y_label) = axes
        dots = [Label(*place(p.x, p.y), p.name, p.note) for p in points]
        return cls(
            width,
            height,
            x_title,
            y_title,
            [Label(LEFT + t.at * (width - LEFT - RIGHT), height - BOTTOM, t.label) for t in x.ticks(x_label)],
            [Label(LEFT, TOP + (1 - t.at) * (height - TOP - BOTTOM), t.label) for t in y.ticks(y_label)],
            dots,
            _named(dots, width),
            [_path(line, [place(*point) for point in line.points], y_label) for line in lines],
        )


def _path(line: Line, places: list[tuple[float, float]], label: Callable[[float], str]) -> Path:
    d = "M" + "L".join(f"{x} {y}" for x, y in places)
    dots = [
        Label(x, y, "", f"{line.name}: {label(value)}") for (x, y), (_, value) in zip(places, line.points, strict=True)
    ]
    return Path(d, line.kind, dots, Label(*places[-1], line.name))


def _named(dots: Sequence[Label], width: int) -> list[Label]:
    """A name for each dot, right or left of it, above or below, where it covers neither a dot nor another name."""
    taken = [(dot.x - 5, dot.y - 5, dot.x + 5, dot.y + 5) for dot in dots]
    names = []
    for dot in dots:
        length = _LETTER * len(dot.text)
        spots = [(8, 4), (-8 - length, 4), (-length / 2, -8), (-length / 2, 17)]
        for dx, dy in spots:
            left, base = round(dot.x + dx, 1), round(dot.y + dy, 1)
            box = (left, base - _LINE + 3, left + length, base + 2)
            if box[0] > LEFT and box[2] < width - 2 and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                names.append(Label(left, base, dot.text))
                break
    return names


Box = tuple[float, float, float, float]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
