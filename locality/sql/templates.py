"""Parts of texts that differ in values of conditions alone: found in one of them, they are those of all.

Which literal of a text stands where in its parts is told by what is written there: where several are written alike,
by further texts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from locality.errors import LocalityError
from locality.sql import literals
from locality.sql.literals import value_literals
from locality.sql.parts import Part, Split

#: Patterns of texts that are remembered.
_MOST = 256
#: Characters of a text beyond which nobody looks for literals in it.
_LONGEST = 20_000


@dataclass(frozen=True)
class _Template:
    """texts: those of a split, around their literals. sources: for each literal, which ones of the whole it may be."""

    split: Split
    texts: tuple[literals.Split, ...]
    sources: tuple[tuple[frozenset[int], ...], ...]

    def filled(self, written: Sequence[str]) -> Split | None:
        """The split of a text with these literals; None if it can't be told which of them stands where."""
        texts = []
        for text, sources in zip(self.texts, self.sources, strict=True):
            choices = [{written[each] for each in choice} for choice in sources]
            if any(len(choice) > 1 for choice in choices):
                return None
            texts.append(text.replaced({number: found.pop() for number, found in enumerate(choices) if found}))
        return _with_texts(self.split, texts)

    def narrowed(self, other: _Template) -> _Template:
        """What both a template and that of another text allow; the other if they are not alike."""
        if [text.pattern for text in self.texts] != [text.pattern for text in other.texts]:
            return other
        pairs = [[*zip(one, two, strict=True)] for one, two in zip(self.sources, other.sources, strict=True)]
        if any(a and b and not a & b for each in pairs for a, b in each):
            return other
        return replace(other, sources=tuple(tuple(a & b for a, b in each) for each in pairs))


class Templates:
    """Splits of texts over one schema; callers hold a lock around each call."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, _Template] = OrderedDict()
        self._values: OrderedDict[Hashable, frozenset[int]] = OrderedDict()

    def split(self, sql: str, parse: Callable[[str], object], find: Callable[[], Split | None]) -> Split | None:
        """The parts of a text without parameters, which ``find`` finds; of texts that differ in values, once.

        parse: gives DuckDB's tree of a text, as JSON. The splits of texts that are alike have the same ``kind``.
        """
        text = literals.split(sql) if len(sql) <= _LONGEST else None
        values = frozenset[int]() if text is None else self._values_of(sql, text, parse)
        if text is None or not values:
            return find()
        written = [sql.encode()[each.start : each.stop].decode() for each in text.literals]
        key = text.pattern, tuple(each for number, each in enumerate(written) if number not in values)
        known = self._known.get(key)
        if known is not None and (filled := known.filled(written)) is not None:
            return filled
        found = find()
        if found is not None:
            made = _template(replace(found, kind=key), written)
            self._known[key] = made if known is None else known.narrowed(made)
            _trim(self._known)
            return replace(found, kind=key)
        return None

    def _values_of(self, sql: str, text: literals.Split, parse: Callable[[str], object]) -> frozenset[int]:
        if (known := self._values.get(text.pattern)) is None:
            try:
                known = value_literals(parse(sql), text.literals)
            except LocalityError:
                known = frozenset()
            self._values[text.pattern] = known
            _trim(self._values)
        return known


def _template(split: Split, written: Sequence[str]) -> _Template:
    texts = tuple(literals.split(text) for text in _texts(split))
    places = {each: frozenset(i for i, other in enumerate(written) if other == each) for each in written}
    sources = tuple(
        tuple(places.get(text.text[each.start : each.stop].decode(), frozenset()) for each in text.literals)
        for text in texts
    )
    return _Template(split, texts, sources)


def _texts(split: Split) -> list[str]:
    return [split.text, split.query, split.rest, *(part.sql for part in split.parts)]


def _with_texts(split: Split, texts: Sequence[str]) -> Split:
    text, query, rest, *sqls = texts
    parts = tuple(Part(part.name, sql) for part, sql in zip(split.parts, sqls, strict=True))
    return replace(split, text=text, query=query, rest=rest, parts=parts)


def _trim(known: OrderedDict[Hashable, Any]) -> None:
    if len(known) > _MOST:
        known.popitem(last=False)
