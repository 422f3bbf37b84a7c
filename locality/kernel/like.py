"""Patterns of LIKE, prepared for the primitives of :mod:`locality.kernel.primitives.strings` and ``search``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

_LITERAL, _ANY_CHARACTER, _ANY_STRING = 0, 1, 2

#: Bytes of text from the most frequent on; those not named are taken for rarer than all of these.
_FREQUENT = b" etaoinsrhldcumfpgwybvk,.x-jqz0123456789"
_RANK = {byte: len(_FREQUENT) - position for position, byte in enumerate(_FREQUENT)}


@dataclass(frozen=True, eq=False)
class Pattern:
    """A pattern of LIKE.

    tokens, kinds: a byte and its kind (0 literal, 1 for ``_``, 2 for ``%``) for each token; shapes (length,).
    needle: a run of literal bytes, which every matching string contains.
    probes: the positions of three rare bytes of the needle, int64; all 0 for the empty needle.
    form: ``equals``, ``starts_with``, ``ends_with`` or ``contains`` if the needle alone decides so, else ``like``.
    """

    tokens: Bytes
    kinds: Bytes
    needle: Bytes
    probes: npt.NDArray[np.int64]
    form: str

    @property
    def search(self) -> tuple[Bytes, npt.NDArray[np.int64], Bytes, Bytes]:
        """The arguments ``needle, probes, tokens, kinds`` of ``like_block``."""
        if self.form == "contains" and len(self.needle) > 1:
            return self.needle, self.probes, np.zeros(1, np.uint8), np.full(1, _ANY_STRING, np.uint8)
        return self.needle, self.probes, self.tokens, self.kinds


def pattern(text: str, escape: str | None = None, sample: bytes = b"") -> Pattern:
    """The pattern that LIKE reads in ``text``; raises ValueError if it ends with the escape character.

    The needle is the literal that is rarest in ``sample``, bytes of the strings to be searched; the longest of these.
    """
    tokens, kinds = _tokenise(text, escape)
    needle = _best_literal(tokens, kinds, sample)
    form = _form(kinds, len(needle))
    return Pattern(np.array(tokens, np.uint8), np.array(kinds, np.uint8), *_needle(bytes(needle)), form)


def substring(needle: bytes) -> Pattern:
    """The pattern of all strings that contain ``needle``."""
    tokens = [0, *needle, 0]
    kinds = [_ANY_STRING, *[_LITERAL] * len(needle), _ANY_STRING]
    return Pattern(np.array(tokens, np.uint8), np.array(kinds, np.uint8), *_needle(needle), "contains")


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


def _best_literal(tokens: list[int], kinds: list[int], sample: bytes) -> list[int]:
    runs: list[list[int]] = [[]]
    for token, kind in zip(tokens, kinds, strict=True):
        if kind == _LITERAL:
            runs[-1].append(token)
        elif runs[-1]:
            runs.append([])
    # a needle of one byte is found everywhere
    return max(runs, key=lambda run: (len(run) > 1, -sample.count(bytes(run)) if run else -len(sample), len(run)))


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


def _needle(needle: bytes) -> tuple[Bytes, npt.NDArray[np.int64]]:
    by_rarity = sorted(range(len(needle)), key=lambda position: _RANK.get(needle[position], 0))
    chosen = (by_rarity or [0])[:3]
    probes = np.array(chosen + chosen[-1:] * (3 - len(chosen)), np.int64)
    return np.frombuffer(needle, np.uint8), probes
