"""The literals of texts like one that was cut before: cutting a text word by word takes longer than all else of a plan.

Where all is the same but for the digits of numbers and what stands between quotes, the words are the same, too. A
number or string that was a word of its own in the first text is one in the others.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from locality.sql.literals import Literal, Split, is_number, split

#: Numbers and strings that may be words: no part of a longer one, and nothing in them can end a string early.
_CANDIDATE = re.compile(r"('[^'\\\0]*'|(?<![\w.$?'])(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?![\w.']))")
#: Outlines that are remembered.
_MOST = 256


@dataclass(frozen=True)
class _Outline:
    """What a text tells of those with the same text around their candidates.

    parts: see :class:`Split`. gaps: the bytes before each candidate, behind the one before it. candidates: those of the
    text. typed: of those that are literals, by number, the word of their type and how many bytes before them it is.
    """

    parts: tuple[str, ...]
    gaps: tuple[int, ...]
    candidates: tuple[str, ...]
    typed: dict[int, tuple[str, int]]

    def split(self, sql: str, candidates: Sequence[str]) -> Split | None:
        """A text with the same around other candidates; None if it may have other words."""
        literals: list[Literal] = []
        at = 0
        for number, (gap, own, text) in enumerate(zip(self.gaps, self.candidates, candidates, strict=True)):
            start = at + gap
            at = start + (len(text) if text.isascii() else len(text.encode()))
            known = self.typed.get(number)
            if known is None:
                if text != own:
                    return None
                continue
            if (text[0] == "'") != (own[0] == "'") or not (text[0] == "'" or is_number(text)):
                return None
            literals.append(Literal(start - known[1], at, text, known[0]))
        return Split(sql.encode(), tuple(literals), self.parts)


class Outlines:
    """The outlines of the texts that came last; callers with several threads take turns."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, ...], _Outline | None] = OrderedDict()

    def split(self, sql: str) -> Split:
        """As :func:`~locality.sql.literals.split`."""
        pieces = _CANDIDATE.split(sql)
        around, candidates = tuple(pieces[::2]), pieces[1::2]
        outline = self._known.get(around)
        found = None if outline is None else outline.split(sql, candidates)
        if found is None:
            found = split(sql)
            self._known[around] = _outline(found, around, tuple(candidates))
        self._known.move_to_end(around)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found


def _outline(text: Split, around: Sequence[str], candidates: tuple[str, ...]) -> _Outline | None:
    """What a text tells of others; None if a literal of it is no candidate."""
    ends = {each.stop: each for each in text.literals}
    gaps = tuple(len(each.encode()) for each in around[:-1])
    typed: dict[int, tuple[str, int]] = {}
    at = 0
    for number, (gap, candidate) in enumerate(zip(gaps, candidates, strict=True)):
        start = at + gap
        at = start + len(candidate.encode())
        literal = ends.get(at)
        if literal is not None and literal.text == candidate:
            typed[number] = literal.typed, start - literal.start
    return _Outline(text.parts, gaps, candidates, typed) if len(typed) == len(text.literals) else None
