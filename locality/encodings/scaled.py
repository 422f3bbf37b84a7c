"""``scaled``: a frame whose differences share a factor, as decimals often do."""

from __future__ import annotations

from locality.encodings.frame import Frame


class Scaled(Frame):
    """INTEGER values as ``base + factor * code`` with factor > 1: the greatest common divisor of their differences."""

    name = "scaled"
