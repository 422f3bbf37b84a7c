"""Patterns of LIKE, prepared for the primitives of :mod:`locality.kernel.primitives.strings` and ``search``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

_LITERAL, _ANY_CHARACTER, _ANY_STRING = 0, 1, 2

#: Bytes of text from the most frequent on; those not named are taken for rarer than all of these.
_FREQUENT = b" etaoinsrhldcumfpgwybvk,.x-jqz0123456789"
#: How many times a needle must be rarer than the first literal of a pattern to be worth a look at whole strings.
_MUCH_RARER = 3
_RANK = {byte: len(_FREQUENT) - position for position, byte in enumerate(_FREQUENT)}


@dataclass(frozen=True, eq=False)
class Search:
    """The arguments ``needle, probes, tokens, kinds`` of ``like_block``, and its ``rest``."""

    arrays: tuple[npt.NDArray[Any], ...]
    rest: bool


@dataclass(frozen=True, eq=False)
class Pattern:
    """A pattern of LIKE.

    tokens, kinds: a byte and its kind (0 literal, 1 for ``_``, 2 for ``%``) for each token; shapes (length,).
    needle: a run of literal bytes, which every matching string contains: the tokens from ``start`` on.
    probes: the positions of three rare bytes of the needle, int64; all 0 for the empty needle.
    form: ``equals``, ``starts_with``, ``ends_with`` or ``contains`` if the needle alone decides so, else ``like``.
    """

    tokens: Bytes
    kinds: Bytes
    needle: Bytes
    start: int
    probes: npt.NDArray[np.int64]
    form: str

    @property
    def search(self) -> Search:
        """How ``like_block`` finds what matches.

        If the needle is all that may come first, and any string may follow it, then its first place in a string is the
        best one, and nothing before it need be looked at again.
        """
        stop = self.start + len(self.needle)
        rest = self.kinds[: self.start].tolist() == [_ANY_STRING] and self.kinds[stop:][:1].tolist() == [_ANY_STRING]
        if len(self.needle) < 2 or not rest or self.kinds[-1] == _LITERAL:
            return Search((self.needle, self.probes, self.tokens, self.kinds), rest=False)
        return Search((self.needle, self.probes, self.tokens[stop:], self.kinds[stop:]), rest=True)


def pattern(text: str, escape: str | None = None, sample: bytes = b"") -> Pattern:
    """The pattern that LIKE reads in ``text``; raises ValueError if it ends with the escape character.

    The needle is the literal that is rarest in ``sample``, bytes of the strings to be searched, the longest of these;
    but the first one, after which only the rest need be looked at, unless another is much rarer.
    """
    tokens, kinds = _tokenise(text, escape)
    start, needle = _best_literal(tokens, kinds, sample)
    form = _form(kinds, len(needle))
    return _pattern(tokens, kinds, start, needle, form)


def substring(needle: bytes) -> Pattern:
    """The pattern of all strings that contain ``needle``."""
    tokens = [0, *needle, 0]
    kinds = [_ANY_STRING, *[_LITERAL] * len(needle), _ANY_STRING]
    return _pattern(tokens, kinds, 1, needle, "contains")


def _tokenise(text: str, escape: str | None) -> tuple[list[int], list[int]]:
    tokens: list[int] = []
    kinds: list[int] = []
    characters = iter(text)
    for character in characters:
        kind = {"_": _ANY_CHARACTER, "%": _ANY_STRING}.get(character, _LITERAL)
        if character == escape:
            kind, character = _LITERAL, next(characters, "")
            if not character:
                raise ValueError("a pattern of LIKE must not end with the escape character")
        if kind != _ANY_STRING or kinds[-1:] != [_ANY_STRING]:
            encoded = character.encode() if kind == _LITERAL else b"\0"
            tokens += encoded
            kinds += [kind] * len(encoded)
    return tokens, kinds


def _best_literal(tokens: list[int], kinds: list[int], sample: bytes) -> tuple[int, bytes]:
    """Where the needle begins, and its bytes."""
    runs: list[tuple[int, bytes]] = []
    start = 0
    for literal, run in groupby(kinds, key=_LITERAL.__eq__):
        stop = start + len(list(run))
        if literal:
            runs.append((start, bytes(tokens[start:stop])))
        start = stop

    def cost(run: tuple[int, bytes]) -> tuple[bool, int, int]:
        begin, needle = run
        is_first = kinds[:begin] == [_ANY_STRING]
        # a needle of one byte is found everywhere
        return len(needle) < 2, sample.count(needle) * (1 if is_first else _MUCH_RARER), -len(needle)

    return min(runs, key=cost, default=(0, b""))


def _form(kinds: list[int], literals: int) -> str:
    any_string = [_ANY_STRING]
    match kinds[:1] == any_string, kinds[-1:] == any_string:
        case False, False if len(kinds) == literals:
            return "equals"
        case False, True if len(kinds) == literals + 1:
            return "starts_with"
        case True, False if len(kinds) == literals + 1:
            return "ends_with"
        case True, True if len(kinds) == literals + 2 or (literals == 0 and len(kinds) == 1):
            return "contains"
    return "like"


def _pattern(tokens: list[int], kinds: list[int], start: int, needle: bytes, form: str) -> Pattern:
    by_rarity = sorted(range(len(needle)), key=lambda position: _RANK.get(needle[position], 0))
    chosen = (by_rarity or [0])[:3]
    probes = np.array(chosen + chosen[-1:] * (3 - len(chosen)), np.int64)
    arrays = (np.array(tokens, np.uint8), np.array(kinds, np.uint8), np.frombuffer(needle, np.uint8))
    return Pattern(*arrays, start, probes, form)
